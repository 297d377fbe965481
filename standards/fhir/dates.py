"""FHIR dates as intervals: ``2019-03`` is the whole of March, never the first of it (R4 datatypes.html#dateTime).

An interval is half open, in microseconds since 1970-01-01T00:00Z. A value without a zone counts as UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

FOREVER_PAST: Final = -(2**63)
FOREVER_FUTURE: Final = 2**63 - 1
"""Ends of an open period; both fit PostgreSQL's bigint."""

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
_EPOCH: Final = date(1970, 1, 1).toordinal()
_REMEMBERED: Final = 500
_WRITTEN: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)


class InvalidDate(ValueError):
    """The text or element says no date that exists."""


class Interval(NamedTuple):
    """From ``low`` until just before ``high``, microseconds since 1970-01-01T00:00Z."""

    low: int
    high: int

    def overlaps(self, other: Interval) -> bool:
        return self.low < other.high and other.low < self.high

    def contains(self, other: Interval) -> bool:
        return self.low <= other.low and other.high <= self.high


def instant(at: datetime) -> str:
    """An aware moment as FHIR writes it, in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def interval(text: str) -> Interval:
    """The time a FHIR date, dateTime or instant covers at its own precision (a year … a fraction of a second).

    Digits past the microsecond are cut off. ``24:00`` is the next midnight and second 60 the second after 59.
    Raises InvalidDate for what is not written as FHIR writes it or not in the calendar.
    """
    if not isinstance(text, str):
        raise InvalidDate("not a FHIR date")
    return _interval(text)


@lru_cache(maxsize=_REMEMBERED)
def _interval(text: str) -> Interval:
    # Remembered, as a resource says one moment several times, and is asked for it more often.
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise InvalidDate("not a FHIR date")
    year, month, day, hour, minute, second, fraction, zone = written.groups()
    try:
        if hour is None:
            return _days(int(year), None if month is None else int(month), None if day is None else int(day))
        midnight = (date(int(year), int(month), int(day)).toordinal() - _EPOCH) * DAY
    except ValueError:
        raise InvalidDate("no such day") from None
    low = midnight + _clock(int(hour), int(minute), int(second or 0)) - _offset(zone)
    if second is None:
        return Interval(low, low + 60 * SECOND)
    if fraction is None:
        return Interval(low, low + SECOND)
    low += int(fraction[:6].ljust(6, "0"))
    return Interval(low, low + 10 ** max(0, 6 - len(fraction)))


def _days(year: int, month: int | None, day: int | None) -> Interval:
    first = date(year, 1 if month is None else month, 1 if day is None else day).toordinal()
    if day is not None:
        last = first
    elif month is None:
        last = date(year, 12, 31).toordinal()
    else:
        last = first + 30 if month == 12 else date(year, month + 1, 1).toordinal() - 1
    return Interval((first - _EPOCH) * DAY, (last + 1 - _EPOCH) * DAY)


def _clock(hour: int, minute: int, second: int) -> int:
    """Microseconds since midnight."""
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and (minute or second)):
        raise InvalidDate("no such time of day")
    return (hour * 3600 + minute * 60 + second) * SECOND


def _offset(zone: str | None) -> int:
    """Microseconds ahead of UTC; zones reach 14 hours either way (R4 datatypes.html#dateTime, its regex)."""
    if zone is None or zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    if minutes > 14 * 60 or int(zone[4:6]) > 59:
        raise InvalidDate("no such time zone")
    return (-minutes if zone[0] == "-" else minutes) * 60 * SECOND


def period(element: Any) -> Interval:
    """The time a Period covers; a missing end is open. Raises InvalidDate, also if it ends before it starts."""
    start, end = (element.get("start"), element.get("end")) if isinstance(element, dict) else (None, None)
    if start is None and end is None:
        raise InvalidDate("a Period without start and end")
    low = FOREVER_PAST if start is None else interval(start).low
    high = FOREVER_FUTURE if end is None else interval(end).high
    if high <= low:
        raise InvalidDate("a Period that ends before it starts")
    return Interval(low, high)


def timing(element: Any) -> Interval:
    """From the first to the last moment a Timing names: its events and ``repeat.boundsPeriod``.

    R4 search.html#date: "the outer limits of the events". Raises InvalidDate if it names none.
    """
    timing_ = element if isinstance(element, dict) else {}
    events, repeat = timing_.get("event"), timing_.get("repeat")
    named = [interval(event) for event in events] if isinstance(events, list) else []
    if isinstance(repeat, dict) and "boundsPeriod" in repeat:
        named.append(period(repeat["boundsPeriod"]))
    if not named:
        raise InvalidDate("a Timing without events and bounds")
    return Interval(min(span.low for span in named), max(span.high for span in named))


def covered(element: Any) -> Interval | None:
    """The time a date, dateTime, instant, Period or Timing covers, or None: for data nobody has checked.

    A Period that ends before it starts counts as its start, so that the record can still be found.
    """
    try:
        if isinstance(element, str):
            return interval(element)
        if not isinstance(element, dict):
            return None
        return period(element) if "start" in element or "end" in element else timing(element)
    except InvalidDate:
        start = element.get("start") if isinstance(element, dict) else None
        return covered(start) if isinstance(start, str) else None


def _equal(held: Interval, asked: Interval) -> bool:
    return asked.contains(held)


def _above(held: Interval, asked: Interval) -> bool:
    return held.high > asked.high


def _below(held: Interval, asked: Interval) -> bool:
    return held.low < asked.low


# R4 search.html#prefix, by the letter: "the range above the search value" begins where the searched range ends.
_COMPARE: Final[dict[str, Callable[[Interval, Interval], bool]]] = {
    "eq": _equal,
    "ne": lambda held, asked: not _equal(held, asked),
    "gt": _above,
    "lt": _below,
    "ge": lambda held, asked: _above(held, asked) or _equal(held, asked),
    "le": lambda held, asked: _below(held, asked) or _equal(held, asked),
    "sa": lambda held, asked: held.low >= asked.high,
    "eb": lambda held, asked: held.high <= asked.low,
    "ap": lambda held, asked: held.overlaps(asked),
}
PREFIXES: Final = frozenset(_COMPARE)


def compare(prefix: str, resource_interval: Interval, search_interval: Interval) -> bool:
    """Whether what the resource holds answers ``<prefix><search>`` (R4 search.html#prefix). ``ap`` is any overlap."""
    return _COMPARE[prefix](resource_interval, search_interval)


@dataclass(frozen=True, slots=True)
class SearchDate:
    """One value of a date search: ``ge2020-01`` is ("ge", January 2020); no prefix is ``eq``."""

    prefix: str
    interval: Interval

    @classmethod
    def parse(cls, text: str) -> SearchDate:
        """Raises InvalidDate for an unknown prefix or a date that does not exist."""
        if text[:1].isdigit():
            return cls("eq", interval(text))
        if text[:2] not in PREFIXES:
            raise InvalidDate("unknown date prefix")
        return cls(text[:2], interval(text[2:]))

    def matches(self, held: Interval) -> bool:
        return compare(self.prefix, held, self.interval)
