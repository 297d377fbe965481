"""A clinician's look at what is shared with him: through the gate, one event in her access log a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Person
from audit import events
from audit.models import Action, Agent, Outcome
from consent import gate
from records import reading
from smartlaunch import charts
from smartlaunch.visits import Open

IN_EMERGENCY: Final = "emergency-look"


@dataclass
class Look:
    """``records`` is what she shares with him; what a page shows of it is told to ``saw``."""

    owner: Person
    reader: charts.Reader
    records: reading.RecordSet
    at: datetime
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def decision_id(self) -> int | None:
        """The decision of hers it stands on; none in an emergency."""
        return self.reader.decision_id if isinstance(self.reader, gate.Holder) else None

    def saw(self, entries: Iterable[reading.Stored]) -> None:
        self.seen.update(entry.resource_type for entry in entries)


@contextmanager
def at_chart(request: HttpRequest, opened: Open, *, interaction: str, told: str = "") -> Iterator[Look | None]:
    """The records for one page, in her time zone; None where nothing is shared, for whatever reason.

    The event is durable before the page leaves; a page that showed none leaves none. ``told``: its word, where it is
    another than the interaction.
    """
    look = _look(opened, interaction, timezone.now())
    if look is None:
        yield None
        return
    with timezone.override(look.owner.zone):
        yield look
    if look.seen:
        word = told or interaction if isinstance(look.reader, gate.Holder) else IN_EMERGENCY
        note(request, opened, look, Action.READ, word, {"types": dict(look.seen)})


def note(
    request: HttpRequest, opened: Open, look: Look, action: Action, interaction: str, detail: dict[str, object]
) -> None:
    """An event of this visit in her access log."""
    events.append(
        owner_id=look.owner.pk,
        action=action,
        interaction=interaction,
        outcome=Outcome.SUCCESS,
        agent_kind=Agent.STAFF,
        agent=str(opened.clinician.uid),
        agent_name=called(opened),
        consent_id=look.decision_id,
        origin=request.META.get("REMOTE_ADDR", ""),
        detail={
            "organization": opened.organization.name,
            **({"emergency": str(look.reader.uid)} if isinstance(look.reader, gate.InEmergency) else {}),
            **detail,
        },
    )


def called(opened: Open) -> str:
    return f"{opened.clinician.name or opened.clinician.fhir_user}, {opened.organization.name}"


def _look(opened: Open, interaction: str, at: datetime) -> Look | None:
    found = charts.reader(opened, at=at)
    if found is None:
        return None
    owner_id, reader = found
    try:
        records = gate.readable(owner_id=owner_id, reader=reader, interaction=interaction, at=at)
    except gate.ConsentMissing:  # withdrawn between the two
        return None
    return Look(Person.objects.get(pk=owner_id), reader, records, at)
