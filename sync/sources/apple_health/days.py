"""Rows of an export, day by day, as readings: streams packed, spots and pressures paired, nights put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby, pairwise
from types import MappingProxyType
from typing import Final

from standards.fhir import json
from sync.sources.apple_health import dating, kinds, rows
from sync.sources.apple_health.kinds import Kind, Role
from sync.sources.apple_health.rows import Row, Setting
from sync.sources.wearables import metrics, packing
from sync.sources.wearables.metrics import METRICS, Metric
from sync.sources.wearables.readings import Device, Event, Night, Reading, Sample, Spot, Stage, Total, Workout

_SAME_NIGHT_MS: Final = 60 * 60_000
_SENSOR_GAP_MS: Final = 16 * 60_000
_SENSOR_MIN: Final = 3
_STAGES: Final[Mapping[str, Stage]] = MappingProxyType(
    {
        "HKCategoryValueSleepAnalysisAwake": Stage.AWAKE,
        "HKCategoryValueSleepAnalysisAsleep": Stage.ASLEEP,
        "HKCategoryValueSleepAnalysisAsleepUnspecified": Stage.ASLEEP,
        "HKCategoryValueSleepAnalysisAsleepCore": Stage.LIGHT,
        "HKCategoryValueSleepAnalysisAsleepDeep": Stage.DEEP,
        "HKCategoryValueSleepAnalysisAsleepREM": Stage.REM,
    }
)


@dataclass(slots=True)
class Days:
    """Turns sorted rows into readings. ``repeated``: rows that say what another said."""

    setting: Setting
    repeated: Counter[str] = field(default_factory=Counter)

    def read(self, sorted_rows: Iterable[bytes]) -> Iterator[list[Reading]]:
        """What each local day holds, day after day."""
        nights: dict[int, list[bytes]] = {}
        for day, found in groupby(self._distinct(sorted_rows), key=_day_of):
            if day == rows.NIGHTS:
                nights = self._sort_nights(found)
                continue
            for missed in sorted(each for each in nights if each < day):
                yield self._nights(nights.pop(missed))
            yield [*self._day(list(map(rows.unpack, found))), *self._nights(nights.pop(day, []))]
        for left in sorted(nights):
            yield self._nights(nights[left])

    def _distinct(self, sorted_rows: Iterable[bytes]) -> Iterator[bytes]:
        """A Correlation's Records stand twice in a file; what is the same to the last bit is the same."""
        last = b""
        for data in sorted_rows:
            if data == last:
                self.repeated[self._words(rows.unpack(data).kind)] += 1
            else:
                yield data
            last = data

    def _words(self, kind: int) -> str:
        return {rows.WORKOUT: "Workout", rows.SUMMARY: "Activity summary"}.get(kind) or self._kind(kind).words

    def _kind(self, number: int) -> Kind:
        return self.setting.kinds.things[number]

    # --- nights

    def _sort_nights(self, found: Iterable[bytes]) -> dict[int, list[bytes]]:
        """Rows of sleep by the local day on which their night ended: a night is what no hour of silence divides."""
        nights: dict[int, list[bytes]] = {}
        for _, of_device in groupby(map(rows.unpack, found), key=lambda row: (row.kind, row.device)):
            night: list[Row] = []
            end = 0
            for row in of_device:
                if night and row.start - end > _SAME_NIGHT_MS:
                    _add_night(nights, night)
                    night, end = [], 0
                night.append(row)
                end = max(end, row.end)
            _add_night(nights, night)
        return nights

    def _nights(self, packed: Sequence[bytes]) -> list[Reading]:
        found = [rows.unpack(data) for data in packed]
        nights: list[Reading] = []
        for device, of_device in groupby(found, key=lambda row: row.device):
            night: list[Row] = []
            for row in of_device:
                if night and row.start - max(each.end for each in night) > _SAME_NIGHT_MS:
                    nights.append(self._night(night, device))
                    night = []
                night.append(row)
            nights.append(self._night(night, device))
        return nights

    def _night(self, found: Sequence[Row], device: int) -> Night:
        last = max(found, key=lambda row: row.end)
        stages = []
        at = 0
        for row in found:
            stage = _STAGES.get(self.setting.words.things[int(row.value)])
            # Of stages that overlap the earlier one goes on to its end.
            if stage is not None and row.end > max(row.start, at):
                stages.append((dating.at(max(row.start, at), row.offset), dating.at(row.end, row.offset), stage))
                at = row.end
        start = dating.at(found[0].start, found[0].offset)
        key = f"{found[0].start}"
        return Night(start, dating.at(last.end, last.offset), self._device(device), key, tuple(stages))

    # --- days

    def _day(self, found: Sequence[Row]) -> Iterator[Reading]:
        pressures: list[Row] = []
        streams: dict[tuple[Metric, int], list[Sample]] = {}
        for (number, device), group in groupby(found, key=lambda row: (row.kind, row.device)):
            together = list(group)
            if number == rows.WORKOUT:
                yield from (self._workout(row) for row in together)
            elif number == rows.SUMMARY:
                yield from self._summary(together[0])
            elif (kind := self._kind(number)).role is Role.PRESSURE:
                pressures += together
            elif kind.role is Role.EVENT:
                yield from (self._event(kind, self._device(device), row) for row in together)
            elif (metric := _streamed(kind, together)) is not None:
                samples = [self._sample(kind, metric, row) for row in together]
                streams.setdefault((metric, device), []).extend(samples)
            else:
                yield from (self._spot(kind, self._device(device), row) for row in together)
        yield from self._pressures(pressures)
        for (metric, device), samples in streams.items():
            days = packing.by_day(metric, self._device(device), samples)
            self.repeated[metric.display] += days.repeated
            yield from days.streams

    def _sample(self, kind: Kind, metric: Metric, row: Row) -> Sample:
        return Sample(dating.at(row.start, row.offset), dating.at(row.end, row.offset), _number(kind, metric, row))

    def _spot(self, kind: Kind, device: Device, row: Row) -> Spot:
        assert kind.metric is not None
        return Spot(
            kind.metric,
            dating.at(row.start, row.offset),
            device,
            f"{row.start}",
            _number(kind, kind.metric, row),
            by_hand=bool(row.flags & rows.BY_HAND),
        )

    def _pressures(self, found: Sequence[Row]) -> Iterator[Spot]:
        """Systolic and diastolic of one moment and device; one without the other stands by itself."""
        moments: dict[tuple[int, int], dict[str, Row]] = {}
        for row in found:
            kind = self._kind(row.kind)
            moments.setdefault((row.device, row.start), {})[kind.type] = row
        for (device, start), said in sorted(moments.items()):
            parts = []
            for type_ in (kinds.SYSTOLIC, kinds.DIASTOLIC):
                if type_ in said:
                    kind = self._kind(said[type_].kind)
                    assert kind.metric is not None
                    parts.append((kind.metric, _number(kind, kind.metric, said[type_])))
            first = next(iter(said.values()))
            by_hand = bool(first.flags & rows.BY_HAND)
            at = dating.at(start, first.offset)
            yield Spot(None, at, self._device(device), f"{start}", parts=tuple(parts), by_hand=by_hand)

    def _event(self, kind: Kind, device: Device, row: Row) -> Event:
        said = self.setting.words.things[int(row.value)]
        return Event(
            kinds.SYSTEM,
            kind.type,
            kind.words,
            dating.at(row.start, row.offset),
            dating.at(row.end, row.offset),
            device,
            f"{row.start} {row.end}",
            said=said,
            said_in_words=_value_words(said),
            sensitivity=kinds.sensitivity(kind.type),
        )

    def _workout(self, row: Row) -> Workout:
        told = json.loads(row.rest)
        said = told["said"]
        amounts = dict(_totals(said)) | dict(_statistics(told["statistics"]))
        lasted = _amount(METRICS["exercise"], said.get("duration", ""), said.get("durationUnit", "min"))
        if lasted is not None:
            amounts[METRICS["exercise"]] = lasted
        return Workout(
            dating.at(row.start, row.offset),
            dating.at(row.end, row.offset),
            self._device(row.device),
            f"{row.start} {row.end}",
            kinds.words(said.get("workoutActivityType", "").replace("WorkoutActivityType", "") or "Workout"),
            tuple(amounts.items()),
        )

    def _summary(self, row: Row) -> Iterator[Total]:
        said: dict[str, str] = json.loads(row.rest)
        day = dating.at(row.start, 0).date()
        for metric, value, unit in (
            (METRICS["energy"], "activeEnergyBurned", said.get("activeEnergyBurnedUnit", "kcal")),
            (METRICS["exercise"], "appleExerciseTime", "min"),
            (kinds.STAND_HOURS, "appleStandHours", "count"),
        ):
            amount = _amount(metric, said.get(value, ""), unit)
            if amount:
                yield Total(metric, self._device(row.device), day, amount)

    def _device(self, number: int) -> Device:
        return self.setting.devices.things[number]


_SUMS: Final = MappingProxyType(
    {
        f"{kinds.QUANTITY}DistanceWalkingRunning": METRICS["distance"],
        f"{kinds.QUANTITY}ActiveEnergyBurned": METRICS["energy"],
        f"{kinds.QUANTITY}StepCount": METRICS["steps"],
        f"{kinds.QUANTITY}FlightsClimbed": METRICS["floors"],
    }
)


def _totals(said: Mapping[str, str]) -> Iterator[tuple[Metric, Decimal]]:
    for name, metric in (("totalDistance", METRICS["distance"]), ("totalEnergyBurned", METRICS["energy"])):
        amount = _amount(metric, said.get(name, ""), said.get(f"{name}Unit", ""))
        if amount is not None:
            yield metric, amount


def _statistics(listed: Iterable[Mapping[str, str]]) -> Iterator[tuple[Metric, Decimal]]:
    """Since iOS 16 a workout's amounts stand in elements of their own: sums, and the mean of the heart rate."""
    for each in listed:
        type_, unit = each.get("type", ""), each.get("unit", "")
        metric = _SUMS.get(type_)
        if metric is not None and (amount := _amount(metric, each.get("sum", ""), unit)) is not None:
            yield metric, amount
        elif type_ == f"{kinds.QUANTITY}HeartRate":
            mean = _amount(METRICS["heart-rate"], each.get("average", ""), unit)
            if mean is not None:
                yield METRICS["heart-rate"], mean


def _amount(metric: Metric, text: str, unit: str) -> Decimal | None:
    try:
        return metrics.convert(decimal(float(text)), kinds.in_unit(metric, unit), metric)
    except (ValueError, ArithmeticError):
        return None


def _number(kind: Kind, metric: Metric, row: Row) -> Decimal:
    """Raises metrics.UnknownUnit, which kinds.find has ruled out."""
    return metrics.convert(decimal(row.value), kind.unit, metric)


def decimal(value: float) -> Decimal:
    """With the fewest digits that are this number, as it was written, and no exponent."""
    return metrics.plain(Decimal(repr(value)))


def _value_words(said: str) -> str:
    """``HKCategoryValueSeverityMild`` is "Severity mild"; NotApplicable says nothing."""
    return "" if said.endswith("NotApplicable") else kinds.words(said.replace("CategoryValue", ""))


def _streamed(kind: Kind, found: Sequence[Row]) -> Metric | None:
    """The metric of a stream, or None where each reading stands by itself."""
    if kind.role is Role.GLUCOSE:
        return METRICS["glucose-sensor"] if _is_of_sensor(found) else None
    return kind.metric if kind.role is Role.STREAM else None


def _is_of_sensor(found: Sequence[Row]) -> bool:
    """A sensor says something every few minutes; nobody pricks a finger so often."""
    near = sum(1 for one, other in pairwise(found) if other.start - one.start <= _SENSOR_GAP_MS)
    return near >= _SENSOR_MIN


def _day_of(data: bytes) -> int:
    return int.from_bytes(data[:4], "big")


def _add_night(nights: dict[int, list[bytes]], night: Sequence[Row]) -> None:
    if night:
        last = max(night, key=lambda row: row.end)
        day = dating.day_of(last.end, last.offset)
        nights.setdefault(rows.day_number(day), []).extend(map(rows.pack, night))
