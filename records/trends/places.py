"""Where a reading was taken: at home, in a clinic, or not told (docs/clinicians.md has the rule in words)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

_HERSELF: Final = ("Patient/", "RelatedPerson/")
_STAFF: Final = ("Practitioner/", "PractitionerRole/", "Organization/", "CareTeam/")
_AT_A_CLINIC: Final = frozenset({"exam", "procedure", "therapy", "imaging"})


class Place(StrEnum):
    HOME = "home"
    CLINIC = "clinic"
    UNTOLD = "untold"


class Sign(StrEnum):
    """By what the place was known; the first that fits decides, in this order."""

    BY_HERSELF = "by-herself"
    BY_STAFF = "by-staff"
    AT_A_VISIT = "at-a-visit"
    CATEGORY = "category"
    HER_DEVICE = "her-device"
    FROM_HOME = "from-home"
    FROM_A_CLINIC = "from-a-clinic"
    NOTHING = "nothing"


_PLACES: Final[Mapping[Sign, Place]] = {
    Sign.BY_HERSELF: Place.HOME,
    Sign.BY_STAFF: Place.CLINIC,
    Sign.AT_A_VISIT: Place.CLINIC,
    Sign.CATEGORY: Place.CLINIC,
    Sign.HER_DEVICE: Place.HOME,
    Sign.FROM_HOME: Place.HOME,
    Sign.FROM_A_CLINIC: Place.CLINIC,
    Sign.NOTHING: Place.UNTOLD,
}


class Kind(StrEnum):
    """What sort of source it came from, as far as it tells a place."""

    HOME = "home"  # a maker of devices, an app, her phone's export, what she wrote down here herself
    CLINIC = "clinic"  # a hospital
    OTHER = "other"  # a health plan, a file: what they hand on may be from anywhere


@dataclass(frozen=True, slots=True)
class Told:
    place: Place
    sign: Sign


def of(observation: Mapping[str, Any], *, kind: Kind, devices: Mapping[str, Mapping[str, Any]]) -> Told:
    """``devices``: Device resources by reference (``Device/id``), as far as the reader may see them."""
    sign = _sign(observation, kind, devices)
    return Told(_PLACES[sign], sign)


def _sign(observation: Mapping[str, Any], kind: Kind, devices: Mapping[str, Mapping[str, Any]]) -> Sign:
    performers = _references(observation.get("performer"))
    if any(each.startswith(_HERSELF) for each in performers):
        return Sign.BY_HERSELF
    if any(each.startswith(_STAFF) for each in performers):
        return Sign.BY_STAFF
    if observation.get("encounter"):
        return Sign.AT_A_VISIT
    if _categories(observation) & _AT_A_CLINIC:
        return Sign.CATEGORY
    if any(devices.get(each, {}).get("patient") for each in _references(observation.get("device"))):
        return Sign.HER_DEVICE
    return {Kind.HOME: Sign.FROM_HOME, Kind.CLINIC: Sign.FROM_A_CLINIC, Kind.OTHER: Sign.NOTHING}[kind]


def _references(node: Any) -> list[str]:
    """``Type/id`` of one reference or of several, wherever they stand; also of those that only name their type."""
    found = node if isinstance(node, list) else [node]
    texts = [_reference(each) for each in found if isinstance(each, dict)]
    return [text for text in texts if text]


def _reference(element: Mapping[str, Any]) -> str:
    text, named = element.get("reference"), element.get("type")
    if isinstance(text, str):
        return "/".join(text.rsplit("/", 2)[-2:])
    return f"{named}/" if isinstance(named, str) else ""


def _categories(observation: Mapping[str, Any]) -> set[str]:
    concepts = observation.get("category")
    return {
        str(coding.get("code"))
        for concept in (concepts if isinstance(concepts, list) else [])
        if isinstance(concept, dict)
        for coding in concept.get("coding") or []
        if isinstance(coding, dict)
    }
