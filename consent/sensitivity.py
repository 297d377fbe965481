"""An owner's word on the sensitivity of her own records: through the gate, and written into her access log."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from consent import gate
from records import marks


@transaction.atomic
def mark(person: Person, name: tuple[str, str], *, sensitive: bool | None, at: datetime, origin: str = "") -> bool:
    """Says of her record ``name`` (type, id) that it is sensitive, is not, or (None) is what the rules say.

    Every reader is bound by it from the next request on. False where she has no such record.
    """
    records = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="read", at=at)
    stored = records.read(*name)
    if stored is None or stored.deleted:
        return False
    marks.mark(person.pk, name, sensitive=sensitive, actor=person, at=at)
    events.append(
        owner_id=person.pk,
        action=Action.UPDATE,
        interaction="meta-security",
        agent_kind=Agent.OWNER,
        agent=str(person.subject),
        agent_name=person.name,
        origin=origin,
        detail={"types": {name[0]: 1}},
    )
    return True
