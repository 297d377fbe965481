"""An owner's word on what is the same in her record: through the gate, and written into her access log."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from consent import gate
from records.models import SamenessVerdict
from records.sameness import gathering, words
from records.sameness.said import Ref


@transaction.atomic
def part(person: Person, ref: Ref, *, at: datetime, origin: str = "") -> bool:
    """Says that a record is not the same as those it is shown with. False where she has no such record."""
    found = _among(person, ref, at)
    if found is None:
        return False
    cluster = found.holding(ref)
    others = {member.ref for member in cluster.members} - {ref} if cluster else set()
    words.say(person.pk, {frozenset((ref, other)) for other in others}, SamenessVerdict.DIFFERENT, actor=person, at=at)
    _note(person, "part", {ref, *others}, origin)
    return True


@transaction.atomic
def join(person: Person, ref: Ref, other: Ref, *, at: datetime, origin: str = "") -> bool:
    """Says that two records are the same, whatever was said of them before. False where one of them is not hers, or
    they are not of one kind."""
    found = _among(person, ref, at)
    ours = found.holding(ref) if found else None
    theirs = found.holding(other) if found else None
    if ours is None or theirs is None or ref == other:
        return False
    across = {frozenset((mine.ref, yours.ref)) for mine in ours.members for yours in theirs.members}
    spoken = across & words.of(person.pk).keys()
    words.say(person.pk, spoken, SamenessVerdict.AUTOMATIC, actor=person, at=at)
    words.say(person.pk, [frozenset((ref, other))], SamenessVerdict.SAME, actor=person, at=at)
    _note(person, "join", {ref, other}, origin)
    return True


@transaction.atomic
def leave(person: Person, ref: Ref, *, at: datetime, origin: str = "") -> bool:
    """Takes back every word of hers on a record: the rules decide again. False where she has no such record."""
    records = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="search", at=at)
    if not records.holds(*ref):
        return False
    spoken = {pair for pair in words.of(person.pk) if ref in pair}
    words.say(person.pk, spoken, SamenessVerdict.AUTOMATIC, actor=person, at=at)
    _note(person, "join", {ref}, origin)
    return True


def _among(person: Person, ref: Ref, at: datetime) -> gathering.Gathered | None:
    records = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="search", at=at)
    stored = records.read(*ref)
    return None if stored is None or stored.deleted else gathering.around(records, stored)


def _note(person: Person, interaction: str, refs: set[Ref], origin: str) -> None:
    types: dict[str, int] = {}
    for ref in refs:
        types[ref.resource_type] = types.get(ref.resource_type, 0) + 1
    events.append(
        owner_id=person.pk,
        action=Action.UPDATE,
        interaction=interaction,
        agent_kind=Agent.OWNER,
        agent=str(person.subject),
        agent_name=person.name,
        origin=origin,
        detail={"types": types},
    )
