"""Oura's API v2: days, nights, workouts. Pure. Times carry the offset of the place where they were measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sync.sources.wearables import maker, metrics, packing
from sync.sources.wearables.maker import About, Answer, Found
from sync.sources.wearables.metrics import METRICS
from sync.sources.wearables.readings import (
    Device,
    DeviceKind,
    Night,
    Reading,
    Sample,
    Stage,
    Total,
    Workout,
    later,
    offset_of,
)

RING: Final = Device("ring", "Oura ring", DeviceKind.RING, "Oura")
_DAILY: Final = {"steps": "steps", "active_calories": "energy", "equivalent_walking_distance": "distance"}
_PHASES: Final = {"1": Stage.DEEP, "2": Stage.LIGHT, "3": Stage.REM, "4": Stage.AWAKE}
_LASTED: Final = {
    "deep_sleep_duration": Stage.DEEP,
    "light_sleep_duration": Stage.LIGHT,
    "rem_sleep_duration": Stage.REM,
    "awake_time": Stage.AWAKE,
}
_NO_SLEEP: Final = frozenset({"rest", "deleted"})
_STREAMS: Final = {"heart_rate": "heart-rate"}


def activity(answers: Sequence[Answer], about: About) -> Found:
    """``usercollection/daily_activity``."""

    def day(row: Mapping[str, Any]) -> list[Reading]:
        on = date.fromisoformat(row["day"])
        return [
            Total(METRICS[metric], RING, on, Decimal(row[name]))
            for name, metric in _DAILY.items()
            if row.get(name) is not None
        ]

    return maker.gather(maker.rows(answers, "data"), day)


def nights(answers: Sequence[Answer], about: About) -> Found:
    """``usercollection/sleep``: phases by thirty seconds or five minutes, the pulse every five minutes."""

    def night(row: Mapping[str, Any]) -> list[Reading] | None:
        if row.get("type") in _NO_SLEEP:
            return None
        start, end = _at(row["bedtime_start"]), _at(row["bedtime_end"])
        if end <= start:
            raise ValueError("a night that ends before it begins")
        lasted = {stage: timedelta(seconds=row[name]) for name, stage in _LASTED.items() if row.get(name) is not None}
        return [
            Night(start, end, RING, str(row["id"]), tuple(_stages(row, start, end)), lasted),
            *(stream for name, metric in _STREAMS.items() for stream in _streams(row.get(name), metric)),
        ]

    return maker.gather(maker.rows(answers, "data"), night)


def workouts(answers: Sequence[Answer], about: About) -> Found:
    """``usercollection/workout``."""

    def workout(row: Mapping[str, Any]) -> list[Reading]:
        start, end = _at(row["start_datetime"]), _at(row["end_datetime"])
        if end <= start:
            raise ValueError("a workout that ends before it begins")
        said = (("distance", row.get("distance")), ("energy", row.get("calories")))
        amounts = tuple((METRICS[name], metrics.plain(Decimal(value))) for name, value in said if value is not None)
        key = str(row.get("id") or row["start_datetime"])
        return [Workout(start, end, RING, key, str(row["activity"]), amounts)]

    return maker.gather(maker.rows(answers, "data"), workout)


def _stages(row: Mapping[str, Any], start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, Stage]]:
    fine, coarse = row.get("sleep_phase_30_sec"), row.get("sleep_phase_5_min")
    phases, step = (fine, timedelta(seconds=30)) if fine else (coarse or "", timedelta(minutes=5))
    for place, phase in enumerate(phases):
        begun = later(start, place * step)
        if begun < end:
            yield begun, min(later(begun, step), end), _PHASES[phase]


def _streams(series: Any, metric: str) -> Sequence[Reading]:
    """``{"interval": seconds, "items": [value or null], "timestamp": first}``."""
    if not isinstance(series, Mapping):
        return ()
    first, step = _at(series["timestamp"]), timedelta(seconds=float(series["interval"]))
    samples = [
        Sample.at(later(first, place * step), Decimal(value))
        for place, value in enumerate(series["items"])
        if value is not None
    ]
    return packing.by_day(METRICS[metric], RING, samples).streams


def _at(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.astimezone(offset_of(at))
