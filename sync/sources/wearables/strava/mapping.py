"""Strava's API v3: activities. Pure. A start is UTC, with the offset of the place beside it in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from sync.sources.wearables import maker, metrics
from sync.sources.wearables.client import LISTED
from sync.sources.wearables.maker import About, Answer, Found
from sync.sources.wearables.metrics import METRICS
from sync.sources.wearables.readings import Device, DeviceKind, Reading, Workout, later

_AMOUNTS: Final = {"distance": "distance", "calories": "energy", "average_heartrate": "heart-rate"}


def activities(answers: Sequence[Answer], about: About) -> Found:
    """``athlete/activities``, each as a workout."""
    return maker.gather(maker.rows(answers, LISTED), _activity)


def _activity(row: Mapping[str, Any]) -> list[Reading]:
    start = _start(row)
    amounts = [
        (METRICS[metric], metrics.plain(Decimal(row[name]))) for name, metric in _AMOUNTS.items() if row.get(name)
    ]
    moving = row.get("moving_time")
    if moving:
        amounts.append((METRICS["exercise"], metrics.convert(Decimal(moving), "s", METRICS["exercise"])))
    end = later(start, timedelta(seconds=int(row["elapsed_time"])))
    said = str(row.get("sport_type") or row["type"])
    return [Workout(start, end, _device(row), str(row["id"]), said, tuple(amounts))]


def _start(row: Mapping[str, Any]) -> datetime:
    """The offset stands beside it, or lies between the start and the same on the clock of the place."""
    start = datetime.fromisoformat(row["start_date"])
    if row.get("utc_offset") is not None:
        return start.astimezone(timezone(timedelta(seconds=float(row["utc_offset"]))))
    clock = datetime.fromisoformat(row["start_date_local"]).replace(tzinfo=start.tzinfo)
    return start.astimezone(timezone(clock - start))


def _device(row: Mapping[str, Any]) -> Device:
    name = str(row.get("device_name") or "Strava")
    return Device(f"strava-{name}", name, DeviceKind.UNKNOWN)
