"""Polar's AccessLink v3: exercises. Pure. A start is the clock's, with the offset beside it in minutes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from sync.sources.wearables import maker, metrics
from sync.sources.wearables.client import LISTED
from sync.sources.wearables.maker import About, Answer, Found
from sync.sources.wearables.metrics import METRICS
from sync.sources.wearables.readings import Device, DeviceKind, Reading, Workout, later

_LASTED: Final = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?", re.ASCII)


def exercises(answers: Sequence[Answer], about: About) -> Found:
    """``v3/exercises``, of the last thirty days."""
    return maker.gather(maker.rows(answers, LISTED), _exercise)


def _exercise(row: Mapping[str, Any]) -> list[Reading]:
    zone = timezone(timedelta(minutes=int(row["start_time_utc_offset"])))
    start = datetime.fromisoformat(row["start_time"]).replace(tzinfo=zone)
    said = (
        ("distance", row.get("distance")),
        ("energy", row.get("calories")),
        ("heart-rate", maker.said(row, "heart_rate.average")),
    )
    amounts = tuple((METRICS[name], metrics.plain(Decimal(value))) for name, value in said if value is not None)
    name = str(row.get("device") or "Polar")
    device = Device(str(row.get("device_id") or name), name, DeviceKind.WATCH, "Polar")
    kind = str(row.get("detailed_sport_info") or row["sport"])
    return [Workout(start, later(start, _lasted(row["duration"])), device, str(row["id"]), kind, amounts)]


def _lasted(text: str) -> timedelta:
    found = _LASTED.fullmatch(text)
    if found is None or text == "PT":
        raise ValueError("no duration")
    hours, minutes, seconds = (float(each or 0) for each in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
