"""Times as Apple writes them, ``2018-09-10 02:28:55 -0700``: hundreds of thousands a second of them.

An export gives every time in the offset the phone had on the day of the export, whatever it was when the reading was
taken. Where a reading carries the zone it was taken in (HKTimeZone), its local day is the one there.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_LENGTH: Final = 25
_MINUTES_MAX: Final = 24 * 60
DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse(text: str) -> tuple[int, int]:
    """Milliseconds since 1970 and the offset in minutes. Raises ValueError."""
    if len(text) != _LENGTH:
        raise ValueError("no time of Apple's")
    offset = _offset(text[19:])
    return (_day(text[:11]) + _time(text[11:19]) - offset * 60) * 1000, offset


@lru_cache(maxsize=20_000)
def _day(text: str) -> int:
    found = date.fromisoformat(text[:10])
    if text[10] != " " or not 1900 <= found.year <= 2200:
        raise ValueError("no day of Apple's")
    return (found - date(1970, 1, 1)).days * 86_400


@lru_cache(maxsize=90_000)
def _time(text: str) -> int:
    hours, minutes, seconds = int(text[:2]), int(text[3:5]), int(text[6:])
    if text[2] != ":" or text[5] != ":" or not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds <= 60):
        raise ValueError("no time of day")
    return hours * 3600 + minutes * 60 + seconds


@lru_cache(maxsize=2_000)
def _offset(text: str) -> int:
    if text[:2] not in (" +", " -") or not text[2:].isdecimal():
        raise ValueError("no offset")
    minutes = int(text[2:4]) * 60 + int(text[4:6])
    if minutes >= _MINUTES_MAX:
        raise ValueError("no offset")
    return -minutes if text[1] == "-" else minutes


@cache
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def offset_in(name: str, milliseconds: int, *, otherwise: int) -> int:
    """Minutes of offset in this zone at this time; ``otherwise`` where there is no such zone."""
    zone = _zone(name[:40])
    offset = None if zone is None else at(milliseconds, 0).astimezone(zone).utcoffset()
    return otherwise if offset is None else int(offset.total_seconds()) // 60


def at(milliseconds: int, offset: int) -> datetime:
    """The instant, in its offset."""
    return (_EPOCH + timedelta(milliseconds=milliseconds)).astimezone(_fixed(offset))


@cache
def _fixed(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes))


def day_of(milliseconds: int, offset: int) -> int:
    """The local day, as days since 1970."""
    return (milliseconds + offset * 60_000) // DAY_MS
