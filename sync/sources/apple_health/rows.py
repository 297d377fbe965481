"""Elements of an export as rows of bytes: small enough to set aside by the million, in the order of days.

A row begins with what it is sorted by: local day, kind, device, start. Nights are sorted out before all days, because
only what follows tells when a night ended.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from standards.fhir import json
from sync.sources.apple_health import dating, kinds
from sync.sources.apple_health.export import Attributes, Whole
from sync.sources.apple_health.kinds import Kind, Role
from sync.sources.wearables.readings import Device, DeviceKind

KINDS_MAX: Final = 2_000
DEVICES_MAX: Final = 2_000
WORDS_MAX: Final = 10_000
_REMEMBERED: Final = 20_000
ROWS_A_DAY_MAX: Final = 400_000
"""Also of all nights together: what is read together is held in memory. Five devices that say something each second
come to as many."""
NIGHTS: Final = 0
WORKOUT: Final = 65_535
SUMMARY: Final = 65_534
_FIRST_DAY: Final = 40_000  # days before 1970 that can be told, so that every day is above NIGHTS
_BIAS: Final = 1 << 62
_HEAD: Final = struct.Struct(">IHHQQdhB")
BY_HAND: Final = 1

_DEVICE: Final = re.compile(r"(\w+):(.*?)(?=, \w+:|>$)")
_WATCH: Final = re.compile(r"watch", re.IGNORECASE)
_PHONE: Final = re.compile(r"iphone|ipad|ipod|phone", re.IGNORECASE)
_SCALE: Final = re.compile(r"scale|health mate|withings body|renpho", re.IGNORECASE)
_CUFF: Final = re.compile(r"omron|bpm|blood pressure|qardio", re.IGNORECASE)
_SENSOR: Final = re.compile(r"dexcom|libre|cgm", re.IGNORECASE)

Thing = TypeVar("Thing", bound=Hashable)


class TooMany(Exception):
    """More kinds, devices or words than any phone has."""


class Register(Generic[Thing]):
    """Things by number, in the order in which they were first met."""

    def __init__(self, limit: int) -> None:
        self.things: list[Thing] = []
        self._numbers: dict[Thing, int] = {}
        self._limit = limit

    def number(self, thing: Thing) -> int:
        """Raises TooMany."""
        found = self._numbers.get(thing)
        if found is None:
            if len(self.things) >= self._limit:
                raise TooMany
            found = self._numbers[thing] = len(self.things)
            self.things.append(thing)
        return found


@dataclass(frozen=True, slots=True)
class Row:
    """``kind``, ``device``: numbers in the registers; times in milliseconds since 1970, ``offset`` in minutes.

    ``value``: a number, or of an event and a sleep stage the number of its word. ``rest``: JSON of a workout or
    summary.
    """

    day: int
    kind: int
    device: int
    start: int
    end: int
    value: float
    offset: int
    flags: int
    rest: bytes = b""


def pack(row: Row) -> bytes:
    head = _HEAD.pack(
        row.day, row.kind, row.device, row.start + _BIAS, row.end + _BIAS, row.value, row.offset, row.flags
    )
    return head + row.rest


def unpack(data: bytes) -> Row:
    day, kind, device, start, end, value, offset, flags = _HEAD.unpack_from(data)
    return Row(day, kind, device, start - _BIAS, end - _BIAS, value, offset, flags, data[_HEAD.size :])


def day_number(days: int) -> int:
    """The day as rows have it, from days since 1970."""
    return days + _FIRST_DAY


@dataclass(slots=True)
class Setting:
    """Takes the elements of an export (export.Sink) and hands on their rows, counting what becomes of each.

    ``met``: elements by type; ``unknown``, ``unreadable``: those of them that give no row; ``inner``: what some hold
    besides. Raises TooMany.
    """

    keep: Callable[[bytes], None]
    kinds: Register[Kind] = field(default_factory=lambda: Register(KINDS_MAX))
    devices: Register[Device] = field(default_factory=lambda: Register(DEVICES_MAX))
    words: Register[str] = field(default_factory=lambda: Register(WORDS_MAX))
    me: Attributes = field(default_factory=dict)
    exported: str = ""
    met: Counter[str] = field(default_factory=Counter)
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    inner: Counter[str] = field(default_factory=Counter)
    aside: Counter[str] = field(default_factory=Counter)
    _days: Counter[int] = field(default_factory=Counter)
    _kinds: dict[tuple[str, str], tuple[int, Kind] | None] = field(default_factory=dict)
    _devices: dict[tuple[str, str], int] = field(default_factory=dict)

    def head(self, tag: str, said: Attributes) -> None:
        if tag == "Me":
            self.me = said
        else:
            self.exported = said.get("value", "")

    def record(self, said: Attributes, metadata: Attributes, inner: int) -> None:
        type_ = said.get("type", "")[:120]
        found = self._kind(type_, said.get("unit", ""))
        if found is None:
            self.unknown[type_, said.get("unit", "")[:20]] += 1
            return
        number, kind = found
        try:
            start, offset = dating.parse(said["startDate"])
            end, _ = dating.parse(said["endDate"])
            value = self._value(kind, said.get("value", ""))
        except (KeyError, ValueError):
            self.unreadable[type_] += 1
            return
        flags = 0
        if metadata:
            if "HKTimeZone" in metadata:
                offset = dating.offset_in(metadata["HKTimeZone"], start, otherwise=offset)
            flags = BY_HAND if metadata.get("HKWasUserEntered") == "1" else 0
        if inner:
            self.inner[type_] += inner
        device = self._device(said.get("sourceName", ""), said.get("device", ""))
        day = NIGHTS if kind.role is Role.SLEEP else dating.day_of(start, offset) + _FIRST_DAY
        self.met[type_] += 1
        self._count(day)
        self.keep(_HEAD.pack(day, number, device, start + _BIAS, max(start, end) + _BIAS, value, offset, flags))

    def _count(self, day: int) -> None:
        self._days[day] += 1
        if self._days[day] > ROWS_A_DAY_MAX:
            raise TooMany

    def _kind(self, type_: str, unit: str) -> tuple[int, Kind] | None:
        key = (type_, unit)
        if key not in self._kinds:
            if len(self._kinds) >= KINDS_MAX:
                raise TooMany
            kind = kinds.find(type_, unit)
            self._kinds[key] = None if kind is None else (self.kinds.number(kind), kind)
        return self._kinds[key]

    def _value(self, kind: Kind, text: str) -> float:
        if kind.role in (Role.SLEEP, Role.EVENT):
            return float(self.words.number(text[:100]))
        if kind.type == kinds.STAND_HOUR:
            return float(text == kinds.STOOD)
        value = float(text)
        if not -1e12 < value < 1e12:
            raise ValueError("no number that can be")
        return value

    def _device(self, source: str, device: str) -> int:
        key = (source, device)
        number = self._devices.get(key)
        if number is None:
            if len(self._devices) >= _REMEMBERED:
                self._devices.clear()
            number = self._devices[key] = self.devices.number(device_of(source, device))
        return number

    def other(self, whole: Whole) -> None:
        """Workouts and daily summaries give rows; of the rest it is told how many there were."""
        self.inner.update(whole.counted)
        if whole.tag not in ("Workout", "ActivitySummary"):
            self.aside[whole.tag[:100]] += 1
            return
        try:
            row = self._workout(whole) if whole.tag == "Workout" else self._summary(whole.said)
        except (KeyError, ValueError):
            self.unreadable[whole.tag] += 1
            return
        self.met[whole.tag] += 1
        self.keep(row)

    def _workout(self, whole: Whole) -> bytes:
        said = whole.said
        start, offset = dating.parse(said["startDate"])
        end, _ = dating.parse(said["endDate"])
        if "HKTimeZone" in whole.metadata:
            offset = dating.offset_in(whole.metadata["HKTimeZone"], start, otherwise=offset)
        device = self._device(said.get("sourceName", ""), said.get("device", ""))
        rest = json.dumps({"said": _short(said), "statistics": [_short(each) for each in whole.statistics]})
        day = dating.day_of(start, offset) + _FIRST_DAY
        return pack(Row(day, WORKOUT, device, start, max(start, end), 0.0, offset, 0, rest))

    def _summary(self, said: Attributes) -> bytes:
        start, offset = dating.parse(f"{said['dateComponents']} 00:00:00 +0000")
        device = self.devices.number(SUMMARIES)
        return pack(
            Row(
                dating.day_of(start, offset) + _FIRST_DAY,
                SUMMARY,
                device,
                start,
                start,
                0.0,
                0,
                0,
                json.dumps(_short(said)),
            )
        )


SUMMARIES: Final = Device("apple-health|summaries", "Apple Health", DeviceKind.UNKNOWN, "Apple Inc.")
"""Who says what the rings of a day were: the phone, of all her devices."""


def _short(said: Attributes) -> Attributes:
    return {name[:60]: value[:200] for name, value in list(said.items())[:60] if name != "device"}


def device_of(source: str, device: str) -> Device:
    """Of a sourceName and Apple's ``<<HKDevice: 0x28…>, name:Apple Watch, …>``: the place in memory and the software
    change, the device does not."""
    said = {name: value.strip() for name, value in _DEVICE.findall(device[:1000])}
    maker, model = said.get("manufacturer", "")[:100], (said.get("hardware") or said.get("model") or "")[:100]
    name = (source or said.get("name") or "Apple Health")[:150]
    return Device(
        "|".join(("apple-health", name, maker, model)),
        name,
        _what(f"{name} {said.get('name', '')} {model}"),
        maker,
        model,
    )


def _what(text: str) -> DeviceKind:
    for pattern, kind in (
        (_WATCH, DeviceKind.WATCH),
        (_PHONE, DeviceKind.PHONE),
        (_SENSOR, DeviceKind.SENSOR),
        (_CUFF, DeviceKind.CUFF),
        (_SCALE, DeviceKind.SCALE),
    ):
        if pattern.search(text):
            return kind
    return DeviceKind.UNKNOWN
