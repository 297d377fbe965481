"""One owner's record being written: her lock, and the rows and counts that the records of a page bring or take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from records import indexing, keys, sealing, statements
from records.incoming import Refusal
from standards.fhir import dates

WRITER_LOCK: Final = 2


CounterKey = tuple[int, int, int, tuple[int, ...]]
"""Type number, source id, labels, categories."""


class OutsideTransaction(Exception):
    """A write was tried outside the transaction that also holds its ledger row."""


@dataclass(slots=True)
class PageOutcome:
    """What became of a page. ``invalid`` counts those kept although they break the models; ``repeated`` those that
    the same page says again (the last one counts)."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    invalid: int = 0
    repeated: int = 0
    refused: list[Refusal] = field(default_factory=list)
    by_type: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is stored now under a candidate's id."""

    id: int
    version_id: int
    content_hash: bytes
    deleted: bool
    source_id: int
    flagged: bool
    labels: int


@dataclass(slots=True)
class Writer:
    """One page being written for one owner. ``instant`` is ``at`` as FHIR writes it."""

    cursor: CursorWrapper
    owner_id: int
    source_id: int
    keys: keys.OwnerKeys
    at: datetime
    instant: str
    outcome: PageOutcome = field(default_factory=PageOutcome)
    counters: dict[CounterKey, list[int]] = field(default_factory=dict)
    rows: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    stale_rows: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    systems: set[tuple[int, int, str]] = field(default_factory=set)
    born: tuple[dates.Interval | None, ...] = ()
    """Her birth date once it was looked for (labelling)."""

    def place(self, type_number: int, logical_id: str, version_id: int) -> bytes:
        return sealing.place(self.owner_id, type_number, logical_id, version_id)


def take_turn(owner_id: int) -> None:
    """Waits until nobody else writes to this owner's record, and keeps the turn until the transaction ends."""
    if not connection.in_atomic_block:
        raise OutsideTransaction("a turn lasts as long as a transaction")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [WRITER_LOCK, owner_id])


class writing:  # noqa: N801 - reads as a phrase: with writing(...)
    """Opens the writer of one owner and holds her lock until the transaction ends."""

    def __init__(self, owner_id: int, source_id: int, at: datetime) -> None:
        if not connection.in_atomic_block:
            raise OutsideTransaction("records are written in the transaction of their ledger row")
        # No savepoint: what fails in here takes the caller's transaction with it.
        self._transaction = transaction.atomic(savepoint=False)
        self._arguments = (owner_id, source_id, at)

    def __enter__(self) -> Writer:
        owner_id, source_id, at = self._arguments
        owner_keys = keys.ensure(owner_id)
        self._transaction.__enter__()
        cursor = connection.cursor()
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [WRITER_LOCK, owner_id])
        self._writer = Writer(cursor, owner_id, source_id, owner_keys, at, dates.instant(at))
        return self._writer

    def __exit__(self, *error: Any) -> None:
        self._writer.cursor.close()
        self._transaction.__exit__(*error)


# Written so that each id is looked up in the unique index: OFFSET 0 forbids a join over all that the owner has, and as
# a subselect the owner counts as any one; of an owner newer than its statistics the planner expects no rows at all.
_STANDING: Final = (
    "SELECT w.resource_type, w.logical_id, r.id, r.version_id, r.content_hash, r.deleted, r.source_id, r.flagged,"
    " r.labels"
    " FROM unnest(%s::int2[], %s::text[]) AS w (resource_type, logical_id) CROSS JOIN LATERAL ("
    " SELECT id, version_id, content_hash, deleted, source_id, problems IS NOT NULL AS flagged, labels"
    " FROM records_record x WHERE x.owner_id = (SELECT %s::int4) AND x.resource_type = w.resource_type"
    " AND x.logical_id = w.logical_id"
    " OFFSET 0) r"
)


def standing_of(writer: Writer, wanted: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Standing]:
    numbers, logical_ids = [number for number, _ in wanted], [logical_id for _, logical_id in wanted]
    rows = statements.read(_STANDING, [numbers, logical_ids, writer.owner_id])
    return {(row[0], row[1]): Standing(*row[2:]) for row in rows}


def note(
    writer: Writer,
    type_number: int,
    number: int,
    found: indexing.Indexed,
    *,
    labels: int,
    flagged: bool,
    retired: Standing | None = None,
) -> None:
    """Notes the rows and counts that a record brings, or, when it is retired, takes away.

    ``labels`` are those under which it is, or was, counted.
    """
    rows = ((type_number, param, value, found.occurred, number) for param, value in found.rows)
    (writer.stale_rows if retired else writer.rows).extend(rows)
    sign = -1 if retired else 1
    source_id = retired.source_id if retired else writer.source_id
    key = (type_number, source_id, labels, found.categories)
    count(writer, key, sign, flagged=flagged, span=(found.occurred, found.occurred_end))
    if not retired:
        # The database keeps no NUL in a text; a code in such a system is not found by itself.
        writer.systems.update((type_number, param, system.replace("\0", "")[:500]) for param, system in found.systems)


def count(writer: Writer, key: CounterKey, sign: int, *, flagged: bool, span: tuple[int, int]) -> None:
    """Notes one record more or less of a kind."""
    counter = writer.counters.setdefault(key, [0, 0, indexing.NEVER, 0])
    counter[0] += sign
    counter[1] += sign * flagged
    if sign > 0:
        counter[2] = max(counter[2], span[0])
        counter[3] = max(counter[3], indexing.length(*span))


_ROW: Final = {
    "owner_id": "int4",
    "resource_type": "int2",
    "param": "int2",
    "value": "int8",
    "occurred": "int8",
    "record": "int8",
}


def write_rows(writer: Writer) -> None:
    """Writes and forgets the rows that were noted; the counts are ``write_counters``."""
    if writer.stale_rows:
        columns = [list(column) for column in zip(*writer.stale_rows, strict=True)]
        writer.cursor.execute(
            "DELETE FROM records_searchrow s USING unnest(%s::int2[], %s::int2[], %s::int8[], %s::int8[], %s::int8[])"
            " AS g (resource_type, param, value, occurred, record) WHERE s.owner_id = %s"
            " AND s.resource_type = g.resource_type AND s.param = g.param AND s.value = g.value"
            " AND s.occurred = g.occurred AND s.record = g.record",
            [*columns, writer.owner_id],
        )
    if writer.rows:
        rows = ((writer.owner_id, *row) for row in writer.rows)
        statements.load(writer.cursor, "records_searchrow", _ROW, rows)
    if writer.systems:
        columns = [list(column) for column in zip(*sorted(writer.systems), strict=True)]
        statements.write(_KNOW_SYSTEMS, [writer.owner_id, *columns])
    writer.stale_rows.clear()
    writer.rows.clear()
    writer.systems.clear()


def write_counters(writer: Writer) -> None:
    """Writes and forgets the counts that were noted."""
    if writer.counters:
        counters = [
            (*key[:3], f"{{{','.join(map(str, key[3]))}}}", *numbers)
            for key, numbers in sorted(writer.counters.items())
        ]
        columns = [list(column) for column in zip(*counters, strict=True)]
        statements.write(_COUNT, [*columns, *[writer.owner_id, writer.at] * 2])
        writer.counters.clear()


_KNOW_SYSTEMS: Final = (
    "INSERT INTO records_codesystem (owner_id, resource_type, param, system)"
    " SELECT %s, * FROM unnest(%s::int2[], %s::int2[], %s::text[]) ON CONFLICT DO NOTHING"
)
# No upsert: a constraint looks at the row of an upsert before it is seen to exist, and a change may be below zero.
# The owner's turn keeps two writers from making the same row.
_COUNT: Final = (
    "MERGE INTO records_counter c USING unnest(%s::int2[], %s::int4[], %s::int4[], %s::text[], %s::int4[], %s::int4[],"
    " %s::int8[], %s::int8[]) AS n (resource_type, source_id, labels, categories, total, problems, newest, longest)"
    " ON c.owner_id = %s AND c.resource_type = n.resource_type AND c.source_id = n.source_id"
    " AND c.labels = n.labels AND c.categories = n.categories::int8[]"
    " WHEN MATCHED THEN UPDATE SET total = c.total + n.total, problems = c.problems + n.problems,"
    " newest = greatest(c.newest, n.newest), longest = greatest(c.longest, n.longest), changed = %s"
    " WHEN NOT MATCHED THEN INSERT (owner_id, resource_type, source_id, labels, categories, total, problems, newest,"
    " longest, changed) VALUES (%s, n.resource_type, n.source_id, n.labels, n.categories::int8[], n.total,"
    " n.problems, n.newest, n.longest, %s)"
)
