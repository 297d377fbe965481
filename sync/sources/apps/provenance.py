"""Who wrote it: the Provenance of what an app added or changed (R4 provenance.html)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

_OPERATION: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_PARTICIPANT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def compose(
    *,
    logical_id: str,
    targets: Sequence[str],
    activity: str,
    app_uri: str,
    app_name: str,
    patient_id: str,
    recorded: str,
    security: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """``targets`` are ``Type/id/_history/version``; ``activity`` is CREATE or UPDATE.

    ``security``: the sensitivity tags of what it tells of, so that it is withheld together with that.
    """
    resource: dict[str, Any] = {
        "resourceType": "Provenance",
        "id": logical_id,
        "target": [{"reference": target} for target in targets],
        "recorded": recorded,
        "activity": {"coding": [{"system": _OPERATION, "code": activity}]},
        "agent": [
            {
                "type": {"coding": [{"system": _PARTICIPANT, "code": "author"}]},
                "who": {"identifier": {"system": "urn:ietf:rfc:3986", "value": app_uri}, "display": app_name},
                "onBehalfOf": {"reference": f"Patient/{patient_id}"},
            }
        ],
    }
    return {**resource, "meta": {"security": list(security)}} if security else resource
