"""The numbers of one Observation for a drawing: its value, its parts', or a stream's; approximate, with exact units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from portal import elements, explanations, phrases
from standards.fhir import json
from sync.sources.wearables import metrics, packing
from sync.sources.wearables.metrics import Shape

UCUM: Final = "http://unitsofmeasure.org"
LOINC: Final = metrics.LOINC
_NO_READINGS: Final = frozenset({"entered-in-error", "cancelled"})
# Of a date without a month nobody knows where on the line it belongs.
_YEAR_ONLY: Final = len("2019")


class Unit(NamedTuple):
    """``ucum``: whether the source says that it is a unit of UCUM; only such a one is ever converted."""

    text: str
    ucum: bool


class Readout(NamedTuple):
    """``part``: the code of a component, "" of the whole. ``at`` in µs since 1970 UTC. ``sign``: "<" and the like."""

    part: str
    unit: Unit
    at: int
    value: float
    sign: str = ""


class Limits(NamedTuple):
    """A usual range as its source wrote it, either end open."""

    unit: Unit
    low: float | None
    high: float | None


def code(resource: Mapping[str, Any]) -> str:
    """What its series is known by, as a search says a token: its LOINC, else its first code; "" where it has none."""
    codings = [each for each in elements.every(resource, "code", "coding") if elements.text(each, "code")]
    codings.sort(key=lambda each: elements.text(each, "system") != LOINC)
    if not codings:
        return ""
    system, value = (_escaped(elements.text(codings[0], key)) for key in ("system", "code"))
    return f"{system}|{value}"


def of(body: bytes, *, occurred: int) -> Iterator[Readout]:
    """What can be drawn of a stored Observation, in its order; nothing where it has no number, or no day."""
    try:
        resource = json.approximate(body)
    except json.MalformedJSON:
        return
    when = resource.get("effectiveDateTime")
    if resource.get("status") in _NO_READINGS or (isinstance(when, str) and len(when) == _YEAR_ONLY):
        return
    if "valueSampledData" in resource:
        yield from _streamed(body)
        return
    for part, node in [("", resource), *_parts(resource)]:
        if found := _number(node):
            yield Readout(part, found[0], occurred, found[1], found[2])


def parts(resource: Mapping[str, Any]) -> dict[str, str]:
    """What the components of an Observation are called, by their codes."""
    return {part: _called(part, node) for part, node in _parts(resource)}


def _called(part: str, node: Mapping[str, Any]) -> str:
    """A bare code says nothing to anybody."""
    said = phrases.concept(node.get("code"))
    return explanations.name(node) or said if said == part else said


def limits(resource: Mapping[str, Any]) -> dict[str, Limits]:
    """The usual range that each part, or "" for the whole, has in numbers."""
    found = {}
    for part, node in [("", resource), *_parts(resource)]:
        told = elements.first(node, "referenceRange")
        low, high = (_quantity(elements.first(told, end)) for end in ("low", "high"))
        unit = next((each[0] for each in (low, high, _number(node)) if each and each[0].text), None)
        if unit and (low or high):
            found[part] = Limits(unit, low[1] if low else None, high[1] if high else None)
    return found


def _escaped(text: str) -> str:
    """As a value of a search (search.html#escaping)."""
    for mark in "\\,|$":
        text = text.replace(mark, f"\\{mark}")
    return text


def _parts(resource: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for node in elements.every(resource, "component") if "component" in resource else ():
        if isinstance(node, dict) and (called := elements.text(node, "code", "coding", "code")):
            yield called, node


def _number(node: Mapping[str, Any]) -> tuple[Unit, float, str] | None:
    whole = node.get("valueInteger")
    if isinstance(whole, int) and not isinstance(whole, bool):
        return Unit("1", True), float(whole), ""
    return _quantity(node.get("valueQuantity"))


def _quantity(node: Any) -> tuple[Unit, float, str] | None:
    """Asked of each of hundreds of thousands: plain look-ups of what nobody vouches for."""
    if not isinstance(node, dict):
        return None
    value, code, unit, sign = node.get("value"), node.get("code"), node.get("unit"), node.get("comparator", "")
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(code, str) and code and node.get("system") == UCUM:
        written = Unit(code, True)
    else:
        written = Unit(unit if isinstance(unit, str) and unit else code if isinstance(code, str) else "", False)
    return written, float(value), sign if isinstance(sign, str) else ""


def _streamed(body: bytes) -> Iterator[Readout]:
    """Every sample of a level; of an amount, what its device counted in all, where the stream begins."""
    resource = json.loads(body)
    known = (metrics.BY_CODE.get(each) for each in elements.every(resource, "code", "coding", "code"))
    metric = next((each for each in known if each), None)
    if metric is None:
        return
    try:
        samples = packing.unpack(resource, metric)
    except packing.NotPacked:
        return
    unit = Unit(metric.unit, True)
    if metric.shape is Shape.AMOUNT and samples:
        yield Readout("", unit, _micros(samples[0].start), float(sum(each.value for each in samples)))
        return
    for each in samples:
        yield Readout("", unit, _micros(each.start), float(each.value))


def _micros(moment: Any) -> int:
    return int(moment.timestamp() * 1_000_000)
