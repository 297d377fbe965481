"""Which records a record takes its sensitivity from: the claim for a diagnosis says as much as the diagnosis.

Only references that tell what a record is about: a visit names its diagnosis, but a diagnosis is not about all that was
done at its visit. A chain of them is followed (note → visit → diagnosis).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from records import labels
from standards.fhir import references

PASSED_ON: Final = labels.SENSITIVE
"""Bits that go from the named record to the one that names it."""

_CLAIMED: Final = (
    ("diagnosis", "diagnosisReference"),
    ("procedure", "procedureReference"),
    ("prescription",),
    ("item", "encounter"),
)
_TAKEN: Final = (("reasonReference",), ("medicationReference",))
PATHS: Final = MappingProxyType(
    {
        "Appointment": (("reasonReference",),),
        "Binary": (("securityContext",),),
        "CarePlan": (("addresses",), ("activity", "reference")),
        "CareTeam": (("reasonReference",),),
        "Claim": _CLAIMED,
        "ClinicalImpression": (("problem",), ("finding", "itemReference")),
        "Composition": (("encounter",), ("section", "entry"), ("section", "section", "entry")),
        "DiagnosticReport": (("result",),),
        "DocumentReference": (("context", "encounter"), ("context", "related")),
        "Encounter": (("reasonReference",), ("diagnosis", "condition")),
        "EpisodeOfCare": (("diagnosis", "condition"),),
        "ExplanationOfBenefit": (("claim",), *_CLAIMED),
        "Goal": (("addresses",),),
        "MedicationAdministration": (("request",), *_TAKEN),
        "MedicationDispense": (("authorizingPrescription",), ("medicationReference",)),
        "MedicationRequest": _TAKEN,
        "MedicationStatement": (("basedOn",), *_TAKEN),
        "Observation": (("hasMember",), ("derivedFrom",)),
        "Procedure": (("reasonReference",),),
        "ServiceRequest": (("reasonReference",),),
    }
)
TYPES: Final = tuple(PATHS)


def named(resource: dict[str, Any]) -> set[str]:
    """``Type/id`` of everything this resource takes sensitivity from."""
    paths = PATHS.get(resource["resourceType"])
    return {text for path in paths for text in _at(resource, path)} if paths else set()


def reference_text(text: str) -> str | None:
    """``Type/id`` of a reference into this record, whatever version it names; None for any other."""
    parsed = references.parse(text)
    return f"{parsed.type}/{parsed.id}" if parsed and parsed.kind is references.Kind.RELATIVE else None


def _at(node: Any, path: tuple[str, ...]) -> set[str]:
    if isinstance(node, list):
        return {text for one in node for text in _at(one, path)}
    if not isinstance(node, dict):
        return set()
    if path:
        return _at(node[path[0]], path[1:]) if path[0] in node else set()
    said = node.get("reference")
    text = reference_text(said) if isinstance(said, str) else None
    return {text} if text else set()
