"""A delegate as FHIR R4 RelatedPerson: who ``fhirUser`` names to an app that she let into the record of another.

Computed whenever it is asked for; only such an app may ask (hl7.org/fhir/R4/relatedperson.html, US Core 6.1).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from consent.models import Delegation

_RELATIONSHIP: Final = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
_PROFILE: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-relatedperson"
VERSION: Final = 1


def person(delegation: Delegation, *, patient_id: str) -> dict[str, Any]:
    """Of a delegation that is bound to somebody and in force. The name is the one she goes by here herself."""
    delegate = delegation.delegate
    assert delegate is not None
    return {
        "resourceType": "RelatedPerson",
        "id": str(delegation.uid),
        "meta": {"versionId": str(VERSION), "lastUpdated": _instant(begun(delegation)), "profile": [_PROFILE]},
        "active": True,
        "patient": {"reference": f"Patient/{patient_id}"},
        "relationship": [{"coding": [{"system": _RELATIONSHIP, "code": delegation.relationship}]}],
        "name": [{"text": delegate.name or delegation.name}],
        "period": {"start": _instant(begun(delegation))},
    }


def begun(delegation: Delegation) -> datetime:
    """When she took it on."""
    return delegation.accepted or delegation.invited


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
