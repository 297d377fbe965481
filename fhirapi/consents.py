"""Her own decisions among the Consents of her record: computed from the ledger, found and sorted like stored ones.

Few people have more than some dozen, so a page of Consents is made from all of them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from consent import gate, ledger, resources
from consent.models import Decision
from consent.terms import Terms
from records import past, sources
from records.changelog import Changes
from records.query import COUNT_MAX, Clause, InvalidSearch, Query
from records.reading import Page, RecordSet, Stored
from records.searching import microseconds
from standards.fhir import dates, json, matching, search_parameters

_MARK: Final = "d"


def among(records: RecordSet, reader: gate.App, *, interaction: str, at: datetime) -> RecordSet:
    """The same records, and those of her decisions that the gate lets this app read. Raises gate.ConsentMissing."""
    found = gate.decisions(owner_id=records.owner_id, reader=reader, interaction=interaction, at=at)
    if not found:
        return records
    versions = [_versions(decision, records, at=at) for decision in found]
    newest, earlier = [each[0] for each in versions], [one for each in versions for one in each[1:]]
    return WithDecisions(records.owner_id, records.patient_id, records.rules, tuple(newest), tuple(earlier))


@dataclass(frozen=True, slots=True)
class WithDecisions(RecordSet):
    """A RecordSet whose Consents are joined by ``decisions``; every other type is as it was.

    ``earlier``: what those said that have changed since.
    """

    decisions: tuple[Stored, ...] = ()
    earlier: tuple[Stored, ...] = ()

    def read(self, resource_type: str, logical_id: str) -> Stored | None:
        wanted = (resource_type, logical_id)
        mine = (one for one in self.decisions if (one.resource_type, one.logical_id) == wanted)
        return next(mine, None) or RecordSet.read(self, resource_type, logical_id)

    def search(self, query: Query) -> Page:
        """Raises InvalidSearch."""
        if query.resource_type != gate.CONSENT or not query.count:
            return RecordSet.search(self, query)
        return _page(self._all(query), query.cursor, query.count)

    def changes(self, changes: Changes, *, count: int) -> Page:
        """Raises InvalidSearch."""
        if changes.resource_type != gate.CONSENT:
            return RecordSet.changes(self, changes, count=count)
        found = list(self.stored_changes(changes))
        found += past.within((*self.decisions, *self.earlier), since=changes.since)
        # Of one record the newer version is first, also where both are of one moment.
        found.sort(key=lambda one: (one.last_updated, one.logical_id, one.version_id), reverse=True)
        return _page(found, changes.cursor, count)

    def count(self, query: Query) -> int:
        """Raises InvalidSearch."""
        stored = RecordSet.count(self, query)
        return stored + len(self._matching(query)) if query.resource_type == gate.CONSENT else stored

    def _all(self, query: Query) -> list[Stored]:
        found = list(self._kept(query))
        found += self._matching(query)
        return sorted(found, key=lambda one: _order(query, one), reverse=not query.ascending)

    def _versions(self, current: Stored, *, since: datetime | None, below: int | None) -> Iterator[Stored]:
        if current not in self.decisions:
            return RecordSet._versions(self, current, since=since, below=below)
        hers = (current, *(one for one in self.earlier if one.logical_id == current.logical_id))
        return past.within(hers, since=since, below=below)

    def _kept(self, query: Query) -> Iterator[Stored]:
        """The stored Consents that match; raises InvalidSearch before any decision is asked."""
        after: str | None = None
        while True:
            page = RecordSet.search(self, query.page(COUNT_MAX, after=after))
            yield from page.entries
            after = page.next
            if after is None:
                return

    def _matching(self, query: Query) -> list[Stored]:
        return [one for one in self.decisions if all(_meets(one, clause, self.patient_id) for clause in query.clauses)]


def _order(query: Query, stored: Stored) -> tuple[int, str]:
    return microseconds(stored.last_updated) if query.by_change else stored.occurred, stored.logical_id


def _meets(stored: Stored, clause: Clause, patient_id: str) -> bool:
    """The clause asked of one decision; whether it means anything was found out with the stored ones."""
    if clause.modifier == "missing" and clause.code in ("_id", "_lastUpdated"):
        return clause.values == ("false",)
    if clause.code == "_id":
        return stored.logical_id in [value.removeprefix(f"{gate.CONSENT}/") for value in clause.values]
    if clause.code == "_lastUpdated":
        return _was_updated(stored, clause)
    if clause.code == "patient" and clause.modifier in (None, "Patient"):
        return any(value in (patient_id, f"Patient/{patient_id}") for value in clause.values)
    parameter = search_parameters.for_type(gate.CONSENT)[clause.code]
    return bool(matching.compile_clause(parameter, clause.values, modifier=clause.modifier)(stored.resource))


def _was_updated(stored: Stored, clause: Clause) -> bool:
    """In milliseconds, as the body says it."""
    at = microseconds(stored.last_updated) // 1000 * 1000
    asked = (dates.SearchDate.parse(value) for value in clause.values)
    return any(dates.compare(one.prefix, dates.Interval(at, at + 1000), one.interval) for one in asked)


def _page(found: list[Stored], cursor: str | None, count: int) -> Page:
    """Raises InvalidSearch."""
    start = _place(cursor)
    end = start + count
    return Page(found[start:end], _cursor(end) if end < len(found) else None)


def _versions(decision: Decision, records: RecordSet, *, at: datetime) -> list[Stored]:
    """As it is now, and as it was decided if it has changed since: the newest first."""
    following = ledger.following(decision)
    changed = resources.changed(decision, following=following, at=at)
    newest = following or decision
    if changed == decision.decided:
        return [_stored(decision, records, 1, resources.status(decision, newest=newest, at=at), changed)]
    before = resources.status(decision, newest=decision, at=decision.decided)
    return [
        _stored(decision, records, 2, resources.status(decision, newest=newest, at=at), changed),
        _stored(decision, records, 1, before, decision.decided),
    ]


def _stored(decision: Decision, records: RecordSet, version: int, status: str, changed: datetime) -> Stored:
    resource = resources.consent(
        decision,
        patient_id=records.patient_id,
        status=status,
        changed=changed,
        sources=sources.addresses(Terms.of(decision.terms).sources or ()),
    )
    body, occurred = json.dumps(_versioned(resource, version)), microseconds(decision.decided)
    own = sources.own().pk
    return Stored(gate.CONSENT, resource["id"], version, changed, False, own, occurred, occurred + 1, body, [])


def _versioned(resource: dict[str, Any], version: int) -> dict[str, Any]:
    return resource | {"meta": {"versionId": str(version), **resource["meta"]}}


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(f"{_MARK}{place}".encode()).decode().rstrip("=")


def _place(cursor: str | None) -> int:
    """Raises InvalidSearch for a cursor that is not one of ours."""
    if cursor is None:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise InvalidSearch("_cursor", "not a page of this search") from error
    if not text.startswith(_MARK) or not text[1:].isdecimal() or len(text) > 9:
        raise InvalidSearch("_cursor", "not a page of this search")
    return int(text[1:])
