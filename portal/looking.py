"""A person's look at her own record: through the gate, and one event in her access log for each page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.http import HttpRequest
from django.utils import timezone

from audit import events
from audit.models import Action, Agent, Outcome
from consent import gate
from portal import pages
from records import reading


@dataclass
class Look:
    """``records`` is what she may read; whatever a page shows of it is told to ``saw``."""

    records: reading.RecordSet
    seen: Counter[str] = field(default_factory=Counter)

    def saw(self, entries: Iterable[reading.Stored]) -> None:
        self.seen.update(entry.resource_type for entry in entries)


@contextmanager
def at_records(request: HttpRequest, *, interaction: str) -> Iterator[Look]:
    """Her records for one page. The event is durable before the page leaves; a page that showed none leaves none.

    ``interaction``: FHIR's word for it. Raises what the gate raises.
    """
    person = pages.person(request)
    look = Look(
        gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction=interaction, at=timezone.now())
    )
    yield look
    if look.seen:
        events.append(
            owner_id=person.pk,
            action=Action.READ,
            interaction=interaction,
            outcome=Outcome.SUCCESS,
            agent_kind=Agent.OWNER,
            agent=str(person.subject),
            agent_name=person.name,
            origin=request.META.get("REMOTE_ADDR", ""),
            detail={"types": dict(look.seen)},
        )
