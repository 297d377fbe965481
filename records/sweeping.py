"""All of an owner's record in one pass over her range, in the order it was stored: what $everything and the like read.

The order never changes, so that pages stay whole while the record grows: what is new comes at the end (DESIGN D2, D6).
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from records import indexing, predicates
from records.numbering import TYPE_NUMBER
from records.query import InvalidSearch, read_cursor, write_cursor
from records.rules import Rule
from records.statements import Sql

COLUMNS: Final = "r.id, r.resource_type, r.logical_id, r.version_id, r.body, r.attachment, r.labels"
"""Only what is handed on: a sweep is long."""
_CURSOR: Final = struct.Struct(">2sq")
_MARK: Final = b"*1"


@dataclass(frozen=True, slots=True)
class Sweep:
    """Which of a person's records. ``since``: changed after it.

    ``start``/``end``: µs since 1970 UTC, half-open; of the types in ``dated`` only what overlaps this time. A record
    that says no time is never left out.
    """

    types: frozenset[str]
    since: datetime | None = None
    start: int | None = None
    end: int | None = None
    dated: frozenset[str] = frozenset()
    cursor: str | None = None


class Taken(NamedTuple):
    """A record as it is handed on."""

    resource_type: str
    logical_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a sweep. ``next`` is the cursor of the following part; None at the end."""

    entries: list[Taken]
    next: str | None


def cursor(record: int) -> str:
    """Where the page after this record begins."""
    return write_cursor(_CURSOR, _MARK, record)


def position(sweep: Sweep) -> int | None:
    """The last record of the page before. Raises InvalidSearch."""
    if sweep.cursor is None:
        return None
    mark, record = read_cursor(_CURSOR, sweep.cursor)
    if mark != _MARK:
        raise InvalidSearch("_cursor", "a page of something else")
    return int(record)


def statement(sweep: Sweep, rules: tuple[Rule, ...], *, owner_id: int, blind_key: bytes) -> Sql | None:
    """The records in order, without LIMIT: ``COLUMNS``. None when no rule reaches any of the types."""
    groups = _groups(sweep.types, rules, owner_id=owner_id, blind_key=blind_key)
    if not groups:
        return None
    sql = Sql().add(
        f"SELECT {COLUMNS} FROM records_record r WHERE r.owner_id = %s AND NOT r.deleted",  # noqa: S608
        owner_id,
    )
    after = position(sweep)
    if after is not None:
        sql.add("AND r.id > %s", after)
    if sweep.since is not None:
        sql.add("AND date_trunc('milliseconds', r.last_updated) > %s", sweep.since)  # as the body says it
    if sweep.start is not None or sweep.end is not None:
        sql.add("AND").extend(_timed(sweep))
    sql.add("AND (false")
    for numbers, admitted in groups:
        # Plus nothing: no index fits, so the range is read in its order. In a plan for unknown values PostgreSQL
        # expects few rows, and would gather and sort the whole record for each page.
        sql.add("OR (r.resource_type + 0 = ANY(%s) AND", numbers).extend(admitted).add(")")
    return sql.add(") ORDER BY r.id")


def _groups(
    types: Collection[str], rules: tuple[Rule, ...], *, owner_id: int, blind_key: bytes
) -> list[tuple[list[int], Sql]]:
    """The types by what the rules demand of them: nearly always one demand for all, or one for each scope."""
    groups: dict[str, tuple[list[int], Sql]] = {}
    for resource_type in sorted(types):
        if any(rule.reaches(resource_type) for rule in rules):
            admitted = predicates.predicate(rules, resource_type, owner_id=owner_id, blind_key=blind_key)
            same: Any = (str(admitted), admitted.values)
            groups.setdefault(repr(same), ([], admitted))[0].append(TYPE_NUMBER[resource_type])
    return list(groups.values())


def _timed(sweep: Sweep) -> Sql:
    sql = Sql().add(
        "(r.occurred = %s OR r.resource_type <> ALL(%s) OR (true",
        indexing.NEVER,
        [TYPE_NUMBER[name] for name in sorted(sweep.dated)],
    )
    if sweep.start is not None:
        sql.add("AND r.occurred_end > %s", sweep.start)
    if sweep.end is not None:
        sql.add("AND r.occurred < %s", sweep.end)
    return sql.add("))")
