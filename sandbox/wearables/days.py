"""The days of a made-up person as her devices saw them: always the same for the same person and day."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

ZONE: Final = ZoneInfo("Europe/Paris")
WATCH: Final = ("sandbox-watch-01", "ScanWatch", 93)
PHONE: Final = ("sandbox-phone-01", "Android phone", 1060)
SCALE: Final = ("sandbox-scale-01", "Body Cardio", 6)
CUFF: Final = ("sandbox-cuff-01", "BPM Connect", 45)


@dataclass(frozen=True, slots=True)
class Moment:
    """``device`` counted ``steps`` in the minute from ``at``, or felt a pulse then."""

    at: int
    device: tuple[str, str, int]
    steps: int | None = None
    pulse: int | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """One day: minutes, its evening weight in grams, its morning pressure and the night that ended on it."""

    on: date
    moments: tuple[Moment, ...]
    grams: int
    pressure: tuple[int, int, int]
    asleep: datetime
    awake: datetime


@lru_cache(maxsize=2048)
def lived(person: str, on: date) -> Day:
    # A phone and a watch see the same walks; each sees one that the other does not.
    chance = random.Random(f"{person}|{on.isoformat()}")  # noqa: S311 - made-up days, no secret
    start = datetime.combine(on, time(), ZONE)
    moments: dict[int, Moment] = {}
    for hour, length, devices in (
        (8, 25, (WATCH, PHONE)),
        (12, 15, (WATCH,)),
        (14, 12, (PHONE,)),
        (18, 30, (WATCH, PHONE)),
    ):
        begins = _at(start, hour * 60 + chance.randrange(20))
        for minute in range(length):
            pace = chance.randrange(85, 120)
            for number, device in enumerate(devices):
                at = begins + minute * 60 + number
                moments[at] = Moment(at, device, steps=max(pace - 3 * number, 0))
    for minute in range(0, 24 * 60, 10):
        rest = 54 if minute < 7 * 60 else 68
        at = _at(start, minute) + 30
        moments[at] = Moment(at, WATCH, pulse=rest + chance.randrange(14))
    evening = datetime.combine(on - timedelta(days=1), time(22, 30), ZONE) + timedelta(minutes=chance.randrange(60))
    return Day(
        on,
        tuple(moments[at] for at in sorted(moments)),
        grams=70_000 + chance.randrange(-800, 800),
        pressure=(118 + chance.randrange(20), 76 + chance.randrange(12), 62 + chance.randrange(12)),
        asleep=evening,
        awake=datetime.combine(on, time(6, 30), ZONE) + timedelta(minutes=chance.randrange(45)),
    )


def _at(start: datetime, minute: int) -> int:
    return int(start.astimezone(UTC).timestamp()) + minute * 60
