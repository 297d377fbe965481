"""Blood pressure at home and in the clinic: readings, protocol averages, and what both together say. Pure.

At home the first day is dropped and the rest averaged, mornings and evenings also by themselves; 12 readings on 3 days
with both times of day suffice. In the clinic 2 readings on 2 days do. A pattern is told only where both sides suffice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from records.trends import guidelines, quantities
from records.trends.guidelines import GUIDELINES, Guideline, Pressure, Region
from records.trends.places import Place, Sign

SYSTOLIC: Final = "8480-6"
DIASTOLIC: Final = "8462-4"
PANELS: Final = frozenset({"85354-9", "55284-4"})
CODES: Final = (*sorted(PANELS), SYSTOLIC, DIASTOLIC)
UNITS: Final[Mapping[str, Decimal]] = {
    "mm[Hg]": Decimal(1),
    "mmHg": Decimal(1),
    "kPa": Decimal("7.50061683"),
}
READINGS_MIN: Final = 12
DAYS_MIN: Final = 3
VISITS_MIN: Final = 2
MORNING: Final = range(4, 12)
"""Hours of her clock; the guidelines say "morning" and "evening" and leave the hours to us."""
EVENING: Final = range(17, 24)
_LEAST, _MOST = Decimal(20), Decimal(350)


class Lack(StrEnum):
    """What a side would need to suffice."""

    READINGS = "readings"
    DAYS = "days"
    MORNINGS = "mornings"
    EVENINGS = "evenings"
    VISITS = "visits"


class Pattern(StrEnum):
    BELOW = "below"  # both below
    SUSTAINED = "sustained"  # both at or above
    WHITE_COAT = "white-coat"  # at or above in the clinic, below at home
    MASKED = "masked"  # below in the clinic, at or above at home


@dataclass(frozen=True, slots=True)
class Reading:
    """``at`` is None where only the day is told. ``sources``: of one reading that several sources hand on, all."""

    day: date
    at: datetime | None
    pressure: Pressure
    place: Place
    sign: Sign
    sources: tuple[int, ...]
    refs: tuple[str, ...]
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """What was in the Observations. ``unusable``: how many of them tell no reading (no unit, half of it, impossible);
    ``twice``: how many were said by another source, too."""

    readings: tuple[Reading, ...]
    unusable: int = 0
    twice: int = 0


@dataclass(frozen=True, slots=True)
class Average:
    pressure: Pressure
    count: int


@dataclass(frozen=True, slots=True)
class Home:
    """``dropped``: the first day, none of whose readings count. Averages are of what is left; None of nothing."""

    dropped: date | None
    dropped_count: int
    average: Average | None
    morning: Average | None
    evening: Average | None
    days: int
    by_hand: int
    lacks: tuple[Lack, ...]


@dataclass(frozen=True, slots=True)
class Clinic:
    average: Average | None
    visits: int
    lacks: tuple[Lack, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the averages stand to one guideline. None: nothing to compare, or (``pattern``) too little on a side."""

    guideline: Guideline
    home_high: bool | None
    clinic_high: bool | None
    pattern: Pattern | None


@dataclass(frozen=True, slots=True)
class Compared:
    home: Home
    clinic: Clinic
    verdicts: tuple[Verdict, ...]
    untold: int

    @property
    def matters(self) -> bool:
        """Whether the home readings change what one would think of the clinic's alone, or stand by themselves high."""
        told = {each.pattern for each in self.verdicts}
        return bool(told & {Pattern.WHITE_COAT, Pattern.MASKED, Pattern.SUSTAINED})

    def by(self, region: Region) -> Verdict:
        return next(each for each in self.verdicts if each.guideline.region is region)


Told = tuple[Mapping[str, Any], int, Place, Sign]
"""An Observation, its source, and where it was taken."""


def read(observations: Iterable[Told], *, zone: tzinfo) -> Read:
    """Every reading, oldest first; a panel with its components, or two Observations of one source at one moment.

    ``zone``: hers, by which days begin.
    """
    found: list[Reading] = []
    halves: dict[tuple[Any, ...], dict[str, Decimal]] = {}
    about: dict[tuple[Any, ...], Reading] = {}
    unusable = 0
    for observation, source, place, sign in observations:
        if not quantities.counts(observation):
            continue
        when = quantities.moment(observation, zone)
        said, whole = _said(observation)
        if when is None or not said or (whole and len(said) < 2):
            unusable += 1
            continue
        ref = f"Observation/{observation.get('id', '')}"
        one = Reading(when.day, when.at, _NONE, place, sign, (source,), (ref,), _by_hand(observation))
        if whole:
            found.append(_with(one, said))
            continue
        key = (source, when.day, when.at, place, _group(observation) if when.at is None else "")
        halves.setdefault(key, {}).update(said)
        before = about.get(key)
        about[key] = _with(one, said) if before is None else _joined(before, one)
    for key, said in halves.items():
        if len(said) == 2:
            found.append(_with(about[key], said))
        else:
            unusable += 1
    possible = [each for each in found if _possible(each.pressure)]
    merged = _merged(possible)
    return Read(tuple(merged), unusable + len(found) - len(possible), len(possible) - len(merged))


def compare(readings: Sequence[Reading]) -> Compared:
    """Both sides and how they stand to each guideline. ``readings``: of one period, as ``read`` gives them."""
    home = of_home([each for each in readings if each.place is Place.HOME])
    clinic = of_clinic([each for each in readings if each.place is Place.CLINIC])
    untold = sum(each.place is Place.UNTOLD for each in readings)
    return Compared(home, clinic, tuple(_verdict(each, home, clinic) for each in GUIDELINES), untold)


def of_home(readings: Sequence[Reading]) -> Home:
    first = min((each.day for each in readings), default=None)
    kept = [each for each in readings if each.day != first]
    mornings, evenings = _at(kept, MORNING), _at(kept, EVENING)
    days = len({each.day for each in kept})
    wanting = {
        Lack.READINGS: len(kept) < READINGS_MIN,
        Lack.DAYS: days < DAYS_MIN,
        Lack.MORNINGS: not mornings,
        Lack.EVENINGS: not evenings,
    }
    return Home(
        dropped=first,
        dropped_count=len(readings) - len(kept),
        average=_average(kept),
        morning=_average(mornings),
        evening=_average(evenings),
        days=days,
        by_hand=sum(each.by_hand for each in kept),
        lacks=tuple(lack for lack, so in wanting.items() if so),
    )


def of_clinic(readings: Sequence[Reading]) -> Clinic:
    visits = len({each.day for each in readings})
    return Clinic(_average(readings), visits, (Lack.VISITS,) if visits < VISITS_MIN else ())


def by_month(readings: Iterable[Reading], place: Place) -> dict[tuple[int, int], Average]:
    """Means of a place by (year, month), oldest first; nothing is dropped."""
    months: dict[tuple[int, int], list[Reading]] = {}
    for each in readings:
        if each.place is place:
            months.setdefault((each.day.year, each.day.month), []).append(each)
    return {month: average for month in sorted(months) if (average := _average(months[month]))}


def _verdict(guideline: Guideline, home: Home, clinic: Clinic) -> Verdict:
    home_high = None if home.average is None else guidelines.reaches(home.average.pressure, guideline.home)
    clinic_high = None if clinic.average is None else guidelines.reaches(clinic.average.pressure, guideline.clinic)
    if home.lacks or clinic.lacks:
        return Verdict(guideline, home_high, clinic_high, None)
    return Verdict(guideline, home_high, clinic_high, _PATTERNS[bool(clinic_high), bool(home_high)])


_PATTERNS: Final = {
    (False, False): Pattern.BELOW,
    (True, True): Pattern.SUSTAINED,
    (True, False): Pattern.WHITE_COAT,
    (False, True): Pattern.MASKED,
}
_NONE: Final = Pressure(Decimal(), Decimal())


def _said(observation: Mapping[str, Any]) -> tuple[dict[str, Decimal], bool]:
    """The pressures in it by code, and whether it should hold both: a panel, or anything with components."""
    codes = quantities.codes(observation)
    single = codes & {SYSTOLIC, DIASTOLIC}
    nodes = [observation] if single else quantities.parts(observation)
    said = {
        code: number
        for node in nodes
        for code in quantities.codes(node) & {SYSTOLIC, DIASTOLIC}
        if (number := quantities.value(node, UNITS)) is not None
    }
    return said, not single


def _with(reading: Reading, said: Mapping[str, Decimal]) -> Reading:
    pressure = Pressure(said.get(SYSTOLIC, Decimal()), said.get(DIASTOLIC, Decimal()))
    return replace(reading, pressure=pressure)


def _joined(one: Reading, other: Reading) -> Reading:
    """Of two Observations that are one reading."""
    return replace(
        one,
        sources=tuple(sorted({*one.sources, *other.sources})),
        refs=tuple(dict.fromkeys((*one.refs, *other.refs))),
        by_hand=one.by_hand and other.by_hand,
    )


def _merged(readings: Iterable[Reading]) -> list[Reading]:
    """The same pressure at the same place and minute is one reading, whoever hands it on: a maker and the phone."""
    found: dict[tuple[Any, ...], Reading] = {}
    for each in readings:
        minute = each.at.replace(second=0, microsecond=0) if each.at else each.refs
        key: tuple[Any, ...] = (each.day, minute, each.pressure, each.place)
        # Two alike in one minute from one source are two readings: cuffs measure twice, a minute apart.
        while key in found and set(found[key].sources) & set(each.sources):
            key = (*key, len(key))
        found[key] = _joined(found[key], each) if key in found else each
    return sorted(found.values(), key=_order)


def _order(reading: Reading) -> tuple[date, bool, float, tuple[str, ...]]:
    return (reading.day, reading.at is not None, reading.at.timestamp() if reading.at else 0, reading.refs)


def _possible(pressure: Pressure) -> bool:
    return _LEAST <= pressure.diastolic < pressure.systolic <= _MOST


def _at(readings: Iterable[Reading], hours: range) -> list[Reading]:
    return [each for each in readings if each.at is not None and each.at.hour in hours]


def _average(readings: Sequence[Reading]) -> Average | None:
    pick: tuple[Callable[[Pressure], Decimal], ...] = (lambda one: one.systolic, lambda one: one.diastolic)
    systolic, diastolic = (quantities.mean(get(each.pressure) for each in readings) for get in pick)
    return None if systolic is None or diastolic is None else Average(Pressure(systolic, diastolic), len(readings))


def _by_hand(observation: Mapping[str, Any]) -> bool:
    method = observation.get("method")
    return isinstance(method, dict) and method.get("text") == "Entered by hand"


def _group(observation: Mapping[str, Any]) -> str:
    """Of single values that tell the day alone: what they stand beside, so that two of a day do not mix."""
    encounter = observation.get("encounter")
    return str(encounter.get("reference")) if isinstance(encounter, dict) else ""
