"""Labels on the way out: ``meta.security`` of whoever may see the record (R4 security-labels.html).

A source's own tags stay as they are; ours are added and name us as their classifier (DS4P), so that they are told from
what a source stated and are not taken for it when an app sends the record back.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from records import labels
from standards.fhir import json

CLASSIFIER: Final = "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-sec-label-classifier"
_OURS: Final = [{"url": CLASSIFIER, "valueReference": {"display": "Tributary"}}]
# The code of each label; R, OTHER and OWN are told by the confidentiality alone, UNC by nothing.
_CODES: Final = MappingProxyType(
    {"SUD": "SUD", "PSY": "PSY", "SEX": "SEX", "HIV": "HIV", "GDIS": "GDIS", "SDV": "SDV", "VIO": "VIO", "ADOL": "ADOL"}
)


def tagged(body: bytes, bits: int) -> bytes:
    """The body with a tag for each of its labels. A record without sensitive labels is handed on untouched."""
    if not bits & labels.SENSITIVE:
        return body
    resource: dict[str, Any] = json.loads(body)
    meta = resource["meta"]
    said = meta.get("security")
    stated = [tag for tag in said if isinstance(tag, dict)] if isinstance(said, list) else []
    known = {(tag.get("system"), tag.get("code")) for tag in stated}
    ours = [tag for tag in _tags(bits) if (tag["system"], tag["code"]) not in known]
    if any(system == labels.CONFIDENTIALITY and code in ("R", "V") for system, code in known):
        ours = [tag for tag in ours if tag["system"] != labels.CONFIDENTIALITY]
    if not ours or (said is not None and not isinstance(said, list)):
        return body
    resource["meta"] = {**meta, "security": [*(said or ()), *ours]}
    return json.dumps(resource)


def untagged(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource as its source said it."""
    meta = resource.get("meta")
    if not isinstance(meta, dict) or not isinstance(meta.get("security"), list):
        return resource
    return {**resource, "meta": {**meta, "security": without_ours(meta["security"])}}


def without_ours(tags: list[Any]) -> list[Any]:
    """The tags that somebody else set."""
    return [tag for tag in tags if not (isinstance(tag, dict) and tag.get("extension") == _OURS)]


def _tags(bits: int) -> list[dict[str, Any]]:
    found = [(labels.CONFIDENTIALITY, "R")]
    found += [(labels.ACT_CODE, _CODES[name]) for name in labels.names(bits) if name in _CODES]
    return [{"extension": _OURS, "system": system, "code": code} for system, code in found]
