"""Numbers and times out of Observations that nobody has checked: what does not fit is left out, never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from standards.fhir import occurrence

LOINC: Final = "http://loinc.org"
_COUNTS: Final = frozenset({"final", "amended", "corrected", "preliminary"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BARE_DAY: Final = len("2024-05-01")


@dataclass(frozen=True, slots=True)
class Moment:
    """``day``: by her clock. ``at`` is None where only the day is told."""

    day: date
    at: datetime | None


def counts(observation: Mapping[str, Any]) -> bool:
    """Whether it is a reading at all: not cancelled, not entered in error."""
    return observation.get("status") in _COUNTS


def codes(node: Mapping[str, Any]) -> frozenset[str]:
    """The LOINC codes of an Observation or of a component."""
    code = node.get("code")
    codings = code.get("coding") if isinstance(code, dict) else None
    return frozenset(
        str(each.get("code"))
        for each in (codings if isinstance(codings, list) else [])
        if isinstance(each, dict) and each.get("system") == LOINC
    )


def parts(observation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = observation.get("component")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def value(node: Mapping[str, Any], units: Mapping[str, Decimal]) -> Decimal | None:
    """The number in the unit whose factor is 1; None in a unit that is not among them, or with a comparator."""
    quantity = node.get("valueQuantity")
    if not isinstance(quantity, dict) or "comparator" in quantity:
        return None
    number, unit = quantity.get("value"), quantity.get("code") or quantity.get("unit")
    factor = units.get(unit) if isinstance(unit, str) else None
    if factor is None or isinstance(number, bool) or not isinstance(number, int | Decimal):
        return None
    return Decimal(number) * factor


def moment(observation: Mapping[str, Any], zone: tzinfo) -> Moment | None:
    """When it was taken, its beginning if it took some time; None where not even the day is told."""
    written = occurrence.element_of(observation)
    if isinstance(written, dict):
        written = written.get("start")
    covered = occurrence.occurred(observation)
    if not isinstance(written, str) or covered is None or len(written) < _BARE_DAY:
        return None
    if len(written) == _BARE_DAY:
        return Moment(date.fromisoformat(written), None)
    try:
        at = (_EPOCH + timedelta(microseconds=covered.low)).astimezone(zone)
    except OverflowError:
        return None
    return Moment(at.date(), at)


def mean(numbers: Iterable[Decimal]) -> Decimal | None:
    """To a tenth, halves up: what is shown is what is judged."""
    listed = list(numbers)
    return tenth(sum(listed, Decimal()) / len(listed)) if listed else None


def tenth(number: Decimal) -> Decimal:
    return number.quantize(Decimal("0.1"), ROUND_HALF_UP)
