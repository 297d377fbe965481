"""With whom she can write: organisations she shares with now, and those with which she wrote before (docs/adr/0037)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from celery import current_app
from django.db import transaction

from accounts.models import Person
from consent import gate, ledger
from consent.models import Grantee
from records import sources
from smartlaunch.models import ClinicRole, Organization, Visit
from smartlaunch.visits import Open
from sync import conversations
from sync.conversations import Clinician, Partner, Said

TELL: Final = "smartlaunch.tasks.tell_of_message"


@dataclass(frozen=True, slots=True)
class Correspondent:
    """``holder``: as whom the organisation reads now; None where she shares nothing with it, so that nobody writes.

    ``newest``: when the last message was sent, ``unread``: how many she has not opened.
    """

    partner: Partner
    holder: gate.Holder | None
    newest: datetime | None = None
    unread: int = 0


def everybody(owner: Person, *, at: datetime) -> list[Correspondent]:
    """Those with something new first, then by the last message, then by name. As many statements however many."""
    standing = _standing(owner, at=at)
    newest, unread = conversations.newest(owner.pk), conversations.unread(owner.pk)
    begun = {uid: (name, source_id) for source_id, (uid, name) in sources.conversations(newest).items()}
    found = [
        _correspondent(partner, holder, begun.get(partner.uid, ("", 0))[1], newest, unread)
        for partner, holder in standing.values()
    ]
    found += [
        _correspondent(Partner(uid, name), None, source_id, newest, unread)
        for uid, (name, source_id) in begun.items()
        if uid not in standing
    ]
    return sorted(found, key=_order)


def one(owner: Person, organization: UUID, *, at: datetime) -> Correspondent | None:
    """None for an organisation she neither shares with nor ever wrote with, and for one that is not there."""
    return next((each for each in everybody(owner, at=at) if each.partner.uid == organization), None)


def partner_of(opened: Open) -> Partner:
    return Partner(opened.organization.uid, opened.organization.name)


def writes(opened: Open) -> bool:
    """Whether this clinician's role lets him write to patients."""
    return opened.clinician.role == ClinicRole.CLINICIAN


def answer(
    opened: Open, owner: Person, holder: gate.Holder, said: Said, *, once: str, at: datetime, origin: str = ""
) -> str:
    """The clinician of this visit writes to her, and she is told. Raises as conversations.write."""
    clinician = Clinician(opened.clinician.uid, opened.clinician.name or opened.clinician.fhir_user)
    with transaction.atomic():
        sent = conversations.write(
            owner, partner_of(opened), said, holder=holder, once=once, by=clinician, at=at, origin=origin
        )
        transaction.on_commit(partial(current_app.send_task, TELL, args=[owner.pk]), robust=True)
    return sent


def _standing(owner: Person, *, at: datetime) -> dict[UUID, tuple[Partner, gate.Holder]]:
    """The organisations that may read now: by a decision about each, or about one visit there that is still open."""
    found = dict(_of_visits(owner, at=at))
    organizations = [
        each for each in ledger.newest_of_kind(owner.pk, Grantee.ORGANIZATION) if ledger.lets_read(each, at=at)
    ]
    names = dict(
        Organization.objects.filter(active=True, uid__in=[each.grantee for each in organizations]).values_list(
            "uid", "name"
        )
    )
    for each in organizations:
        uid = UUID(each.grantee)
        if uid in names:
            found[uid] = Partner(uid, names[uid]), gate.Holder(each.grantee_kind, each.grantee, each.pk)
    return found


def _of_visits(owner: Person, *, at: datetime) -> Iterator[tuple[UUID, tuple[Partner, gate.Holder]]]:
    decisions = {
        UUID(each.grantee): each
        for each in ledger.newest_of_kind(owner.pk, Grantee.CLINICIAN)
        if ledger.lets_read(each, at=at)
    }
    visits = Visit.objects.open(at=at).filter(pk__in=decisions).select_related("clinician__organization")
    for visit in visits:
        organization, each = visit.clinician.organization, decisions[visit.pk]
        holder = gate.Holder(each.grantee_kind, each.grantee, each.pk)
        yield organization.uid, (Partner(organization.uid, organization.name), holder)


def _correspondent(
    partner: Partner,
    holder: gate.Holder | None,
    source_id: int,
    newest: dict[int, datetime],
    unread: dict[int, int],
) -> Correspondent:
    return Correspondent(partner, holder, newest.get(source_id), unread.get(source_id, 0))


def _order(each: Correspondent) -> tuple[bool, float, str]:
    return not each.unread, -(each.newest.timestamp() if each.newest else 0), each.partner.name.casefold()
