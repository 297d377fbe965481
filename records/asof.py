"""The record as it was known at a moment: of each resource the version that stood then, and nothing that came later.

By when a version was written here, not by when what it tells of happened: what we knew. A deletion after that moment is
undone in it, one before it is not. The rules are asked of the current version, and of the older one as it was
(records/past.py), so that nobody sees more of the past than of today.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from records import keys, planning, predicates, searching, statements
from records.blinding import Blinding
from records.numbering import TYPE_NUMBER
from records.opening import Page, Stored
from records.query import Query, read_cursor, write_cursor
from records.reading import RecordSet
from records.statements import Sql

# As searching.COLUMNS, but what a version has of its own; nobody keeps what broke the models in the past.
_COLUMNS: Final = (
    "r.id, r.occurred, r.occurred_end, s.last_updated, r.source_id, s.labels, s.version_id, r.resource_type, r.dating,"
    " s.deleted, r.logical_id, s.body, NULL::bytea, s.attachment, s.past"
)
_CURSOR: Final = struct.Struct(">2sqq")
_MARK: Final = b"a1"
_AT_ONCE: Final = 500
Wanted = Callable[[Stored], bool]


@dataclass(frozen=True, slots=True)
class AsOf:
    """What these rules admit of the record as it was known at ``at``."""

    records: RecordSet
    at: datetime

    @property
    def owner_id(self) -> int:
        return self.records.owner_id

    @property
    def patient_id(self) -> str:
        return self.records.patient_id

    def first(self, query: Query, most: int) -> list[Stored]:
        """The first resources of a type that stood then; the query has no clauses of its own."""
        assert not query.clauses
        return self.page(query, count=most, after=None).entries

    def page(self, query: Query, *, count: int, after: str | None, wanted: Wanted | None = None) -> Page:
        """In the order of today's record, newest first. Raises InvalidSearch.

        The clauses of the query narrow what has never changed, by today's index; ``wanted`` says the same of an opened
        record, and is asked of each as it was.
        """
        place = read_cursor(_CURSOR, after)[1:] if after else None
        if not self.records._reaches(query.resource_type):
            return Page([], None)
        found = list(islice(self._standing(query, place, wanted, count + 1), count + 1))
        entries = [stored for _, stored in found[:count]]
        more = len(found) > count
        return Page(entries, write_cursor(_CURSOR, _MARK, *found[count - 1][0]) if more else None)

    def read(self, resource_type: str, logical_id: str) -> Stored | None:
        """The version that stood then; None where there was none, or it is not admitted."""
        versions = self.records.history(resource_type, logical_id)
        standing = next((each for each in versions if each.last_updated <= self.at), None)
        return None if standing is None or standing.deleted else standing

    def _standing(
        self, query: Query, place: tuple[Any, ...] | None, wanted: Wanted | None, at_once: int
    ) -> Iterator[tuple[tuple[int, int], Stored]]:
        owner_keys = keys.ensure(self.owner_id)
        while True:
            rows = statements.run(self._statement(query, place, owner_keys.blind), at_once)
            for row, stored in zip(rows, self.records._opened(owner_keys, rows), strict=True):
                if row[searching.COLUMN_COUNT] and not self.records._admits_past(stored, row[5], row[0]):
                    continue
                told = self.records._told([stored])[0]
                if told is not None and (wanted is None or wanted(told)):
                    yield (row[1], row[0]), told
            if len(rows) < at_once:
                return
            place, at_once = (rows[-1][1], rows[-1][0]), _AT_ONCE

    def _statement(self, query: Query, place: tuple[Any, ...] | None, blind_key: bytes) -> Sql:
        sql = Sql().add(
            f"SELECT {_COLUMNS} FROM records_record r CROSS JOIN LATERAL ("  # noqa: S608
            "(SELECT r.last_updated, r.labels, r.version_id, r.deleted, r.body, r.attachment, false AS past"
            " WHERE r.last_updated <= %s) UNION ALL (SELECT v.last_updated, v.labels, v.version_id, v.deleted, v.body,"
            " v.attachment, true FROM records_recordversion v WHERE r.last_updated > %s AND r.version_id > 1"
            " AND v.owner_id = r.owner_id AND v.record = r.id AND v.last_updated <= %s"
            " ORDER BY v.version_id DESC LIMIT 1)) s"
            " WHERE r.owner_id = %s AND r.resource_type = %s AND NOT s.deleted"
            " AND (r.version_id > 1 OR r.last_updated <= %s) AND",
            *(self.at, self.at, self.at),
            self.owner_id,
            TYPE_NUMBER[query.resource_type],
            self.at,
        )
        sql.extend(self.records._predicate(query.resource_type))
        if not query.measured:
            blinding = Blinding(self.owner_id, query.resource_type, blind_key)
            sql.add("AND").extend(predicates.not_measured_by_devices(blinding))
        if query.clauses:
            made = planning.plan(query, owner_id=self.owner_id, patient_id=self.patient_id, blind_key=blind_key)
            sql.add("AND (r.version_id > 1 OR (true").extend(searching.narrowed(made)).add("))")
        if place is not None:
            sql.add("AND (r.occurred, r.id) < (%s, %s)", *place)
        return sql.add("ORDER BY r.occurred DESC, r.id DESC")
