"""Break-glass: a clinician opens a record that is linked to the chart without its owner's leave, and she is told."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from celery import current_app
from django.db import IntegrityError, transaction

from accounts import binding
from accounts.models import Person
from audit import events
from audit.models import Action, Agent, Outcome
from consent import emergencies
from consent.ledger import Reading
from smartlaunch import charts
from smartlaunch.visits import Open

TELL: Final = "smartlaunch.tasks.tell_emergency"
BREAK_GLASS: Final = "break-glass"


def open_record(opened: Open, reason: str, *, at: datetime, origin: str = "") -> bool:
    """Only with a link to the chart, and unless she forbade it; once in a visit. False where nothing could be opened.

    Each try stands in a log: hers, or, where there is nobody, that of what concerns no one person.
    """
    owner_id = charts.owner_of(opened.ehr, opened.context.patient)
    if owner_id is None or not opened.ehr.break_glass:
        _note(events.NOBODY, opened, Outcome.REFUSED, origin)
        return False
    binding.look_at(owner_id)
    if not emergencies.allowed(owner_id):
        _note(owner_id, opened, Outcome.REFUSED, origin)
        return False
    clinician = opened.clinician
    try:
        with transaction.atomic():
            made = emergencies.begin(
                owner_id,
                visit=opened.uid,
                clinician=clinician.name or clinician.fhir_user,
                organization=opened.organization.name,
                reason=reason,
                ends=opened.visit.ends,
                at=at,
            )
            _note(owner_id, opened, Outcome.SUCCESS, origin)
            transaction.on_commit(partial(current_app.send_task, TELL, args=[str(made.pk)]), robust=True)
    except IntegrityError:  # it was opened in this visit before: by a first click, or it is over
        if emergencies.of_visit(owner_id, opened.uid, at=at) is not None:
            return True
        _note(owner_id, opened, Outcome.REFUSED, origin)
        return False
    return True


@transaction.atomic
def end(owner: Person, uid: UUID, *, at: datetime, origin: str = "") -> bool:
    """She ends it before its time."""
    if not emergencies.end(owner.pk, uid, at=at):
        return False
    _note_hers(owner, "revoke", {"emergency": str(uid)}, origin)
    return True


@transaction.atomic
def forbid(owner: Person, *, read: Reading, at: datetime, origin: str = "") -> None:
    """No clinic opens her record so any more; what is open is shut with the next request."""
    if emergencies.forbid(owner, read=read, at=at):
        _note_hers(owner, "forbid-emergencies", {}, origin)


@transaction.atomic
def allow(owner: Person, *, read: Reading, at: datetime, origin: str = "") -> None:
    if emergencies.allow(owner, read=read, at=at):
        _note_hers(owner, "allow-emergencies", {}, origin)


def _note_hers(owner: Person, interaction: str, detail: dict[str, object], origin: str) -> None:
    events.append(
        owner_id=owner.pk,
        action=Action.EXECUTE,
        interaction=interaction,
        agent_kind=Agent.OWNER,
        agent=str(owner.subject),
        agent_name=owner.name,
        origin=origin,
        detail=detail,
    )


def _note(owner_id: int, opened: Open, outcome: Outcome, origin: str) -> None:
    clinician = opened.clinician
    events.append(
        owner_id=owner_id,
        action=Action.EXECUTE,
        interaction=BREAK_GLASS,
        outcome=outcome,
        agent_kind=Agent.STAFF,
        agent=str(clinician.uid),
        agent_name=f"{clinician.name or clinician.fhir_user}, {opened.organization.name}",
        origin=origin,
        detail={"organization": opened.organization.name, "visit": str(opened.uid)},
    )
