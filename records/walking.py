"""Walking through all records of one type, by logical id: each once, whatever is written meanwhile.

Reading order moves when a record's date changes; an id never does, so a walk can be left and taken up again anywhere
without a duplicate or a gap. Bulk exports walk; pages are read in reading order (reading.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

from records import keys, planning, provenances, searching, statements
from records.keys import OwnerKeys
from records.numbering import TYPE_NAME, TYPE_NUMBER
from records.planning import Plan
from records.query import Query
from records.reading import RecordSet, Stored
from records.statements import Sql
from records.writer import WRITER_LOCK

_MILLISECONDS: Final = "date_trunc('milliseconds', r.last_updated)"


@dataclass(frozen=True, slots=True)
class Span:
    """Changed after ``since`` (None: ever) and, if never changed again, not newer than ``until``.

    Instants count in milliseconds, as ``meta.lastUpdated`` shows them. What was changed again while the walk goes on
    is given as it is now, rather than not at all.
    """

    since: datetime | None
    until: datetime

    def sql(self) -> Sql:
        sql = Sql().add(f"({_MILLISECONDS} <= %s OR r.version_id > 1)", self.until)
        return sql if self.since is None else sql.add(f"AND {_MILLISECONDS} > %s", self.since)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a walk. ``upto`` is the id to go on after; None at the end."""

    entries: list[Stored]
    upto: str | None


def settle(owner_id: int) -> None:
    """Waits for who is writing this record just now: what they began before is then seen by the walk."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [WRITER_LOCK, owner_id])


def check(query: Query) -> None:
    """Raises query.InvalidSearch for what no walk could ask, before anybody's record is touched."""
    planning.plan(query, owner_id=0, patient_id="", blind_key=bytes(keys.KEY_BYTES))


def stretch(records: RecordSet, queries: Sequence[Query], span: Span, *, after: str, count: int) -> Stretch:
    """The next records that any of the queries finds; all queries are of one type. Raises query.InvalidSearch."""
    owner_keys = keys.ensure(records.owner_id)
    planned = (
        planning.plan(query, owner_id=records.owner_id, patient_id=records.patient_id, blind_key=owner_keys.blind)
        for query in queries
    )
    plans = [made for made in planned if not made.nothing]
    if not plans:
        return Stretch([], None)
    rows = statements.run(_statement(records, queries[0].resource_type, plans, span, after), count)
    kept = [row for row in rows if _is_wanted(records, plans, owner_keys, row)]
    told = records._told(records._opened(owner_keys, kept))
    entries = [one for row, one in zip(kept, told, strict=True) if one is not None and _is_told(plans, row, one)]
    return Stretch(entries, rows[-1][10] if len(rows) == count else None)


def gone(records: RecordSet, span: Span) -> list[tuple[str, str]]:
    """(type, id) of records deleted in this time, as far as the rules still tell that they were admitted."""
    within = Sql().add("FROM records_record r WHERE r.owner_id = %s AND r.deleted AND", records.owner_id)
    within.extend(span.sql())
    types = statements.run(Sql().add("SELECT DISTINCT r.resource_type").extend(within).add("ORDER BY 1"))
    found: list[tuple[str, str]] = []
    for (number,) in types:
        sql = Sql().add("SELECT r.logical_id").extend(within).add("AND r.resource_type = %s AND", number)
        sql.extend(records._predicate(TYPE_NAME[number])).add("ORDER BY r.logical_id")
        names = [(TYPE_NAME[number], str(row[0])) for row in statements.run(sql)]
        hiding = records._looks_through(TYPE_NAME[number])
        found += [name for name in names if not hiding or records.read(*name) is not None]
    return found


def _statement(records: RecordSet, resource_type: str, plans: list[Plan], span: Span, after: str) -> Sql:
    """``COLUMNS`` and, for each plan, whether the row is of it as far as SQL can tell."""
    sql = Sql().add(f"SELECT {searching.COLUMNS}")
    for made in plans:
        sql.add(", (true").extend(searching.narrowed(made)).add(")")
    sql.add(
        "FROM records_record r WHERE r.owner_id = %s AND r.resource_type = %s AND r.logical_id > %s AND NOT r.deleted",
        records.owner_id,
        TYPE_NUMBER[resource_type],
        after,
    )
    sql.add("AND").extend(records._predicate(resource_type)).add("AND").extend(span.sql()).add("AND (false")
    for made in plans:
        sql.add("OR (true").extend(searching.narrowed(made)).add(")")
    return sql.add(") ORDER BY r.logical_id")


def _is_wanted(records: RecordSet, plans: list[Plan], owner_keys: OwnerKeys, row: tuple[Any, ...]) -> bool:
    return any(
        said and records._passes(made, owner_keys, row)
        for made, said in zip(plans, row[searching.COLUMN_COUNT :], strict=True)
    )


def _is_told(plans: list[Plan], row: tuple[Any, ...], told: Stored) -> bool:
    """Whether one of the queries still finds a Provenance by what it may name."""
    if told.resource_type != provenances.KIND:
        return True
    said = zip(plans, row[searching.COLUMN_COUNT :], strict=True)
    return any(found and made.holds(told.resource) for made, found in said)
