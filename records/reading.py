"""Reading through rules: what a RecordSet does not admit is not loaded, counted, paged or timed (DESIGN D6).

Only ``consent.gate`` makes a RecordSet. Hidden and absent both come back as None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from records import indexing, keys, kinds, planning, provenances, sealing, searching, statements, sweeping
from records.kinds import KindCount
from records.models import Dating
from records.numbering import TYPE_NAME, TYPE_NUMBER
from records.opening import Opener
from records.opening import Page as Page
from records.opening import Stored as Stored
from records.past import WithPast
from records.query import COUNT_MAX, Position, Query, position
from records.rules import Rule
from records.statements import Sql

# How many rows are opened at a time when a clause has to be asked of the resources themselves.
_OPENED_AT_ONCE: Final = 500
_EXACT: Final = int(Dating.EXACT)
# More than any owner has of a type; PostgreSQL takes it for a limit.
_WHOLE: Final = 2**62


@dataclass(frozen=True, slots=True)
class RecordSet(WithPast):
    """The records of one owner that some rules admit."""

    def everything(self, sweep: sweeping.Sweep, *, count: int, size: int) -> sweeping.Stretch:
        """Part of the whole record, in the order it was stored: at most ``count`` records, and no further one once
        their bodies together have ``size`` bytes. Raises query.InvalidSearch for a cursor of something else.
        """
        owner_keys = keys.ensure(self.owner_id)
        statement = sweeping.statement(sweep, self.rules, owner_id=self.owner_id, blind_key=owner_keys.blind)
        rows = [] if statement is None else statements.run(statement, count + 1)
        entries: list[sweeping.Taken] = []
        opener = Opener(self.owner_id, owner_keys.cipher)
        for _, number, logical_id, version_id, sealed, attachment, bits in rows[:count]:
            where = sealing.place(self.owner_id, number, logical_id, version_id)
            body = opener.body(sealed, attachment, where, bits)
            entries.append(sweeping.Taken(TYPE_NAME[number], logical_id, body))
            size -= len(body)
            if size <= 0:
                break
        taken = len(entries)
        if any(self._looks_through(kind) for kind in {one.resource_type for one in entries}):
            told = self._bodies_told([(one.resource_type, one.body) for one in entries])
            entries = [one._replace(body=body) for one, body in zip(entries, told, strict=True) if body is not None]
        return sweeping.Stretch(entries, sweeping.cursor(rows[taken - 1][0]) if taken < len(rows) else None)

    def search(self, query: Query) -> Page:
        """One page in reading order. Raises query.InvalidSearch."""
        owner_keys = keys.ensure(self.owner_id)
        made = planning.plan(query, owner_id=self.owner_id, patient_id=self.patient_id, blind_key=owner_keys.blind)
        after = position(query)
        if made.nothing or not self._reaches(query.resource_type) or not query.count:
            return Page([], None)
        wanted = query.count + 1
        if self._looks_through(query.resource_type):
            found = list(islice(self._told_rows(made, query, owner_keys, after, wanted), wanted))
            entries = [stored for _, stored in found[: query.count]]
            more = len(found) == wanted
            return Page(entries, _place(query, found[query.count - 1][0]).cursor(query.sort) if more else None)
        if not made.tests and not made.doubtful:
            rows = statements.run(self._statement(made, query, owner_keys, after), wanted)
        else:
            rows = self._tested(made, query, owner_keys, after, wanted)
        entries = self._opened(owner_keys, rows[: query.count])
        if len(rows) < wanted:
            return Page(entries, None)
        return Page(entries, _place(query, rows[query.count - 1]).cursor(query.sort))

    def first(self, query: Query, most: int) -> list[Stored]:
        """The first in reading order, in one statement however many. Raises query.InvalidSearch."""
        return self.search(replace(query, count=most, cursor=None)).entries

    def whole(self, query: Query) -> list[Stored]:
        """All of them, in one statement: for who holds them all at once anyway. Raises query.InvalidSearch."""
        return self.first(query, _WHOLE)

    def every(self, query: Query) -> Iterator[Stored]:
        """Every record the query finds, page after page. Raises query.InvalidSearch."""
        after: str | None = None
        while True:
            page = self.search(query.page(COUNT_MAX, after=after))
            yield from page.entries
            after = page.next
            if after is None:
                return

    def count(self, query: Query) -> int:
        """How many records match; the cursor and the page size do not matter. Raises query.InvalidSearch."""
        owner_keys = keys.ensure(self.owner_id)
        made = planning.plan(query, owner_id=self.owner_id, patient_id=self.patient_id, blind_key=owner_keys.blind)
        if made.nothing or not self._reaches(query.resource_type):
            return 0
        if self._looks_through(query.resource_type):
            return sum(1 for _ in self._told_rows(made, query, owner_keys, None))
        if not query.clauses and query.measured and not any(rule.windowed or rule.filters for rule in self.rules):
            return sum(kind.total for kind in self.counts() if kind.resource_type == query.resource_type)
        if made.tests or made.doubtful:
            return sum(1 for _ in self._all_tested(made, query, owner_keys, None))
        statement = self._statement(made, query, owner_keys, None)
        counted = Sql().add("SELECT count(*) FROM (").extend(statement).add(") c")
        return int(statements.run(counted)[0][0])

    def counts(self) -> list[KindCount]:
        """What there is, by kind; of Provenances also those that name nothing these rules admit: see told_counts."""
        return kinds.counted(self.owner_id, self.rules)

    def told_counts(self) -> list[KindCount]:
        """The same, as it may be told. No counter knows which Provenances still name something (docs/adr/0009), so
        each is asked.
        """
        found = self.counts()
        if not self._looks_through(provenances.KIND) or all(one.resource_type != provenances.KIND for one in found):
            return found
        totals: Counter[int] = Counter()
        newest: dict[int, Stored] = {}
        for stored in self.every(Query.of(provenances.KIND)):
            totals[stored.source_id] += 1
            newest.setdefault(stored.source_id, stored)
        return [one for one in found if one.resource_type != provenances.KIND] + [
            KindCount(provenances.KIND, (), source, (), total, 0, newest[source].occurred, newest[source].last_updated)
            for source, total in totals.items()
        ]

    def latest(self, limit: int) -> list[Stored]:
        """The newest records of all types, newest first."""
        owner_keys = keys.ensure(self.owner_id)
        found: list[tuple[Any, ...]] = []
        for resource_type in sorted({kind.resource_type for kind in self.counts()} - {"Binary", "Patient"}):
            query = Query.of(resource_type)
            plan = planning.plan(query, owner_id=self.owner_id, patient_id=self.patient_id, blind_key=owner_keys.blind)
            found += statements.run(self._statement(plan, query, owner_keys, None), limit)
        found.sort(key=lambda row: (row[1], row[0]), reverse=True)
        told = self._told(self._opened(owner_keys, found[:limit]))
        return [one for one in told if one is not None]

    def labelled(self, bits: int, *, count: int, skip: int = 0) -> list[Stored]:
        """Current records of any type that carry one of these labels, newest first; none but to who may see all.

        By a part of the index that holds labelled records only, so a record without any costs nothing.
        """
        if self.rules != (Rule(),):
            return []
        owner_keys = keys.ensure(self.owner_id)
        sql = Sql().add(
            f"SELECT {searching.COLUMNS} FROM records_record r WHERE r.owner_id = %s AND r.labels <> 0"  # noqa: S608
            f" AND NOT r.deleted AND r.resource_type <> %s AND (r.labels & %s) <> 0"
            f" ORDER BY r.occurred DESC, r.id DESC OFFSET {skip:d}",
            self.owner_id,
            TYPE_NUMBER["Binary"],
            bits,
        )
        return self._opened(owner_keys, statements.run(sql, count))

    def _statement(self, made: planning.Plan, query: Query, owner_keys: keys.OwnerKeys, after: Position | None) -> Sql:
        return searching.statement(
            made, self.rules, query, owner_id=self.owner_id, blind_key=owner_keys.blind, after=after
        )

    def _tested(
        self, made: planning.Plan, query: Query, owner_keys: keys.OwnerKeys, after: Position | None, wanted: int
    ) -> list[tuple[Any, ...]]:
        # A doubtful date is rare: then a page of candidates is nearly always the page itself.
        at_once = _OPENED_AT_ONCE if made.tests else wanted
        return list(islice(self._all_tested(made, query, owner_keys, after, at_once), wanted))

    def _all_tested(
        self,
        made: planning.Plan,
        query: Query,
        owner_keys: keys.OwnerKeys,
        after: Position | None,
        at_once: int = _OPENED_AT_ONCE,
    ) -> Iterator[tuple[Any, ...]]:
        """The candidates that also pass the clauses without rows, opened in batches."""
        while True:
            rows = statements.run(self._statement(made, query, owner_keys, after), at_once)
            # Of a page of exact dates there is nothing left to ask.
            asked = made.tests or {row[8] for row in rows} != {_EXACT}
            yield from [row for row in rows if self._passes(made, owner_keys, row)] if asked else rows
            if len(rows) < at_once:
                return
            after = _place(query, rows[-1])

    def _told_rows(
        self,
        made: planning.Plan,
        query: Query,
        owner_keys: keys.OwnerKeys,
        after: Position | None,
        at_once: int = _OPENED_AT_ONCE,
    ) -> Iterator[tuple[tuple[Any, ...], Stored]]:
        """The rows of Provenances and Patients that answer the query by what they may tell, opened in batches."""
        while True:
            rows = statements.run(self._statement(made, query, owner_keys, after), at_once)
            told = self._told(self._opened(owner_keys, rows))
            for row, stored in zip(rows, told, strict=True):
                if stored is not None and made.holds(stored.resource):
                    yield row, stored
            if len(rows) < at_once:
                return
            after, at_once = _place(query, rows[-1]), _OPENED_AT_ONCE

    def _passes(self, made: planning.Plan, owner_keys: keys.OwnerKeys, row: tuple[Any, ...]) -> bool:
        tests = made.tests if row[8] == _EXACT else [*made.tests, *made.doubtful]
        if not tests:
            return True
        # As it is served, tags of ours included: ``_security`` finds what is told.
        resource = Opener(self.owner_id, owner_keys.cipher).stored(row).resource
        return all(test(resource) for test in tests)


def _place(query: Query, row: tuple[Any, ...]) -> Position:
    """Where in the order of the query this row stands."""
    return Position(searching.microseconds(row[3]) if query.by_change else row[1], row[0])


def known_time(stored: Stored) -> bool:
    """Whether it is known when this happened."""
    return stored.occurred != indexing.NEVER
