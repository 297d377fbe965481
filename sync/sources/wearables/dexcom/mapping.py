"""Dexcom's API v3: glucose by sensor. Pure.

``systemTime`` is UTC without saying so, ``displayTime`` the clock of her phone or receiver: between them lies the
offset. What is out of the sensor's range comes as the number just beyond it (39, 401), which is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from sync.sources.wearables import maker, metrics, packing
from sync.sources.wearables.maker import About, Answer, Found
from sync.sources.wearables.metrics import METRICS
from sync.sources.wearables.readings import Device, DeviceKind, Reading, Sample

_QUARTER: Final = timedelta(minutes=15)
_UNKNOWN: Final = "unknown"


def glucose(answers: Sequence[Answer], about: About) -> Found:
    """``users/self/egvs``: a value every five minutes."""
    samples: dict[Device, list[Sample]] = {}

    def value(row: Mapping[str, Any]) -> list[Reading] | None:
        if row.get("value") is None or row.get("unit") == _UNKNOWN:
            return None
        said = metrics.convert(Decimal(row["value"]), row.get("unit") or "mg/dL", METRICS["glucose-sensor"])
        samples.setdefault(_sensor(row), []).append(Sample.at(_at(row), said))
        return []

    found = maker.gather(maker.rows(answers, "records"), value)
    for device, listed in samples.items():
        found.readings += packing.by_day(METRICS["glucose-sensor"], device, listed).streams
    return found


def _sensor(row: Mapping[str, Any]) -> Device:
    generation = str(row.get("transmitterGeneration") or "")
    model = generation if generation not in {"", _UNKNOWN} else ""
    key = f"sensor-{row.get('transmitterId') or 'unknown'}"
    return Device(key, f"Dexcom {model.upper()}".strip(), DeviceKind.SENSOR, "Dexcom", model)


def _at(row: Mapping[str, Any]) -> datetime:
    """With the offset between the two clocks to the quarter of an hour, as zones have it."""
    system, shown = _clock(row["systemTime"]), _clock(row.get("displayTime") or row["systemTime"])
    quarters = round((shown - system) / _QUARTER)
    return system.replace(tzinfo=UTC).astimezone(timezone(quarters * _QUARTER))


def _clock(text: str) -> datetime:
    """What the clock shows, whether or not an offset is said beside it."""
    return datetime.fromisoformat(text).replace(tzinfo=None)
