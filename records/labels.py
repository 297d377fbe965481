"""Sensitivity labels as a bit set, read from the security tags a source put on a resource (DESIGN D8).

Codes: http://terminology.hl7.org/CodeSystem/v3-Confidentiality (R, V) and v3-ActCode (information sensitivity policy).
A labelled record is withheld from everyone but the owner unless she chose that label.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, Final

CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

# Only grows at its end: the position is the bit in every stored row.
LABELS: Final = ("R", "SUD", "PSY", "SEX", "HIV", "GDIS", "SDV", "VIO", "OTHER")
_BIT: Final = MappingProxyType({label: 1 << position for position, label in enumerate(LABELS)})
_MEANING: Final = MappingProxyType(
    {
        "R": "R",
        "V": "R",
        "ETH": "SUD",
        "ETHUD": "SUD",
        "SUD": "SUD",
        "ALCOHOL": "SUD",
        "OPIOIDUD": "SUD",
        "42CFRPart2": "SUD",
        "PSY": "PSY",
        "MH": "PSY",
        "PSYTHPN": "PSY",
        "BH": "PSY",
        "SEX": "SEX",
        "STD": "SEX",
        "MST": "SEX",
        "PREGNANT": "SEX",
        "HIV": "HIV",
        "GDIS": "GDIS",
        "SICKLE": "GDIS",
        "SDV": "SDV",
        "VIO": "VIO",
        "SA": "VIO",
    }
)
# Tags of these systems that carry no sensitivity; any other code of ActCode is treated as sensitive.
_ORDINARY: Final = frozenset({"N", "L", "M", "U"})


def of(resource: dict[str, Any]) -> int:
    """The label bits of a resource's ``meta.security``; an unknown sensitivity code counts as OTHER, never as none."""
    meta = resource.get("meta")
    tags = meta.get("security") if isinstance(meta, dict) else None
    bits = 0
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, dict) and tag.get("system") in (CONFIDENTIALITY, ACT_CODE) and tag.get("code"):
            code = str(tag["code"])
            if code not in _ORDINARY:
                bits |= _BIT[_MEANING.get(code, "OTHER")]
    return bits


def bits(chosen: Iterable[str]) -> int:
    """The bit set of label names."""
    return sum(_BIT[label] for label in set(chosen))


def names(bit_set: int) -> list[str]:
    return [label for label in LABELS if bit_set & _BIT[label]]


ALL: Final = (1 << len(LABELS)) - 1
