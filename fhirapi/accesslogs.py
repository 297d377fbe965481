"""Her access log among the AuditEvents of her record: computed from the chain, a page at a time, newest first.

Of what the app did itself it is told everything that its answers told it. Of all others only who, when and how it
ended: how many records of which kind somebody else took would tell what she withholds from this app.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Final

from django.conf import settings
from django.db.models import Q, QuerySet

from audit import events, resources
from audit.models import Agent, Event
from consent import gate
from consent.models import Decision
from records import past, sealing, sources
from records.changelog import Changes
from records.query import COUNT_MAX, Clause, InvalidSearch, Query
from records.reading import Page, RecordSet, Stored
from records.searching import microseconds
from standards.fhir import dates, json

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = microseconds(datetime.min.replace(tzinfo=UTC))
_LAST: Final = microseconds(datetime.max.replace(tzinfo=UTC))
_NAME, _PLACE = "audit event", "place in the access log"
_FIELDS: Final = {"action": "action", "outcome": "outcome"}


def among(records: RecordSet, reader: gate.App, *, interaction: str, at: datetime) -> RecordSet:
    """The same records, and those of her events that the gate lets this app read. Raises gate.ConsentMissing."""
    which = gate.logged(owner_id=records.owner_id, reader=reader, interaction=interaction, at=at)
    if which is None:
        return records
    return WithEvents(records.owner_id, records.patient_id, records.rules, which, reader.client_id)


@dataclass(frozen=True, slots=True)
class WithEvents(RecordSet):
    """A RecordSet whose AuditEvents are joined by her access log; every other type is as it was."""

    which: events.Filter = events.EVERYTHING
    client_id: str = ""

    def read(self, resource_type: str, logical_id: str) -> Stored | None:
        if resource_type == gate.AUDIT_EVENT and (number := _sequence(self.owner_id, logical_id)) is not None:
            return next(iter(self._events_told(self._hers().filter(sequence=number))), None)
        return RecordSet.read(self, resource_type, logical_id)

    def search(self, query: Query) -> Page:
        """Raises InvalidSearch; also for a parameter that the log is not searched by."""
        if query.resource_type != gate.AUDIT_EVENT or not query.count:
            return RecordSet.search(self, query)
        key, backwards = _changed if query.by_change else _occurred, not query.ascending
        # The stored ones first: they find out whether the parameters mean anything.
        stored = sorted(self._kept(query), key=key, reverse=backwards)
        return self._merged(stored, self._matching(query), query.cursor, query.count, key=key, backwards=backwards)

    def changes(self, changes: Changes, *, count: int) -> Page:
        """An event has one version. Raises InvalidSearch."""
        if changes.resource_type != gate.AUDIT_EVENT:
            return RecordSet.changes(self, changes, count=count)
        stored = list(self.stored_changes(changes))
        mine = self._hers() if changes.since is None else self._hers().filter(recorded__gte=changes.since)
        return self._merged(stored, mine, changes.cursor, count, key=_changed, backwards=True)

    def count(self, query: Query) -> int:
        """Raises InvalidSearch."""
        stored = RecordSet.count(self, query)
        return stored + self._matching(query).count() if query.resource_type == gate.AUDIT_EVENT else stored

    def _merged(
        self,
        stored: list[Stored],
        mine: QuerySet[Event],
        cursor: str | None,
        count: int,
        *,
        key: Callable[[Stored], int],
        backwards: bool,
    ) -> Page:
        """One page of the stored ones, which are in order, and of the events among them. Raises InvalidSearch."""
        after, skip = _place(cursor)
        mine = mine.order_by("-sequence" if backwards else "sequence")
        if after:
            mine = mine.filter(**{"sequence__lt" if backwards else "sequence__gt": after})
        told = self._events_told(mine[: count + 1])
        found = list(islice(merge(told, stored[skip:], key=key, reverse=backwards), count + 1))
        entries, more = found[:count], found[count:]
        ours = [one for one in entries if one in told]
        last = _sequence(self.owner_id, ours[-1].logical_id) if ours else after
        return Page(entries, _cursor(last or 0, skip + len(entries) - len(ours)) if more else None)

    def _versions(self, current: Stored, *, since: datetime | None, below: int | None) -> Iterator[Stored]:
        if current.resource_type != gate.AUDIT_EVENT or _sequence(self.owner_id, current.logical_id) is None:
            return RecordSet._versions(self, current, since=since, below=below)
        return past.within([current], since=since, below=below)

    def _hers(self) -> QuerySet[Event]:
        return events.matching(self.owner_id, self.which)

    def _matching(self, query: Query) -> QuerySet[Event]:
        found = self._hers()
        for clause in query.clauses:
            found = found.filter(_meant(clause, self.owner_id, self.patient_id))
        return found

    def _kept(self, query: Query) -> Iterator[Stored]:
        """The stored AuditEvents that match: what hospitals sent, which is little."""
        after: str | None = None
        while True:
            page = RecordSet.search(self, query.page(COUNT_MAX, after=after))
            yield from page.entries
            after = page.next
            if after is None:
                return

    def _events_told(self, found: QuerySet[Event]) -> list[Stored]:
        seen = [event if self._is_its_own(event) else _outline(event) for event in found]
        relied = {event.consent_id for event in seen if event.consent_id}
        uids = Decision.objects.filter(owner_id=self.owner_id, pk__in=relied).values_list("pk", "uid") if relied else ()
        consents, own = {number: str(uid) for number, uid in uids}, sources.own().pk
        return [self._stored_event(event, consents, own) for event in seen]

    def _is_its_own(self, event: Event) -> bool:
        return event.agent_kind == Agent.APP and event.agent == self.client_id

    def _stored_event(self, event: Event, consents: dict[int, str], own: int) -> Stored:
        told = resources.audit_event(
            event,
            logical_id=identity(event),
            patient_id=self.patient_id,
            server=settings.PUBLIC_URL,
            consents=consents,
        )
        at, body = microseconds(event.recorded), json.dumps(told)
        return Stored(gate.AUDIT_EVENT, told["id"], 1, event.recorded, False, own, at, at + 1, body, [])


def identity(event: Event) -> str:
    """Its logical id. Where it stands in the chain would tell how many events are told to nobody, and when."""
    return sealing.name(event.owner_id, _NAME, event.sequence)


def _sequence(owner_id: int, logical_id: str) -> int | None:
    """Where in the chain an event of this id stands; None for no id of hers."""
    return sealing.number(owner_id, _NAME, logical_id)


def _outline(event: Event) -> Event:
    event.detail, event.consent_id, event.origin = {}, None, ""
    return event


def _meant(clause: Clause, owner_id: int, patient_id: str) -> Q:
    """One clause as a condition on events. Raises InvalidSearch."""
    if clause.code == "patient" and clause.modifier in (None, "Patient"):
        return _all() if {patient_id, f"Patient/{patient_id}"} & set(clause.values) else _none()
    if clause.modifier is not None:
        raise InvalidSearch(clause.code, "has no modifier in the access log")
    if clause.code == "_id":
        ids = [value.removeprefix(f"{gate.AUDIT_EVENT}/") for value in clause.values]
        return Q(sequence__in=[number for one in ids if (number := _sequence(owner_id, one))])
    if clause.code in _FIELDS:
        return Q(**{f"{_FIELDS[clause.code]}__in": [value.rpartition("|")[2] for value in clause.values]})
    if clause.code in ("date", "_lastUpdated"):
        asked = _none()
        for value in clause.values:
            asked |= _at(_date(clause.code, value))
        return asked
    raise InvalidSearch(clause.code, "is not a parameter that the access log is searched by")


def _date(parameter: str, text: str) -> dates.SearchDate:
    try:
        return dates.SearchDate.parse(text)
    except dates.InvalidDate as error:
        raise InvalidSearch(parameter, "is no date") from error


def _at(asked: dates.SearchDate) -> Q:
    """R4 search.html#prefix; an event is an instant, told in milliseconds."""
    low, high = (_EPOCH + timedelta(microseconds=min(max(edge, _FIRST), _LAST)) for edge in asked.interval)
    if asked.prefix in ("gt", "sa"):
        return Q(recorded__gte=high)
    if asked.prefix in ("lt", "eb"):
        return Q(recorded__lt=low)
    if asked.prefix == "ge":
        return Q(recorded__gte=low)
    if asked.prefix == "le":
        return Q(recorded__lt=high)
    within = Q(recorded__gte=low, recorded__lt=high)
    return ~within if asked.prefix == "ne" else within


def _all() -> Q:
    return Q(sequence__gt=0)


def _none() -> Q:
    return Q(sequence__lt=0)


def _occurred(stored: Stored) -> int:
    return stored.occurred


def _changed(stored: Stored) -> int:
    return microseconds(stored.last_updated)


def _cursor(sequence: int, skip: int) -> str:
    sealed = sealing.seal_site_secret(_PLACE, f"{sequence}.{skip}".encode())
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def _place(cursor: str | None) -> tuple[int, int]:
    """The last event told, and how many stored ones. Raises InvalidSearch for a cursor that is not one of ours."""
    if cursor is None:
        return 0, 0
    try:
        sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        sequence, skip = sealing.open_site_secret(_PLACE, sealed).split(b".")
    except (binascii.Error, sealing.Tampered, ValueError) as error:
        raise InvalidSearch("_cursor", "not a page of this search") from error
    return int(sequence), int(skip)
