"""Glucose and weight: single values, days that a sensor sums up, and months. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from records.trends import quantities
from records.trends.places import Place
from records.trends.pressure import Told

GLUCOSE_UNITS: Final[Mapping[str, Decimal]] = MappingProxyType(
    {"mg/dL": Decimal(1), "mmol/L": Decimal("18.0156"), "mg/L": Decimal("0.1"), "g/L": Decimal(100)}
)
WEIGHT_UNITS: Final[Mapping[str, Decimal]] = MappingProxyType(
    {
        "kg": Decimal(1),
        "g": Decimal("0.001"),
        "[lb_av]": Decimal("0.45359237"),
        "lb": Decimal("0.45359237"),
        "lbs": Decimal("0.45359237"),
    }
)
PERCENT: Final[Mapping[str, Decimal]] = MappingProxyType({"%": Decimal(1)})
SENSOR: Final = "99504-3"
_STATISTICS: Final = {"average": "mean", "minimum": "lowest", "maximum": "highest", "count": "count"}


@dataclass(frozen=True, slots=True)
class Measure:
    """``codes``: LOINC; ``units``: UCUM to a factor; ``unit`` as people write it; ``least`` to ``most`` is possible."""

    name: str
    codes: tuple[str, ...]
    units: Mapping[str, Decimal]
    unit: str
    least: Decimal
    most: Decimal


GLUCOSE: Final = Measure(
    "glucose",
    # By meter, by sensor, and of a laboratory: blood, serum or plasma, capillary, fasting.
    ("41653-7", SENSOR, "2339-0", "2345-7", "15074-8", "14749-6", "1558-6", "32016-8", "14743-9", "2340-8"),
    GLUCOSE_UNITS,
    "mg/dL",
    Decimal(5),
    Decimal(2000),
)
A1C: Final = Measure("a1c", ("4548-4", "17856-6", "4549-2"), PERCENT, "%", Decimal(2), Decimal(25))
WEIGHT: Final = Measure("weight", ("29463-7", "3141-9", "3142-7"), WEIGHT_UNITS, "kg", Decimal("0.2"), Decimal(700))
MEASURES: Final = (GLUCOSE, A1C, WEIGHT)


@dataclass(frozen=True, slots=True)
class Value:
    """One value, or a day that a sensor summed up: then ``value`` is its mean and ``count`` how many it measured."""

    day: date
    at: datetime | None
    value: Decimal
    lowest: Decimal
    highest: Decimal
    count: int
    place: Place
    source: int
    ref: str


@dataclass(frozen=True, slots=True)
class Month:
    """``mean``: over all that was measured in it, a sensor's day by how much it measured."""

    year: int
    month: int
    mean: Decimal
    lowest: Decimal
    highest: Decimal
    count: int


@dataclass(frozen=True, slots=True)
class Change:
    """From the first to the last value of a time: ``percent`` of the first, to a tenth."""

    first: Value
    last: Value
    by: Decimal
    percent: Decimal


def read(observations: Iterable[Told], measure: Measure, *, zone: tzinfo) -> list[Value]:
    """Every usable value, oldest first; what another source says of the same minute, too, counts once."""
    found: dict[tuple[Any, ...], Value] = {}
    for observation, source, place, _ in observations:
        when = quantities.moment(observation, zone) if quantities.counts(observation) else None
        said = _said(observation, measure)
        if when is None or said is None or not quantities.codes(observation) & set(measure.codes):
            continue
        one = Value(when.day, when.at, *said, place, source, f"Observation/{observation.get('id', '')}")
        minute = one.at.replace(second=0, microsecond=0) if one.at else ("", source)
        found.setdefault((one.day, minute, one.value, one.place), one)
    return sorted(found.values(), key=lambda each: (each.day, each.at.timestamp() if each.at else 0, each.ref))


def by_month(values: Iterable[Value]) -> list[Month]:
    months: dict[tuple[int, int], list[Value]] = {}
    for each in values:
        months.setdefault((each.day.year, each.day.month), []).append(each)
    return [_month(*month, months[month]) for month in sorted(months)]


def change(values: Sequence[Value], *, within: timedelta, until: date) -> Change | None:
    """From the first value of the time that ends with ``until`` to its last; None with fewer than two days."""
    listed = [each for each in values if until - within <= each.day <= until]
    if not listed or listed[0].day == listed[-1].day:
        return None
    first, last = listed[0], listed[-1]
    by = last.value - first.value
    return Change(first, last, quantities.tenth(by), quantities.tenth(by * 100 / first.value))


def _month(year: int, month: int, values: Sequence[Value]) -> Month:
    count = sum(each.count for each in values)
    total = sum((each.value * each.count for each in values), Decimal())
    lowest, highest = min(each.lowest for each in values), max(each.highest for each in values)
    mean, lowest, highest = (quantities.tenth(each) for each in (total / count, lowest, highest))
    return Month(year, month, mean, lowest, highest, count)


def _said(observation: Mapping[str, Any], measure: Measure) -> tuple[Decimal, Decimal, Decimal, int] | None:
    """Value, lowest, highest, count. A sensor's stream says none of these itself, its day's summary beside it does."""
    number = quantities.value(observation, measure.units)
    if number is not None:
        return (number, number, number, 1) if measure.least <= number <= measure.most else None
    told: dict[str, Decimal] = {}
    for part in quantities.parts(observation):
        name = next((_STATISTICS[code] for code in _all_codes(part) if code in _STATISTICS), None)
        counted = part.get("valueInteger") if name == "count" else quantities.value(part, measure.units)
        if name and counted is not None:
            told[name] = Decimal(counted)
    if "mean" not in told:
        return None
    lowest, highest = told.get("lowest", told["mean"]), told.get("highest", told["mean"])
    fits = measure.least <= lowest <= told["mean"] <= highest <= measure.most
    return (told["mean"], lowest, highest, max(int(told.get("count", 1)), 1)) if fits else None


def _all_codes(node: Mapping[str, Any]) -> list[str]:
    code = node.get("code")
    codings = code.get("coding") if isinstance(code, dict) else None
    return [str(each.get("code")) for each in (codings if isinstance(codings, list) else []) if isinstance(each, dict)]
