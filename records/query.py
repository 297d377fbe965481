"""A search as a value: one resource type, clauses that all must hold, a page size and a place to go on from."""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass, replace
from typing import Any, Final

from records import sealing

COUNT_MAX: Final = 1000
NEWEST_FIRST: Final = "-occurred"
OLDEST_FIRST: Final = "occurred"
LAST_CHANGED_FIRST: Final = "-_lastUpdated"
FIRST_CHANGED_FIRST: Final = "_lastUpdated"
_CURSOR: Final = struct.Struct(">cqq")
_PURPOSE: Final = "cursor"
_MARK: Final = {NEWEST_FIRST: b"-", OLDEST_FIRST: b"o", LAST_CHANGED_FIRST: b"c", FIRST_CHANGED_FIRST: b"C"}


class InvalidSearch(ValueError):
    """A clause that means nothing. ``parameter`` names it; ``reason`` says why and never repeats the value."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}")
        self.parameter = parameter
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Clause:
    """``code:modifier=value,value``: any one of the values is enough. Values are as FHIR writes them, escapes kept."""

    code: str
    values: tuple[str, ...]
    modifier: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """``cursor`` is what the page before gave as ``next``; ``sort`` is one of the four orders above. ``measured``:
    whether what her own devices measured is asked for as well.
    """

    resource_type: str
    clauses: tuple[Clause, ...] = ()
    count: int = 50
    cursor: str | None = None
    sort: str = NEWEST_FIRST
    measured: bool = True

    @classmethod
    def of(cls, resource_type: str) -> Query:
        return cls(resource_type)

    def where(self, code: str, *values: str, modifier: str | None = None) -> Query:
        return replace(self, clauses=(*self.clauses, Clause(code, values, modifier)))

    def apart_from_devices(self) -> Query:
        """Without what makers of devices, phones and their apps hand on of her days."""
        return replace(self, measured=False)

    @property
    def by_change(self) -> bool:
        """Whether the order is by when the record last changed, not by when it happened."""
        return self.sort in (LAST_CHANGED_FIRST, FIRST_CHANGED_FIRST)

    @property
    def ascending(self) -> bool:
        return self.sort in (OLDEST_FIRST, FIRST_CHANGED_FIRST)

    def page(self, count: int, *, after: str | None = None) -> Query:
        return replace(self, count=max(0, min(count, COUNT_MAX)), cursor=after)


@dataclass(frozen=True, slots=True)
class Position:
    """The last record of a page: where the next one begins. ``at``: µs of when it happened, or last changed."""

    at: int
    record: int

    def cursor(self, sort: str) -> str:
        return write_cursor(_CURSOR, _MARK[sort], self.at, self.record)


def write_cursor(layout: struct.Struct, *said: bytes | int) -> str:
    """What a next link carries: where the page ended, sealed.

    An owner's records are numbered without gaps, so an open number would tell how many lie between two pages unseen.
    """
    sealed = sealing.seal_site_secret(_PURPOSE, layout.pack(*said))
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def read_cursor(layout: struct.Struct, text: str) -> tuple[Any, ...]:
    """What ``write_cursor`` was given. Raises InvalidSearch for what it never wrote."""
    try:
        sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return layout.unpack(sealing.open_site_secret(_PURPOSE, sealed))
    except (binascii.Error, sealing.Tampered, struct.error, ValueError) as error:
        raise InvalidSearch("_cursor", "not a page of this search") from error


def position(query: Query) -> Position | None:
    """Where the query goes on. Raises InvalidSearch for a cursor that is not one of this sort."""
    if query.cursor is None:
        return None
    mark, at, record = read_cursor(_CURSOR, query.cursor)
    if mark != _MARK[query.sort]:
        raise InvalidSearch("_cursor", "a page of a search in another order")
    return Position(at, record)
