"""Versions that are no longer current: seen as they were, by whoever may see the record as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

from records import changelog, keys, labels, statements, tagging
from records.admitting import Admitted
from records.models import Record, RecordVersion
from records.numbering import TYPE_NUMBER
from records.opening import Opener, Page, Stored
from records.query import COUNT_MAX

_AT_ONCE: Final = 500
_VERSIONS_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class WithPast(Admitted):
    """The same records with their versions."""

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
        yield from within([current], since=since, below=below)
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

    def stored_changes(self, changes: changelog.Changes) -> Iterator[Stored]:
        """All of them from the first on, whatever the cursor, and of stored records alone."""
        after: str | None = None
        while True:
            page = WithPast.changes(self, replace(changes, cursor=after), count=COUNT_MAX)
            yield from page.entries
            after = page.next
            if after is None:
                return

    def _changed(
        self, changes: changelog.Changes, after: changelog.Place | None, wanted: int
    ) -> Iterator[tuple[changelog.Place, Stored]]:
        owner_keys = keys.ensure(self.owner_id)
        admitted, at_once = self._predicate(changes.resource_type), wanted
        while True:
            rows = statements.run(
                changelog.statement(changes, admitted=admitted, owner_id=self.owner_id, after=after, limit=at_once)
            )
            for row, stored in zip(rows, self._opened(owner_keys, rows), strict=True):
                if changelog.is_past(row) and not self._admits_past(stored, row[5], row[0]):
                    continue
                if told := self._told([stored])[0]:
                    yield changelog.place_of(row), told
            if len(rows) < at_once:
                return
            after, at_once = changelog.place_of(rows[-1]), _AT_ONCE

    def _older(self, current: Stored, version: RecordVersion) -> Stored:
        return Opener(self.owner_id, keys.of(self.owner_id).cipher).older(current, version)

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


def within(versions: Iterable[Stored], *, since: datetime | None = None, below: int | None = None) -> Iterator[Stored]:
    """Those of versions that need not be looked up: written at or after ``since``, with a number under ``below``."""
    for version in versions:
        if (since is None or version.last_updated >= since) and (below is None or version.version_id < below):
            yield version
