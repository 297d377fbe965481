"""Who wrote it: the Provenance of what an app added or changed (R4 provenance.html)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

DEVICES_MAX: Final = 50
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
    devices: Sequence[dict[str, str]] = (),
) -> dict[str, Any]:
    """``targets`` are ``Type/id/_history/version``; ``activity`` is CREATE or UPDATE; ``devices``: what measured it.

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
            },
            *({"type": {"coding": [{"system": _PARTICIPANT, "code": "performer"}]}, "who": each} for each in devices),
        ],
    }
    return {**resource, "meta": {"security": list(security)}} if security else resource


def devices(resources: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What measured these, each once: by reference, or by name where it stands inside of the record."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for resource in resources:
        said = resource.get("device")
        said = said if isinstance(said, dict) else {}
        reference, name = str(said.get("reference", "")), str(said.get("display") or _contained_name(resource, said))
        who = {} if reference.startswith("#") or not reference else {"reference": reference}
        if who or name:
            found.setdefault((who.get("reference", ""), name), {**who, **({"display": name} if name else {})})
    return list(found.values())[:DEVICES_MAX]


def _contained_name(resource: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    held = [each for each in resource.get("contained", []) if f"#{each.get('id')}" == said.get("reference")]
    return next((name["name"] for each in held for name in each.get("deviceName", []) if "name" in name), "")
