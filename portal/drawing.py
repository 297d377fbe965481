"""A chart as shapes for the server's own picture, in a frame of WIDTH by HEIGHT that a page stretches as it likes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils import formats

from portal import when
from portal.curves import Chart, Line, Point

WIDTH: Final = 1000
HEIGHT: Final = 300
LOOKS: Final = 6
"""Looks of lines that static/css/curves.css has; further ones begin anew."""
_DOTS_MOST: Final = 80
_MARGIN: Final = 0.06


@dataclass(frozen=True)
class Stroke:
    """``path`` joins the points, ``dots`` marks each where they are few; ``look`` is its number among LOOKS."""

    name: str
    path: str
    dots: str
    look: int
    about: str


@dataclass(frozen=True)
class Picture:
    """``bands``: (y, height) of usual ranges. ``top`` and ``bottom``: the values at the edges of the frame."""

    unit: str
    strokes: tuple[Stroke, ...]
    bands: tuple[tuple[float, float], ...]
    top: str
    bottom: str
    start: str
    end: str
    lowest: str
    highest: str
    number: int


@dataclass(frozen=True)
class _Frame:
    since: int
    until: int
    low: float
    high: float

    def x(self, at: int) -> float:
        return round((at - self.since) / max(self.until - self.since, 1) * WIDTH, 1)

    def y(self, value: float) -> float:
        return round((self.high - value) / (self.high - self.low) * HEIGHT, 1)


def picture(chart: Chart, names: Sequence[str], abouts: Sequence[str]) -> Picture:
    """``names`` and ``abouts``: what each line is called, and what is to be said of it."""
    points = [point for line in chart.lines for point in line.points]
    frame = _frame(chart, points)
    return Picture(
        unit=chart.unit,
        strokes=tuple(
            _stroke(frame, line, name, number % LOOKS, about)
            for number, (line, name, about) in enumerate(zip(chart.lines, names, abouts, strict=True))
        ),
        bands=tuple(_bands(frame, chart)),
        top=number(frame.high),
        bottom=number(frame.low),
        start=when.day(frame.since),
        end=when.day(frame.until),
        lowest=number(min(point.value for point in points)),
        highest=number(max(point.value for point in points)),
        number=sum(line.read for line in chart.lines),
    )


def number(value: float) -> str:
    """As the reader's language writes it, with four digits at most behind what is large."""
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    text = formats.number_format(round(value, digits), digits, force_grouping=True)
    mark = formats.get_format("DECIMAL_SEPARATOR")
    return text.rstrip("0").rstrip(mark) if mark in text else text


def _frame(chart: Chart, points: Sequence[Point]) -> _Frame:
    ends = [end for each in chart.limits.values() for end in (each.low, each.high) if end is not None]
    values = [point.value for point in points] + ends
    low, high = min(values), max(values)
    room = (high - low) * _MARGIN or abs(high) * _MARGIN or 1.0
    # Nothing that is never negative is shown as if it could be.
    floor = 0.0 if low >= 0 else low - room
    return _Frame(min(points).at, max(points).at, max(low - room, floor), high + room)


def _stroke(frame: _Frame, line: Line, name: str, look: int, about: str) -> Stroke:
    places = [(frame.x(point.at), frame.y(point.value)) for point in line.points]
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in places) if len(places) > 1 else ""
    dots = "".join(f"M{x:g} {y:g}h0" for x, y in places) if len(places) <= _DOTS_MOST else ""
    return Stroke(name, path, dots, look, about)


def _bands(frame: _Frame, chart: Chart) -> Iterable[tuple[float, float]]:
    for each in chart.limits.values():
        top = 0.0 if each.high is None else max(frame.y(each.high), 0.0)
        bottom = float(HEIGHT) if each.low is None else min(frame.y(each.low), float(HEIGHT))
        if bottom > top:
            yield top, round(bottom - top, 1)
