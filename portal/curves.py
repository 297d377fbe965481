"""One measure over time, thinned for a screen: of each stretch its lowest and highest value stay, whatever else goes.

Memory is bounded by lines and buckets, not by readings. Units come together only where that is exact (UCUM); what does
not is drawn by itself, and a page says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from typing import Any, Final, NamedTuple

from portal import names, readouts
from portal.readouts import Limits, Unit
from records import indexing, reading, series
from standards.fhir import json
from standards.terminology import ucum

WHOLE: Final = 600
"""So many points of a line are drawn as they are; more are thinned."""
BUCKETS: Final = 300
LINES_MAX: Final = 24
DAY: Final = 86_400_000_000
"""In µs."""


class Point(NamedTuple):
    """``at`` in µs since 1970 UTC; ``record`` is the logical id of the Observation it stands in."""

    at: int
    value: float
    record: str
    sign: str


@dataclass(frozen=True)
class Line:
    """``part``: the code of a component, or "". ``points``: from the oldest on. ``read``: how many there were.
    ``converted``: the units that some of it was written in."""

    part: str
    source_id: int
    points: tuple[Point, ...]
    read: int
    converted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chart:
    """Lines in one unit. ``limits``: the newest usual range by part, in this unit."""

    unit: str
    lines: tuple[Line, ...]
    limits: Mapping[str, Limits]


@dataclass(frozen=True)
class Drawn:
    """``records``: how many were read; ``left``: lines beyond LINES_MAX, which are not drawn."""

    charts: tuple[Chart, ...]
    records: int
    left: int


class _Key(NamedTuple):
    part: str
    unit: Unit
    source_id: int


@dataclass
class Thinned:
    """Takes points in any order between ``since`` and ``until``, and keeps at most 2 × BUCKETS + WHOLE of them."""

    since: int
    until: int
    read: int = 0
    whole: list[Point] | None = field(default_factory=list)
    buckets: dict[int, tuple[Point, Point]] = field(default_factory=dict)

    def add(self, point: Point) -> None:
        self.read += 1
        if self.whole is None:
            self._bucket(point)
            return
        self.whole.append(point)
        if len(self.whole) > WHOLE:
            for each in self.whole:
                self._bucket(each)
            self.whole = None

    def points(self) -> list[Point]:
        kept = self.whole
        if kept is None:
            kept = list({point for pair in self.buckets.values() for point in pair})
        return sorted(kept)

    def _bucket(self, point: Point) -> None:
        number = (point.at - self.since) * BUCKETS // max(self.until - self.since, 1)
        low, high = self.buckets.get(number, (point, point))
        if point.value < low.value or point.value > high.value:
            self.buckets[number] = (min(low, point, key=_value), max(high, point, key=_value))
        elif number not in self.buckets:
            self.buckets[number] = (point, point)


def _value(point: Point) -> float:
    return point.value


def draw(records: reading.RecordSet, code: str, *, since: int, until: int) -> Drawn:
    """The readings of a code that begin in this time, µs since 1970 UTC, half-open. One statement."""
    lines: dict[_Key, Thinned] = {}
    limits: dict[str, Limits] = {}
    number, left = 0, 0
    # A stream that began the day before may reach into the time.
    stream = series.stream(records, code, since=since - DAY, until=until)
    for number, measured in enumerate(stream, start=1):
        if number == 1:
            limits = readouts.limits(json.loads(measured.body))
        if measured.occurred <= indexing.NEVER:
            continue
        for one in readouts.of(measured.body, occurred=measured.occurred):
            if not since <= one.at < until:
                continue
            key = _Key(one.part, one.unit, measured.source_id)
            if key not in lines and len(lines) == LINES_MAX:
                left += 1
                continue
            line = lines.get(key) or lines.setdefault(key, Thinned(since, until))
            line.add(Point(one.at, one.value, measured.logical_id, one.sign))
    return Drawn(tuple(_charts(lines, limits)), number, left)


def _charts(lines: Mapping[_Key, Thinned], limits: Mapping[str, Limits]) -> Iterable[Chart]:
    """By unit: the first that was met, the newest one's, takes in all that are exactly the same."""
    targets: list[Unit] = []
    placed: list[tuple[int, _Key, Thinned]] = []
    for key, line in lines.items():
        place = next((number for number, unit in enumerate(targets) if _way(key.unit, unit)), len(targets))
        if place == len(targets):
            targets.append(key.unit)
        placed.append((place, key, line))
    placed.sort(key=lambda each: (each[0], each[1].part, each[1].source_id))
    for place, group in groupby(placed, key=lambda each: each[0]):
        unit = targets[place]
        together = [(key, line) for _, key, line in group]
        yield Chart(names.unit(unit.text), tuple(_merged(together, unit)), _in_unit(limits, unit))


def _way(source: Unit, target: Unit) -> ucum.Conversion | None:
    """What brings one unit to the other exactly; a unit in words is like nothing but itself."""
    if source.text == target.text:
        return ucum.Conversion(Fraction(1), Fraction(0))
    return ucum.conversion(source.text, target.text) if source.ucum and target.ucum else None


def _merged(lines: Sequence[tuple[_Key, Thinned]], unit: Unit) -> Iterable[Line]:
    for (part, source_id), group in groupby(lines, key=lambda each: (each[0].part, each[0].source_id)):
        points: list[Point] = []
        read, others = 0, []
        for key, line in group:
            way = _way(key.unit, unit)
            assert way is not None
            points += [each._replace(value=_converted(way, each.value)) for each in line.points()]
            read += line.read
            others += [names.unit(key.unit.text)] if key.unit.text != unit.text else []
        written = tuple(dict.fromkeys(each for each in others if each != names.unit(unit.text)))
        yield Line(part, source_id, tuple(sorted(points)), read, written)


def _converted(way: ucum.Conversion, value: float) -> float:
    if way == ucum.Conversion(Fraction(1), Fraction(0)):
        return value
    return float(way(Fraction(repr(value))))


def _in_unit(limits: Mapping[str, Limits], unit: Unit) -> dict[str, Limits]:
    found = {}
    for part, each in limits.items():
        if way := _way(each.unit, unit):
            ends = (None if end is None else _converted(way, end) for end in (each.low, each.high))
            found[part] = Limits(unit, *ends)
    return found


def told(drawn: Drawn, called: Mapping[int, str], parts: Mapping[str, str]) -> list[dict[str, Any]]:
    """The charts for a script: times in seconds, points as [time, value, record, sign]."""
    return [
        {
            "unit": chart.unit,
            "lines": [
                {
                    "name": label(line, called, parts),
                    "points": [
                        [each.at / 1_000_000, _short(each.value), each.record, each.sign] for each in line.points
                    ],
                }
                for line in chart.lines
            ],
            "limits": [[each.low, each.high] for each in chart.limits.values()],
        }
        for chart in drawn.charts
    ]


def label(line: Line, called: Mapping[int, str], parts: Mapping[str, str]) -> str:
    part, source = parts.get(line.part, line.part), called.get(line.source_id, "")
    return f"{part} · {source}" if part else source


def _short(value: float) -> float:
    """What a screen can tell apart; a number that was written with fewer digits stays as it was written."""
    return float(f"{value:.6g}")
