"""What devices say, before it is FHIR: one form for every vendor, every export and every phone.

Every time is aware and carries the offset of the place where it was measured, because a day is the local day there
(DESIGN D12). Values are in the unit of their metric (metrics.convert).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Final

from sync.sources.wearables.metrics import Metric


class DeviceKind(StrEnum):
    """The first ones are worn, and so trusted first with what a body does unless the person says otherwise."""

    STRAP = "strap"
    WATCH = "watch"
    RING = "ring"
    BAND = "band"
    SENSOR = "sensor"
    SCALE = "scale"
    CUFF = "cuff"
    BED = "bed"
    UNKNOWN = "unknown"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Device:
    """``key``: always the same for the same device at one source, and never another's."""

    key: str
    name: str
    kind: DeviceKind = DeviceKind.UNKNOWN
    maker: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Spot:
    """A reading by itself, one Observation. A blood pressure has ``parts``, any other a ``value``.

    ``key``: the source's own name for it, unique among its spots of the metric. ``by_hand``: she typed it in.
    """

    metric: Metric | None
    at: datetime
    device: Device
    key: str
    value: Decimal | None = None
    parts: tuple[tuple[Metric, Decimal], ...] = ()
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a stream: a level at ``start``, or an amount over [``start``, ``end``)."""

    start: datetime
    end: datetime
    value: Decimal

    @classmethod
    def at(cls, instant: datetime, value: Decimal) -> Sample:
        return cls(instant, instant, value)


@dataclass(frozen=True, slots=True)
class Stream:
    """All samples of one metric, device and local day, in order."""

    metric: Metric
    device: Device
    day: date
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """What a source says of a whole local day: an amount, or a level's mean with its extremes."""

    metric: Metric
    device: Device
    day: date
    value: Decimal
    lowest: Decimal | None = None
    highest: Decimal | None = None
    count: int | None = None


class Stage(StrEnum):
    AWAKE = "awake"
    LIGHT = "light"
    DEEP = "deep"
    REM = "rem"
    ASLEEP = "asleep"  # and no more is known


@dataclass(frozen=True, slots=True)
class Night:
    """A sleep. ``stages``: (from, to, stage) in order, where the source tells; ``lasted``: how long each stage was, as
    the source has it, or from the stages. It belongs to the local day of its end."""

    start: datetime
    end: datetime
    device: Device
    key: str
    stages: tuple[tuple[datetime, datetime, Stage], ...] = ()
    lasted: Mapping[Stage, timedelta] = field(default_factory=dict)

    def durations(self) -> dict[Stage, timedelta]:
        if self.lasted:
            return dict(self.lasted)
        found: dict[Stage, timedelta] = {}
        for start, end, stage in self.stages:
            found[stage] = found.get(stage, timedelta()) + elapsed(start, end)
        return found


@dataclass(frozen=True, slots=True)
class Workout:
    """Exercise. ``said``: what kind, in the source's word. ``amounts``: totals and mean levels of it."""

    start: datetime
    end: datetime
    device: Device
    key: str
    said: str
    amounts: tuple[tuple[Metric, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, under the source's own ``code``; ``said``: its value, a code of the same system, with
    its words, where it has one. ``sensitivity``: a policy of v3-ActCode, since no value set has the source's codes."""

    system: str
    code: str
    display: str
    start: datetime
    end: datetime
    device: Device
    key: str
    said: str = ""
    said_in_words: str = ""
    sensitivity: str = ""


Reading = Spot | Stream | Total | Night | Workout | Event
_DAY: Final = timedelta(days=1)


def elapsed(start: datetime, end: datetime) -> timedelta:
    """Real time between two instants. Subtracting times of one zone would take the hands of its clock instead, and
    miss the hour that a change of daylight saving takes or gives."""
    return end.astimezone(UTC) - start.astimezone(UTC)


def later(start: datetime, by: timedelta) -> datetime:
    """``start`` plus real time, in the offset of ``start``."""
    return start.astimezone(UTC).__add__(by).astimezone(offset_of(start))


def offset_of(instant: datetime) -> timezone:
    """The offset an instant was measured in, without the rules of its zone."""
    offset = instant.utcoffset()
    if offset is None:
        raise ValueError("a time without an offset")
    return timezone(offset)


def day_of(reading: Reading) -> date:
    """The local day that a reading belongs to."""
    match reading:
        case Stream() | Total():
            return reading.day
        case Spot():
            return reading.at.date()
        case Night():
            return reading.end.date()
        case Workout() | Event():
            return reading.start.date()
