"""A clinician asks, a person answers. He is told the same whoever she is, and whether she is anybody.

He types a code that she shows him, or asks by the chart he has open; a worker looks later whether that leads to
anybody, so that his request does the same work in either case. What she answers is a decision in her ledger.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from celery import current_app
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from consent import ledger
from consent.ledger import Reading
from consent.models import Decision, Grantee
from consent.terms import Terms
from records import statements
from smartlaunch.models import Answer, Ask, ChartLink, ShareRequest, ShownCode
from smartlaunch.visits import Open

CODE_LIFE: Final = timedelta(minutes=15)
WAITS: Final = timedelta(days=14)
"""How long an ask can be answered."""
REST: Final = timedelta(days=30)
"""How long after a no, or after silence, nobody there can ask again without a code."""
SEASON: Final = timedelta(days=90)
HOURLY: Final = 20
"""Asks of one clinician an hour; what goes beyond is answered alike and leads nowhere."""
KEPT: Final = timedelta(days=2)
DELIVER: Final = "smartlaunch.tasks.deliver_ask"
_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_LENGTH: Final = 10


class Answered(Exception):
    """She was asked and has answered already, or it is too late."""


class VisitOver(Exception):
    """She would share with a visit that has ended meanwhile."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What she shares: scopes and terms as in any decision."""

    answer: Answer
    granted: tuple[str, ...]
    terms: Terms


def show_code(owner: Person, *, at: datetime) -> str:
    """A new code of hers, in place of the one before: ten letters and digits, 50 bits, kept as a digest only."""
    code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    ShownCode.objects.update_or_create(owner=owner, defaults={"digest": _digest(code), "expires": at + CODE_LIFE})
    return code


def ask(opened: Open, code: str, *, at: datetime) -> None:
    """The same statements whatever was typed, and whoever it leads to."""
    Ask.objects.filter(asked__lt=at - KEPT).delete()
    hour = Ask.objects.filter(visit__clinician=opened.clinician, asked__gt=at - timedelta(hours=1))
    if hour.count() >= HOURLY:
        return
    with transaction.atomic():
        made = Ask.objects.create(visit=opened.visit, digest=_digest(code) if code.strip() else "", asked=at)
        transaction.on_commit(partial(current_app.send_task, DELIVER, args=[str(made.pk)]), robust=True)


@transaction.atomic
def deliver(uid: UUID, *, patient: str, at: datetime) -> ShareRequest | None:
    """Finds out whether there is anybody to ask, and if so, asks. ``patient``: whose chart it is at the EHR.

    By a worker, once: None where the ask leads to nobody, or was delivered. She has one waiting of an organisation.
    """
    waiting = Ask.objects.select_related("visit__ehr", "visit__clinician__organization").filter(
        pk=uid, delivered__isnull=True
    )
    made = waiting.first()
    if made is None or not Ask.objects.filter(pk=uid, delivered__isnull=True).update(delivered=at, digest=""):
        return None
    owner_id = _owner(made, patient, at=at)
    if owner_id is None:
        return None
    clinician = made.visit.clinician
    try:
        with transaction.atomic():
            _lapse(owner_id, clinician.organization_id, at=at)
            request = ShareRequest.objects.create(
                uid=uid,
                owner_id=owner_id,
                organization=clinician.organization,
                ehr=made.visit.ehr,
                visit=made.visit_id,
                visit_ends=made.visit.ends,
                patient=patient,
                clinician=clinician.name or clinician.fhir_user,
                asked=made.asked,
                lapses=made.asked + WAITS,
            )
            _note(request, "ask", Agent.STAFF, str(clinician.uid), request.clinician)
    except IntegrityError:  # another one waits already
        return None
    return request


def waiting(owner: Person, *, at: datetime) -> list[ShareRequest]:
    found = ShareRequest.objects.filter(owner=owner, answered__isnull=True, lapses__gt=at)
    return list(found.select_related("organization"))


@transaction.atomic
def answer(request: ShareRequest, wish: Wish, *, read: Reading, at: datetime, origin: str = "") -> Decision:
    """A decision in her ledger, and where it is a yes, the link to that chart. Raises Answered, VisitOver."""
    if wish.answer is Answer.VISIT and request.visit_ends <= at:
        raise VisitOver(str(request.uid))
    open_still = ShareRequest.objects.filter(pk=request.pk, answered__isnull=True, lapses__gt=at)
    if not open_still.update(answered=at, answer=wish.answer):
        raise Answered(str(request.uid))
    decision = _decide(request, wish, read=read, at=at)
    if wish.answer is not Answer.NO:
        ChartLink.objects.get_or_create(
            owner=request.owner,
            ehr=request.ehr,
            patient=request.patient,
            ended=None,
            defaults={"confirmed": at},
        )
    owner = request.owner
    interaction = "refuse" if wish.answer is Answer.NO else "authorize"
    _note(request, interaction, Agent.OWNER, str(owner.subject), owner.name, decision=decision, origin=origin)
    return decision


@transaction.atomic
def stop(owner: Person, decision: Decision, *, at: datetime, origin: str = "") -> None:
    """Nothing more is seen by this decision, from the next request on. The organisation's links end with it: who asks
    again needs a code, unless her own connection links the chart. Raises NothingToWithdraw."""
    ended = ledger.withdraw(owner_id=owner.pk, grantee=decision.grantee, actor=owner, at=at, kind=decision.grantee_kind)
    if decision.grantee_kind == Grantee.ORGANIZATION:
        mine = ChartLink.objects.filter(owner=owner, ended__isnull=True)
        mine.filter(ehr__organization__uid=decision.grantee).update(ended=at)
    events.append(
        owner_id=owner.pk,
        action=Action.EXECUTE,
        interaction="revoke",
        agent_kind=Agent.OWNER,
        agent=str(owner.subject),
        agent_name=owner.name,
        consent_id=ended.pk,
        origin=origin,
        detail={"organization": decision.grantee_name},
    )


def _decide(request: ShareRequest, wish: Wish, *, read: Reading, at: datetime) -> Decision:
    owner, organization = request.owner, request.organization
    if wish.answer is Answer.NO:
        return ledger.refuse(
            owner=owner,
            actor=owner,
            kind=Grantee.ORGANIZATION,
            grantee=str(organization.uid),
            grantee_name=organization.name,
            asked=wish.granted,
            read=read,
            at=at,
        )
    visit = wish.answer is Answer.VISIT
    ends = {Answer.VISIT: request.visit_ends, Answer.SEASON: at + SEASON}.get(wish.answer)
    return ledger.grant(
        owner=owner,
        actor=owner,
        kind=Grantee.CLINICIAN if visit else Grantee.ORGANIZATION,
        grantee=str(request.visit) if visit else str(organization.uid),
        grantee_name=f"{request.clinician}, {organization.name}"[:200] if visit else organization.name,
        asked=wish.granted,
        granted=wish.granted,
        terms=wish.terms,
        purpose="",
        ends=ends,
        read=read,
        at=at,
    )


def _owner(made: Ask, patient: str, *, at: datetime) -> int | None:
    """By the code as it stood when he typed it, which is used up by it; without one by the chart, unless she said no or
    nothing lately."""
    if made.digest:
        with transaction.atomic():
            shown = ShownCode.objects.select_for_update().filter(digest=made.digest, expires__gt=made.asked).first()
            if shown is None:
                return None
            owner_id = shown.owner_id
            shown.delete()
            return owner_id
    (found,) = statements.read("SELECT chart_owner(%s, %s)", [made.visit.ehr_id, patient])[0]
    lately = ShareRequest.objects.filter(
        owner_id=found, organization_id=made.visit.clinician.organization_id, asked__gt=at - REST
    )
    return None if found is None or lately.filter(answer__in=["", Answer.NO]).exists() else int(found)


def _lapse(owner_id: int, organization_id: int, *, at: datetime) -> None:
    """What she never answered makes room for the next."""
    old = ShareRequest.objects.filter(owner_id=owner_id, organization_id=organization_id, answered__isnull=True)
    old.filter(lapses__lte=at).update(answered=at)


def _digest(code: str) -> str:
    kept = "".join(letter for letter in code.upper() if letter.isalnum())
    return salted_hmac("smartlaunch.asks.code", kept, algorithm="sha256").hexdigest()


def _note(
    request: ShareRequest,
    interaction: str,
    kind: Agent,
    agent: str,
    name: str,
    *,
    decision: Decision | None = None,
    origin: str = "",
) -> None:
    events.append(
        owner_id=request.owner_id,
        action=Action.EXECUTE,
        interaction=interaction,
        agent_kind=kind,
        agent=agent,
        agent_name=name,
        consent_id=None if decision is None else decision.pk,
        origin=origin,
        detail={"organization": request.organization.name},
    )
