"""A person's look at a record, her own or one she acts for: through the gate, one event in its access log a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from django.http import Http404, HttpRequest
from django.utils import timezone

from accounts import binding
from accounts.models import Person
from audit import events
from audit.models import Action, Agent, Outcome
from consent import gate
from portal import acting, pages
from portal.acting import Acting
from records import reading


@dataclass
class Look:
    """``records`` is what she may read; what a page shows of it is told to ``saw``. ``acting``: for whom, or None."""

    owner: Person
    records: reading.RecordSet
    acting: Acting | None = None
    seen: Counter[str] = field(default_factory=Counter)

    def saw(self, entries: Iterable[reading.Stored]) -> None:
        self.seen.update(entry.resource_type for entry in entries)


@contextmanager
def at_records(request: HttpRequest, *, interaction: str, uid: UUID | None = None, told: str = "") -> Iterator[Look]:
    """The records for one page. The event is durable before the page leaves; a page that showed none leaves none.

    ``interaction``: FHIR's word for it; ``told``: the event's, where it is another. ``uid``: the delegation she acts
    under, None for her own record. Raises Http404 where she does not act for anybody so, or not any more.
    """
    person = pages.person(request)
    look = _look(request, interaction, uid)
    yield look
    if look.seen:
        events.append(
            owner_id=look.owner.pk,
            action=Action.READ,
            interaction=told or interaction,
            outcome=Outcome.SUCCESS,
            agent_kind=Agent.DELEGATE if look.acting else Agent.OWNER,
            agent=str(person.subject),
            agent_name=person.name,
            consent_id=look.acting.reader.decision_id if look.acting else None,
            origin=request.META.get("REMOTE_ADDR", ""),
            detail={"types": dict(look.seen)},
        )


def _look(request: HttpRequest, interaction: str, uid: UUID | None) -> Look:
    at, person = timezone.now(), pages.person(request)
    if uid is None:
        records = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction=interaction, at=at)
        return Look(person, records)
    whose = acting.of(request, uid, at=at)
    binding.look_at(whose.owner.pk)
    try:
        records = gate.readable(owner_id=whose.owner.pk, reader=whose.reader, interaction=interaction, at=at)
    except gate.ConsentMissing as error:
        raise Http404 from error
    return Look(whose.owner, records, whose)
