"""The kinds of facts that several sources tell: which resources they are, and how they are compared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Kind(StrEnum):
    """The values stand in addresses of pages."""

    PROBLEMS = "problems"
    ALLERGIES = "allergies"
    MEDICINES = "medicines"
    VACCINES = "vaccines"
    RESULTS = "results"
    PROCEDURES = "procedures"
    VISITS = "visits"
    DOCUMENTS = "documents"
    CLINICIANS = "clinicians"
    ORGANIZATIONS = "organizations"


@dataclass(frozen=True, slots=True)
class Make:
    """``types``: FHIR's. ``once``: one source tells such a fact once, so two of its records are never the same."""

    types: tuple[str, ...]
    once: bool


MAKES: Final = MappingProxyType(
    {
        Kind.PROBLEMS: Make(("Condition",), once=False),
        Kind.ALLERGIES: Make(("AllergyIntolerance",), once=False),
        Kind.MEDICINES: Make(
            ("MedicationRequest", "MedicationStatement", "MedicationDispense", "MedicationAdministration"), once=False
        ),
        Kind.VACCINES: Make(("Immunization",), once=True),
        Kind.RESULTS: Make(("Observation", "DiagnosticReport"), once=True),
        Kind.PROCEDURES: Make(("Procedure",), once=True),
        Kind.VISITS: Make(("Encounter",), once=True),
        Kind.DOCUMENTS: Make(("DocumentReference",), once=True),
        Kind.CLINICIANS: Make(("Practitioner",), once=False),
        Kind.ORGANIZATIONS: Make(("Organization",), once=False),
    }
)
_OF: Final = {resource_type: kind for kind, make in MAKES.items() for resource_type in make.types}


def of(resource_type: str) -> Kind | None:
    return _OF.get(resource_type)
