"""Facts about R4's types: which are clinical, who is in a patient's compartment, what US Core asks to search by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from standards.fhir import structures

RESOURCE_TYPES: Final = structures.r4().resource_types
"""The 146 concrete resource types of R4."""

PATIENT_COMPARTMENT: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {type_: tuple(parameters) for type_, parameters in structures.load("patient-compartment.json").items()}
)
"""Type to the search parameters by which one of its resources belongs to a patient (CompartmentDefinition/patient)."""


@dataclass(frozen=True, slots=True)
class TypeSearches:
    """What US Core 6.1.0 asks of one type: combinations of parameters, each a SHALL or a SHOULD.

    ``comparators`` are date parameters for which gt, ge, lt, le are a SHALL; ``lists`` those taking comma lists.
    """

    shall: tuple[tuple[str, ...], ...] = ()
    should: tuple[tuple[str, ...], ...] = ()
    comparators: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()

    def parameters(self) -> tuple[str, ...]:
        """Every parameter named, each once, SHALL first."""
        return tuple(dict.fromkeys(name for combination in (*self.shall, *self.should) for name in combination))


def _combine(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(combination.split("+")) for combination in text.split())


def _searches(shall: str = "", should: str = "", comparators: str = "", lists: str = "") -> TypeSearches:
    return TypeSearches(
        _combine(shall),
        _combine(should),
        tuple(comparators.split()),
        tuple(lists.split()),
    )


US_CORE_SEARCHES: Final[Mapping[str, TypeSearches]] = MappingProxyType(
    {
        "AllergyIntolerance": _searches("patient", "patient+clinical-status"),
        "CarePlan": _searches(
            "patient+category",
            "patient+category+date patient+category+status patient+category+status+date",
            "date",
            "status",
        ),
        "CareTeam": _searches("patient+status", "role patient+role"),
        "Condition": _searches(
            "patient patient+category",
            "patient+clinical-status patient+code patient+onset-date patient+recorded-date patient+abatement-date"
            " patient+asserted-date patient+category+clinical-status patient+category+encounter patient+_lastUpdated",
            "onset-date recorded-date abatement-date asserted-date",
        ),
        "Coverage": _searches("patient"),
        "Device": _searches("patient", "patient+type patient+status", "", "status"),
        "DiagnosticReport": _searches(
            "patient patient+category patient+category+date patient+code",
            "patient+status patient+code+date patient+_lastUpdated patient+category+_lastUpdated",
            "date",
            "status",
        ),
        "DocumentReference": _searches(
            "_id patient patient+category patient+category+date patient+type",
            "patient+status patient+type+period",
            "date period",
            "status",
        ),
        "Encounter": _searches(
            "_id patient patient+date",
            "identifier patient+class patient+type patient+status patient+location patient+discharge-disposition"
            " patient+_lastUpdated",
            "date",
        ),
        "Goal": _searches(
            "patient",
            "patient+lifecycle-status patient+target-date patient+description",
            "target-date",
        ),
        "Immunization": _searches("patient", "patient+date patient+status", "date"),
        "Location": _searches("name address", "address-city address-state address-postalcode"),
        "Medication": _searches(),
        "MedicationDispense": _searches("patient", "patient+status patient+status+type", "", "status type"),
        "MedicationRequest": _searches(
            "patient+intent patient+intent+status",
            "patient+intent+authoredon patient+intent+encounter",
            "authoredon",
            "intent status",
        ),
        "Observation": _searches(
            "patient+category patient+code patient+category+date",
            "patient+category+status patient+code+date patient+_lastUpdated patient+category+_lastUpdated",
            "date",
            "status",
        ),
        "Organization": _searches("name address"),
        "Patient": _searches(
            "_id identifier name birthdate+name gender+name",
            "birthdate+family family+gender death-date+family",
        ),
        "Practitioner": _searches("name identifier", "_id"),
        "PractitionerRole": _searches("specialty practitioner"),
        "Procedure": _searches("patient patient+date", "patient+status patient+code+date", "date", "status"),
        "Provenance": _searches(),
        "QuestionnaireResponse": _searches(
            "",
            "_id patient patient+status patient+authored patient+questionnaire",
            "authored",
            "status",
        ),
        "RelatedPerson": _searches("_id", "patient name patient+name"),
        "ServiceRequest": _searches(
            "_id patient patient+category patient+category+authored patient+code",
            "patient+status patient+code+authored",
            "authored",
            "status",
        ),
        "Specimen": _searches("_id", "patient"),
    }
)
"""Type to its searches; no combination at all means read only (US Core 6.1.0 and 7.0.0 CapabilityStatement)."""

US_CORE_TYPES: Final = frozenset(US_CORE_SEARCHES)

ADMINISTRATIVE_TYPES: Final = frozenset(
    {
        "Practitioner",
        "PractitionerRole",
        "Organization",
        "Location",
        "Medication",
        "MedicationKnowledge",
        "Substance",
        "Questionnaire",
        "Endpoint",
        "HealthcareService",
    }
)
"""Pointed at by a patient's record and in nobody's compartment."""

CLINICAL_TYPES: Final = frozenset(PATIENT_COMPARTMENT) - {
    "Patient",
    "Person",
    "RelatedPerson",
    "AuditEvent",
    "Provenance",
    "Account",
    "Schedule",
    "Group",
}
"""The types of a patient's compartment that tell of her health or care, not of who she is or who looked."""
