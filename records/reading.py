"""Reading through rules: what a RecordSet does not admit is not loaded, counted, paged or timed (DESIGN D6).

Only ``consent.gate`` makes a RecordSet. Hidden and absent both come back as None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple

from records import (
    attachments,
    changelog,
    indexing,
    keys,
    kinds,
    labels,
    provenances,
    sealing,
    searching,
    sweeping,
    tagging,
)
from records.kinds import KindCount
from records.models import Dating, Record, RecordVersion
from records.numbering import TYPE_NAME, TYPE_NUMBER
from records.query import COUNT_MAX, Position, Query, position
from records.rules import Rule
from records.searching import Sql
from standards.fhir import json

# How many rows are opened at a time when a clause has to be asked of the resources themselves.
_OPENED_AT_ONCE: Final = 500
_VERSIONS_AT_ONCE: Final = 100


class Stored(NamedTuple):  # made for every row of a page: a frozen dataclass takes five times as long to make
    """One version of one resource. ``body`` is the exact JSON to serve; ``problems`` say what breaks the models.

    ``occurred``/``occurred_end``: µs since 1970 UTC, half-open; both ``indexing.NEVER`` when no time is known.
    ``labels``: its sensitivity, a bit set (labels.py).
    """

    resource_type: str
    logical_id: str
    version_id: int
    last_updated: datetime
    deleted: bool
    source_id: int
    occurred: int
    occurred_end: int
    body: bytes
    problems: list[dict[str, str]]
    labels: int = 0

    @property
    def resource(self) -> dict[str, Any]:
        """The opened resource, decimals as written."""
        opened: dict[str, Any] = json.loads(self.body)
        return opened


@dataclass(frozen=True, slots=True)
class Page:
    entries: list[Stored]
    next: str | None


@dataclass(frozen=True, slots=True)
class RecordSet:
    """The records of one owner that some rules admit."""

    owner_id: int
    patient_id: str
    rules: tuple[Rule, ...]

    def read(self, resource_type: str, logical_id: str) -> Stored | None:
        """The current version; a deleted one has ``deleted`` and no body, for those who might have read it."""
        if resource_type not in TYPE_NUMBER:
            return None
        owner_keys = keys.ensure(self.owner_id)
        sql = (
            Sql()
            .add(f"SELECT {searching.COLUMNS} FROM records_record r WHERE")  # noqa: S608
            .extend(searching.of_type(self.owner_id, resource_type))
            .add("AND r.logical_id = %s AND", logical_id)
            .extend(self._predicate(resource_type))
        )
        rows = searching.run(sql)
        return self._told([self._stored(owner_keys, rows[0])])[0] if rows else None

    def holds(self, resource_type: str, logical_id: str) -> bool:
        """Whether it is among what may be read, deleted or not; nothing of it is opened."""
        return resource_type in TYPE_NUMBER and bool(self._visible([(resource_type, logical_id)]))

    def history(
        self,
        resource_type: str,
        logical_id: str,
        *,
        since: datetime | None = None,
        below: int | None = None,
        limit: int | None = None,
    ) -> list[Stored]:
        """Every version that may be seen, newest first; empty when the current one may not.

        ``since``: written at or after it. ``below``: only versions with a smaller number. ``limit``: so many at most.
        """
        current = self.read(resource_type, logical_id)
        if current is None:
            return []
        versions = self._versions(current, since=since, below=below)
        return list(versions if limit is None else islice(versions, limit))

    def _versions(self, current: Stored, *, since: datetime | None, below: int | None) -> Iterator[Stored]:
        if (below is None or current.version_id < below) and (since is None or current.last_updated >= since):
            yield current
        record = Record.unguarded.only("id").get(
            owner_id=self.owner_id,
            resource_type=TYPE_NUMBER[current.resource_type],
            logical_id=current.logical_id,
        )
        older = RecordVersion.unguarded.filter(owner_id=self.owner_id, record=record.id).order_by("-version_id")
        if below is not None:
            older = older.filter(version_id__lt=below)
        if since is not None:
            older = older.filter(last_updated__gte=since)
        for version in older.iterator(chunk_size=_VERSIONS_AT_ONCE):
            seen = self._older(current, version)
            if self._admits_past(seen, version.labels, record.id) and (told := self._told([seen])[0]):
                yield told

    def read_version(self, resource_type: str, logical_id: str, version_id: int) -> Stored | None:
        """One version, if both it and the current one may be seen."""
        versions = self.history(resource_type, logical_id, below=version_id + 1, limit=1)
        return versions[0] if versions and versions[0].version_id == version_id else None

    def changes(self, changes: changelog.Changes, *, count: int) -> Page:
        """One page of the versions of a whole type, last changed first; of each record those that history() gives.

        Raises query.InvalidSearch for a cursor of something else.
        """
        after = changelog.place(changes)
        if not self._reaches(changes.resource_type):
            return Page([], None)
        found = list(islice(self._changed(changes, after, count + 1), count + 1))
        entries = [stored for _, stored in found[:count]]
        return Page(entries, found[count - 1][0].cursor() if len(found) > count else None)

    def _changed(
        self, changes: changelog.Changes, after: changelog.Place | None, wanted: int
    ) -> Iterator[tuple[changelog.Place, Stored]]:
        owner_keys = keys.ensure(self.owner_id)
        admitted, at_once = self._predicate(changes.resource_type), wanted
        while True:
            rows = searching.run(
                changelog.statement(changes, admitted=admitted, owner_id=self.owner_id, after=after, limit=at_once)
            )
            for row in rows:
                stored = self._stored(owner_keys, row)
                if changelog.is_past(row) and not self._admits_past(stored, row[5], row[0]):
                    continue
                if told := self._told([stored])[0]:
                    yield changelog.place_of(row), told
            if len(rows) < at_once:
                return
            after, at_once = changelog.place_of(rows[-1]), _OPENED_AT_ONCE

    def everything(self, sweep: sweeping.Sweep, *, count: int, size: int) -> sweeping.Stretch:
        """Part of the whole record, in the order it was stored: at most ``count`` records, and no further one once
        their bodies together have ``size`` bytes. Raises query.InvalidSearch for a cursor of something else.
        """
        owner_keys = keys.ensure(self.owner_id)
        statement = sweeping.statement(sweep, self.rules, owner_id=self.owner_id, blind_key=owner_keys.blind)
        rows = [] if statement is None else searching.run(statement, count + 1)
        entries: list[sweeping.Taken] = []
        for _, number, logical_id, version_id, sealed, attachment, bits in rows[:count]:
            where = sealing.place(self.owner_id, number, logical_id, version_id)
            body = tagging.tagged(self._unsealed(owner_keys, sealed, attachment, where), bits)
            entries.append(sweeping.Taken(TYPE_NAME[number], logical_id, body))
            size -= len(body)
            if size <= 0:
                break
        taken = len(entries)
        told = self._bodies_told([(one.resource_type, one.body) for one in entries])
        entries = [one._replace(body=body) for one, body in zip(entries, told, strict=True) if body is not None]
        return sweeping.Stretch(entries, sweeping.cursor(rows[taken - 1][0]) if taken < len(rows) else None)

    def search(self, query: Query) -> Page:
        """One page in reading order. Raises query.InvalidSearch."""
        owner_keys = keys.ensure(self.owner_id)
        made = searching.plan(query, owner_id=self.owner_id, patient_id=self.patient_id, blind_key=owner_keys.blind)
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
            rows = searching.run(self._statement(made, query, owner_keys, after), wanted)
        else:
            rows = self._tested(made, query, owner_keys, after, wanted)
        entries = [self._stored(owner_keys, row) for row in rows[: query.count]]
        if len(rows) < wanted:
            return Page(entries, None)
        return Page(entries, _place(query, rows[query.count - 1]).cursor(query.sort))

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
        made = searching.plan(query, owner_id=self.owner_id, patient_id=self.patient_id, blind_key=owner_keys.blind)
        if made.nothing or not self._reaches(query.resource_type):
            return 0
        if self._looks_through(query.resource_type):
            return sum(1 for _ in self._told_rows(made, query, owner_keys, None))
        if not query.clauses and not any(rule.windowed or rule.filters for rule in self.rules):
            return sum(kind.total for kind in self.counts() if kind.resource_type == query.resource_type)
        if made.tests or made.doubtful:
            return sum(1 for _ in self._all_tested(made, query, owner_keys, None))
        statement = self._statement(made, query, owner_keys, None)
        counted = Sql().add("SELECT count(*) FROM (").extend(statement).add(") c")
        return int(searching.run(counted)[0][0])

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
            plan = searching.plan(query, owner_id=self.owner_id, patient_id=self.patient_id, blind_key=owner_keys.blind)
            found += searching.run(self._statement(plan, query, owner_keys, None), limit)
        found.sort(key=lambda row: (row[1], row[0]), reverse=True)
        told = self._told([self._stored(owner_keys, row) for row in found[:limit]])
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
        return [self._stored(owner_keys, row) for row in searching.run(sql, count)]

    def _reaches(self, resource_type: str) -> bool:
        return resource_type in TYPE_NUMBER and any(rule.reaches(resource_type) for rule in self.rules)

    def _predicate(self, resource_type: str) -> Sql:
        blind_key = keys.of(self.owner_id).blind
        return searching.predicate(self.rules, resource_type, owner_id=self.owner_id, blind_key=blind_key)

    def _statement(self, made: searching.Plan, query: Query, owner_keys: keys.OwnerKeys, after: Position | None) -> Sql:
        return searching.statement(
            made, self.rules, query, owner_id=self.owner_id, blind_key=owner_keys.blind, after=after
        )

    def _tested(
        self, made: searching.Plan, query: Query, owner_keys: keys.OwnerKeys, after: Position | None, wanted: int
    ) -> list[tuple[Any, ...]]:
        # A doubtful date is rare: then a page of candidates is nearly always the page itself.
        at_once = _OPENED_AT_ONCE if made.tests else wanted
        return list(islice(self._all_tested(made, query, owner_keys, after, at_once), wanted))

    def _all_tested(
        self,
        made: searching.Plan,
        query: Query,
        owner_keys: keys.OwnerKeys,
        after: Position | None,
        at_once: int = _OPENED_AT_ONCE,
    ) -> Iterator[tuple[Any, ...]]:
        """The candidates that also pass the clauses without rows, opened in batches."""
        while True:
            rows = searching.run(self._statement(made, query, owner_keys, after), at_once)
            for row in rows:
                if self._passes(made, owner_keys, row):
                    yield row
            if len(rows) < at_once:
                return
            after = _place(query, rows[-1])

    def _looks_through(self, resource_type: str) -> bool:
        """Whether these records may name what the rules hide."""
        return resource_type == provenances.KIND and provenances.hides_any(self.rules)

    def _told(self, found: Sequence[Stored]) -> list[Stored | None]:
        """Each as it may be told; None for a Provenance of nothing that may be seen, and for its deletion."""
        said = [
            self._before(one).body if one.deleted and self._looks_through(one.resource_type) else one.body
            for one in found
        ]
        bodies = self._bodies_told([(one.resource_type, body) for one, body in zip(found, said, strict=True)])
        return [
            None if body is None else one if one.deleted or body is one.body else one._replace(body=body)
            for one, body in zip(found, bodies, strict=True)
        ]

    def _before(self, deletion: Stored) -> Stored:
        """The version that was deleted."""
        record = Record.unguarded.only("id").get(
            owner_id=self.owner_id,
            resource_type=TYPE_NUMBER[deletion.resource_type],
            logical_id=deletion.logical_id,
        )
        before = RecordVersion.unguarded.get(
            owner_id=self.owner_id, record=record.id, version_id=deletion.version_id - 1
        )
        return self._older(deletion, before)

    def _bodies_told(self, found: Sequence[tuple[str, bytes]]) -> list[bytes | None]:
        """The same by type and body."""
        opened = {place: json.loads(body) for place, (kind, body) in enumerate(found) if self._looks_through(kind)}
        visible = self._visible({name for resource in opened.values() for name in provenances.named(resource)})
        bodies: list[bytes | None] = [body for _, body in found]
        for place, resource in opened.items():
            told = provenances.told(resource, visible)
            if told != resource or told is None:
                bodies[place] = None if told is None else json.dumps(told)
        return bodies

    def _visible(self, names: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Those of these (type, id) that the rules admit, deleted ones too."""
        found: set[tuple[str, str]] = set()
        for kind in {kind for kind, _ in names if self._reaches(kind)}:
            asked = [logical_id for other, logical_id in names if other == kind]
            sql = (
                Sql()
                .add("SELECT r.logical_id FROM records_record r WHERE")
                .extend(searching.of_type(self.owner_id, kind))
                .add("AND r.logical_id = ANY(%s) AND", asked)
                .extend(self._predicate(kind))
            )
            found |= {(kind, row[0]) for row in searching.run(sql)}
        return found

    def _told_rows(
        self,
        made: searching.Plan,
        query: Query,
        owner_keys: keys.OwnerKeys,
        after: Position | None,
        at_once: int = _OPENED_AT_ONCE,
    ) -> Iterator[tuple[tuple[Any, ...], Stored]]:
        """The rows of Provenances that answer the query by what they may name, opened in batches."""
        while True:
            rows = searching.run(self._statement(made, query, owner_keys, after), at_once)
            told = self._told([self._stored(owner_keys, row) for row in rows])
            for row, stored in zip(rows, told, strict=True):
                if stored is not None and made.holds(stored.resource):
                    yield row, stored
            if len(rows) < at_once:
                return
            after, at_once = _place(query, rows[-1]), _OPENED_AT_ONCE

    def _passes(self, made: searching.Plan, owner_keys: keys.OwnerKeys, row: tuple[Any, ...]) -> bool:
        tests = made.tests if row[8] == Dating.EXACT else [*made.tests, *made.doubtful]
        if not tests:
            return True
        # As it is served, tags of ours included: ``_security`` finds what is told.
        resource = json.loads(tagging.tagged(self._body(owner_keys, row), row[5]))
        return all(test(resource) for test in tests)

    def _body(self, owner_keys: keys.OwnerKeys, row: tuple[Any, ...]) -> bytes:
        where = sealing.place(self.owner_id, row[7], row[10], row[6])
        return self._unsealed(owner_keys, row[11], row[13], where)

    def _unsealed(self, owner_keys: keys.OwnerKeys, sealed: bytes, attachment: str | None, where: bytes) -> bytes:
        if attachment:
            return attachments.fetch(owner_keys.cipher, attachment, where)
        return sealing.open_body(owner_keys.cipher, sealed, where)

    def _stored(self, owner_keys: keys.OwnerKeys, row: tuple[Any, ...]) -> Stored:
        deleted = row[9]
        where = sealing.place(self.owner_id, row[7], row[10], row[6])
        problems = json.loads(sealing.open_body(owner_keys.cipher, row[12], where + b"|problems")) if row[12] else []
        return Stored(
            TYPE_NAME[row[7]],
            row[10],
            row[6],
            row[3],
            deleted,
            row[4],
            row[1],
            row[2],
            b"" if deleted else tagging.tagged(self._unsealed(owner_keys, row[11], row[13], where), row[5]),
            problems,
            row[5],
        )

    def _older(self, current: Stored, version: RecordVersion) -> Stored:
        owner_keys = keys.of(self.owner_id)
        number = TYPE_NUMBER[current.resource_type]
        where = sealing.place(self.owner_id, number, current.logical_id, version.version_id)
        body = b""
        if not version.deleted:
            body = self._unsealed(owner_keys, bytes(version.body), version.attachment, where)
            body = tagging.tagged(body, version.labels)
        return Stored(
            current.resource_type,
            current.logical_id,
            version.version_id,
            version.last_updated,
            version.deleted,
            current.source_id,
            current.occurred,
            current.occurred_end,
            body,
            [],
            version.labels,
        )

    def _admits_past(self, stored: Stored, label_bits: int, record: int) -> bool:
        """Whether a version that is not current may be seen as it was; that the current one may is asked before.

        A deletion is told to whoever may see what it deleted, which is the version before it.
        """
        if stored.deleted:
            before = RecordVersion.unguarded.get(
                owner_id=self.owner_id, record=record, version_id=stored.version_id - 1
            )
            return self._admits_past(self._older(stored, before), before.labels, record)
        resource = tagging.untagged(stored.resource)
        return any(
            rule.admits_opened(resource, labels=label_bits | labels.of(resource), source_id=stored.source_id)
            for rule in self.rules
            if rule.reaches(stored.resource_type)
        )


def _place(query: Query, row: tuple[Any, ...]) -> Position:
    """Where in the order of the query this row stands."""
    return Position(searching.microseconds(row[3]) if query.by_change else row[1], row[0])


def known_time(stored: Stored) -> bool:
    """Whether it is known when this happened."""
    return stored.occurred != indexing.NEVER
