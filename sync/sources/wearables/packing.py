"""Streams as SampledData, and back: nothing that was measured is rounded, moved or left out (DESIGN D12).

Samples that lie on a grid are written on it, ``E`` where there is none (R4 datatypes.html#SampledData). Those that do
not have a ``period`` of 0, which no regular series has, and carry their places as R5 does (``SampledData.offsets``, by
HL7's extension for its elements in R4). An amount stands for the time until the next place; ``E`` there means that
nothing was counted from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from math import gcd
from typing import Any, Final

from sync.sources.wearables import readings
from sync.sources.wearables.metrics import Metric, Shape
from sync.sources.wearables.readings import Device, Sample, Stream

NONE: Final = "E"
_EXTENSION: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SampledData."
# A grid may have this many places for each sample; beyond, the places themselves are shorter.
_PLACES_A_SAMPLE: Final = 4
_MILLISECOND: Final = timedelta(milliseconds=1)


class NotPacked(ValueError):
    """This SampledData is none of ours, or breaks its own rules."""


@dataclass(frozen=True, slots=True)
class Days:
    """``streams``: what was measured, by day. ``repeated``: samples that say of a time what another had said."""

    streams: tuple[Stream, ...]
    repeated: int


def by_day(metric: Metric, device: Device, samples: Iterable[Sample]) -> Days:
    """Samples of one metric and device, in any order, as one stream for each local day.

    A sample belongs to the day on which it began where it was measured. What one device says twice counts once: of a
    level the last word, of an amount what lies within a time that it has already counted is left out, and what
    begins within one begins at its end.
    """
    found: dict[date, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.start.date(), []).append(sample)
    streams = [Stream(metric, device, day, _cleared(metric, said)) for day, said in sorted(found.items())]
    said, kept = sum(map(len, found.values())), sum(len(each.samples) for each in streams)
    return Days(tuple(streams), said - kept)


def merge(stream: Stream, more: Iterable[Sample]) -> Stream:
    """A day's stream with what arrived later of the same day; whose day it is, is the caller's to know."""
    return replace(stream, samples=_cleared(stream.metric, [*stream.samples, *more]))


def pack(stream: Stream) -> dict[str, Any]:
    """``effectivePeriod`` and ``valueSampledData`` of an Observation. A stream has at least one sample."""
    first, last = stream.samples[0], max(stream.samples, key=lambda each: each.end)
    marks = _marks(stream)
    step = _step(stream, [at for at, _ in marks])
    data: dict[str, Any] = {"origin": {"value": 0, **unit(stream.metric)}, "period": step, "dimensions": 1}
    if step:
        data["data"] = " ".join(_on_grid(marks, step))
    else:
        offsets = " ".join(str(at) for at, _ in marks)
        data["extension"] = [
            {"url": _EXTENSION + "intervalUnit", "valueCode": "ms"},
            {"url": _EXTENSION + "offsets", "valueString": offsets},
        ]
        data["data"] = " ".join(value for _, value in marks)
    # The end is told in the offset that held then, so that a day with a change of daylight saving says so itself.
    period = {"start": instant(first.start), "end": instant(last.end)}
    return {"effectivePeriod": period, "valueSampledData": data}


def unpack(observation: dict[str, Any], metric: Metric) -> tuple[Sample, ...]:
    """The samples of what ``pack`` made, to the millisecond, in the offset of the first. Raises NotPacked."""
    try:
        data, period = observation["valueSampledData"], observation["effectivePeriod"]
        start, end = (datetime.fromisoformat(period[name]) for name in ("start", "end"))
        marks = [(at, value) for at, value in zip(_places(data), data["data"].split(), strict=True)]
        last = readings.elapsed(start, end) // _MILLISECOND
        return tuple(_samples(metric, marks, start, int(data["period"]), last))
    except (KeyError, TypeError, ArithmeticError, ValueError) as error:
        raise NotPacked(type(error).__name__) from error


def unit(metric: Metric) -> dict[str, str]:
    """The unit part of a Quantity."""
    return {"unit": metric.unit_said, "system": "http://unitsofmeasure.org", "code": metric.unit}


def instant(at: datetime) -> str:
    """FHIR dateTime in the offset it was measured in."""
    return at.isoformat(timespec="milliseconds" if at.microsecond else "seconds")


def _cleared(metric: Metric, said: Iterable[Sample]) -> tuple[Sample, ...]:
    """In order, and nothing twice."""
    whole = sorted(map(_to_milliseconds, said), key=lambda each: (each.start, each.end))
    return tuple(_levels(whole) if metric.shape is Shape.LEVEL else _amounts(whole))


def _to_milliseconds(sample: Sample) -> Sample:
    """Times of one zone compare by its clock, which shows one hour twice in autumn; with their offsets they do not."""
    start, end = (
        each.replace(microsecond=each.microsecond // 1000 * 1000).astimezone(readings.offset_of(each))
        for each in (sample.start, sample.end)
    )
    return Sample(start, max(start, end), sample.value)


def _levels(said: list[Sample]) -> list[Sample]:
    return list({each.start.astimezone(UTC): Sample.at(each.start, each.value) for each in said}.values())


def _amounts(said: list[Sample]) -> list[Sample]:
    kept: list[Sample] = []
    for each in said:
        counted = kept[-1].end if kept else each.start
        if each.start >= counted:
            # What takes no time at all still needs a time to stand for: the shortest there is.
            kept.append(each if each.end > each.start else replace(each, end=each.start + _MILLISECOND))
        elif each.end > counted:
            kept.append(Sample(counted.astimezone(readings.offset_of(each.start)), each.end, each.value))
    return kept


def _marks(stream: Stream) -> list[tuple[int, str]]:
    """(milliseconds from the first start, value), and where an amount is followed by a gap, the beginning of that."""
    first = stream.samples[0].start
    marks: list[tuple[int, str]] = []
    end = 0
    for each in stream.samples:
        start = readings.elapsed(first, each.start) // _MILLISECOND
        if marks and stream.metric.shape is Shape.AMOUNT and start > end:
            marks.append((end, NONE))
        marks.append((start, format(each.value, "f")))
        end = readings.elapsed(first, each.end) // _MILLISECOND
    return marks


def _step(stream: Stream, places: list[int]) -> int:
    """Milliseconds between the places of a grid on which all of them lie; 0 where that is too fine.

    On a grid an amount stands for one step, so all of them have to be of that length.
    """
    step = gcd(*(later - earlier for earlier, later in pairwise(places)))
    if stream.metric.shape is Shape.AMOUNT:
        lengths = {readings.elapsed(each.start, each.end) // _MILLISECOND for each in stream.samples}
        return step if len(places) > 1 and lengths == {step} else lengths.pop() if len(places) == 1 else 0
    if len(places) == 1:
        return 1000
    return step if places[-1] // step < _PLACES_A_SAMPLE * len(places) else 0


def _on_grid(marks: list[tuple[int, str]], step: int) -> Iterator[str]:
    at = 0
    for place, value in marks:
        yield from [NONE] * ((place - at) // step)
        yield value
        at = place + step


def _places(data: dict[str, Any]) -> Iterable[int]:
    step = int(data["period"])
    if step:
        return range(0, step * len(data["data"].split()), step)
    (offsets,) = (each["valueString"] for each in data["extension"] if each["url"] == _EXTENSION + "offsets")
    return map(int, offsets.split())


def _samples(metric: Metric, marks: list[tuple[int, str]], start: datetime, step: int, last: int) -> Iterator[Sample]:
    ends = [at for at, _ in marks[1:]] + [last]
    for (at, value), end in zip(marks, ends, strict=True):
        if value == NONE:
            continue
        begun = readings.later(start, at * _MILLISECOND)
        if metric.shape is Shape.LEVEL:
            yield Sample.at(begun, Decimal(value))
        else:
            yield Sample(begun, readings.later(start, (at + step if step else end) * _MILLISECOND), Decimal(value))
