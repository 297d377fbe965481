"""People who act for an owner: invited by mail, bound when they say yes, ended by either side.

What a delegate may see, of which time and until when is a decision in the owner's ledger like any other; its grantee is
the delegation's ``uid``. Both must hold at every read: the decision stands, and the delegation is bound to who reads.

What the delegate, or who may become her, writes stands among the owner's rows, so the database is told of her for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from hashlib import sha256
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import CharField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast

from accounts import binding
from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from consent import ledger
from consent.ledger import Reading
from consent.models import DECISIVE, Act, Decision, Delegation, Grantee, Relationship
from consent.terms import Terms
from records import statements

LIFE: Final = timedelta(days=14)
"""Of an invitation."""
WAITING_MAX: Final = 10
"""Invitations of one owner that may wait at a time: nobody sends mail without end through us."""


class TooManyInvitations(Exception):
    """As many invitations of hers as may wait are waiting."""


class NotInvited(Exception):
    """The invitation was answered, has lapsed, was taken back, or is for somebody else."""


class State(Enum):
    WAITING = "waiting"
    LAPSED = "lapsed"
    DECLINED = "declined"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Offer:
    """Whom she asks, and what this person may see: scopes and terms as in any decision."""

    name: str
    email: str
    relationship: Relationship
    guardian: bool
    granted: tuple[str, ...]
    terms: Terms
    ends: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """A delegation with the newest decision about it."""

    delegation: Delegation
    decision: Decision
    state: State

    @property
    def lets_apps_in(self) -> bool:
        """Whether the delegate may let apps in now."""
        return self.state is State.ACTIVE and Terms.of(self.decision.terms).apps


@dataclass(frozen=True, slots=True)
class Bound:
    """A delegation that is in force for its delegate: what the gate asks of it, and the decision it stands on."""

    guardian: bool
    invited: datetime
    decision: ledger.Standing


@transaction.atomic
def invite(owner: Person, offer: Offer, *, read: Reading, at: datetime, origin: str = "") -> tuple[Delegation, str]:
    """The delegation and the token for the mail, which is kept nowhere. Raises TooManyInvitations."""
    Person.objects.select_for_update(no_key=True).get(pk=owner.pk)  # two at once would both count one too few
    waiting = owner.delegations_given.exclude(invitation="").filter(lapses__gt=at)
    if waiting.count() >= WAITING_MAX:
        raise TooManyInvitations(f"owner {owner.pk}")
    token = secrets.token_urlsafe(32)
    delegation = Delegation.objects.create(
        owner=owner,
        name=offer.name,
        email=offer.email.lower(),
        relationship=offer.relationship,
        guardian=offer.guardian,
        invitation=_digest(token),
        invited=at,
        lapses=at + LIFE,
    )
    decision = ledger.grant(
        owner=owner,
        actor=owner,
        kind=Grantee.PERSON,
        grantee=str(delegation.uid),
        grantee_name=offer.name,
        asked=offer.granted,
        granted=offer.granted,
        terms=offer.terms,
        purpose="",
        ends=offer.ends,
        read=read,
        at=at,
    )
    _note(delegation, "delegate", decision, by=owner, origin=origin)
    return delegation, token


def invitation(token: str, *, at: datetime) -> Standing | None:
    """What a mail's token invites to, while it can be answered."""
    digest = _digest(token)
    (owner_id,) = statements.read("SELECT delegation_owner(%s)", [digest])[0]
    if owner_id is None:
        return None
    with binding.bound(owner_id):
        found = Delegation.objects.select_related("owner").filter(invitation=digest, lapses__gt=at).first()
        standing = next(iter(_standings([found], at=at)), None) if found else None
    return standing if standing is not None and standing.state is State.WAITING else None


@transaction.atomic
def accept(delegation: Delegation, person: Person, *, at: datetime, origin: str = "") -> None:
    """Binds it to this person. Raises NotInvited; of two clicks, or a click and the owner's end, one wins."""
    with binding.bound(delegation.owner_id):
        decision = _waiting_decision(delegation, person, at=at)
        if not _unanswered(delegation, at=at).update(delegate=person, accepted=at, invitation=""):
            raise NotInvited(str(delegation.uid))
        _note(delegation, "accept", decision, by=person, origin=origin)
        delegation.refresh_from_db()


@transaction.atomic
def decline(delegation: Delegation, person: Person, *, at: datetime, origin: str = "") -> None:
    """She does not take it on, and the owner's decision is withdrawn with it. Raises NotInvited."""
    with binding.bound(delegation.owner_id):
        _waiting_decision(delegation, person, at=at)
        if not _unanswered(delegation, at=at).update(declined=at, invitation=""):
            raise NotInvited(str(delegation.uid))
        _withdraw(delegation, "decline", by=person, at=at, origin=origin)
        delegation.refresh_from_db()


@transaction.atomic
def end(delegation: Delegation, *, by: Person, at: datetime, origin: str = "") -> None:
    """Either side ends it, also one that nobody has answered. Raises ledger.NothingToWithdraw."""
    with binding.bound(delegation.owner_id):
        Delegation.objects.filter(pk=delegation.pk).update(invitation="")
        _withdraw(delegation, "revoke", by=by, at=at, origin=origin)


@transaction.atomic
def pause(delegation: Delegation, *, at: datetime, origin: str = "") -> None:
    """The owner stops it for now. Raises ledger.NothingToWithdraw."""
    owner = delegation.owner
    decision = ledger.pause(owner_id=owner.pk, grantee=str(delegation.uid), actor=owner, at=at, kind=Grantee.PERSON)
    _note(delegation, "pause", decision, by=owner, origin=origin)


@transaction.atomic
def resume(delegation: Delegation, *, at: datetime, origin: str = "") -> None:
    """The owner lets a paused delegate go on. Raises ledger.NothingToResume."""
    owner = delegation.owner
    decision = ledger.resume(owner_id=owner.pk, grantee=str(delegation.uid), actor=owner, at=at, kind=Grantee.PERSON)
    _note(delegation, "resume", decision, by=owner, origin=origin)


@transaction.atomic
def renew(delegation: Delegation, *, ends: datetime, read: Reading, at: datetime, origin: str = "") -> None:
    """The owner moves the end; not of a guardian's, which is a birthday. Raises ledger.NothingToResume."""
    owner = delegation.owner
    if delegation.guardian:
        raise ledger.NothingToResume(f"delegation {delegation.uid} ends with the owner's minority")
    decision = ledger.renew(
        owner_id=owner.pk,
        grantee=str(delegation.uid),
        actor=owner,
        ends=ends,
        read=read,
        at=at,
        kind=Grantee.PERSON,
    )
    Delegation.objects.filter(pk=delegation.pk).update(reminded=None)
    _note(delegation, "renew", decision, by=owner, origin=origin)


@transaction.atomic
def let_apps_in(standing: Standing, *, allowed: bool, read: Reading, at: datetime, origin: str = "") -> None:
    """The owner says anew whether the delegate may let apps in; all else stays. Raises ledger.NothingToResume."""
    delegation = standing.delegation
    decision = ledger.change_terms(
        owner_id=delegation.owner_id,
        grantee=str(delegation.uid),
        actor=delegation.owner,
        terms=replace(Terms.of(standing.decision.terms), apps=allowed),
        read=read,
        at=at,
        kind=Grantee.PERSON,
    )
    _note(delegation, "delegate-apps" if allowed else "delegate-no-apps", decision, by=delegation.owner, origin=origin)


def given(owner: Person, *, at: datetime) -> list[Standing]:
    """Everybody she asked, newest first. Two queries."""
    return _standings(owner.delegations_given.select_related("owner", "delegate").order_by("-invited"), at=at)


def held(person: Person, *, at: datetime) -> list[Standing]:
    """Whom this person acts for or acted for, by name. Two queries."""
    return _standings(_bound(person).order_by("owner__name", "owner_id"), at=at)


def of(person: Person, uid: UUID, *, at: datetime) -> Standing | None:
    """One that this person holds."""
    return next(iter(_standings(_bound(person).filter(pk=uid), at=at)), None)


def ending(*, until: datetime, limit: int, at: datetime) -> list[Standing]:
    """Those in force whose end comes by ``until`` and was told to nobody yet, the soonest first."""
    decisions = Decision.objects.filter(
        owner_id=OuterRef("owner_id"),
        grantee_kind=Grantee.PERSON,
        grantee=Cast(OuterRef("pk"), CharField()),
        act__in=DECISIVE,
    )
    found = (
        Delegation.objects.filter(accepted__isnull=False, reminded__isnull=True)
        .filter(owner__is_active=True, delegate__is_active=True)
        .annotate(ends=Subquery(decisions.order_by("-sequence").values("ends")[:1]))
        .filter(ends__gt=at, ends__lte=until)
        .select_related("owner", "delegate")
        .order_by("ends")
    )
    return [each for each in _standings(found[:limit], at=at) if each.state is State.ACTIVE]


def claim_reminder(delegation: Delegation, *, at: datetime) -> bool:
    """Whether it is this caller who tells them: of two workers at once only one does."""
    return bool(Delegation.objects.filter(pk=delegation.pk, reminded__isnull=True).update(reminded=at))


def give_back_reminder(delegation: Delegation) -> None:
    """Nobody could be told: the next round tries again."""
    Delegation.objects.filter(pk=delegation.pk).update(reminded=None)


# Asked at every read of a delegate and of the apps she let in: one prepared statement.
_STANDS: Final = ledger.STANDS.format(
    decision="d.id", owner="t.owner_id", kind="'person'", grantee="t.uid::text", at="%s"
)
_ASK_BOUND: Final = f"""
    SELECT t.guardian, t.invited, s.*
    FROM consent_delegation t JOIN accounts_person w ON w.id = t.owner_id JOIN accounts_person a ON a.id = t.delegate_id
    CROSS JOIN LATERAL ({_STANDS}) s
    WHERE t.uid = %s::uuid AND t.owner_id = %s AND t.delegate_id = %s AND t.accepted IS NOT NULL
        AND w.is_active AND a.is_active
"""  # noqa: S608 - the ledger's constant


def bound(uid: str, *, owner_id: int, delegate_id: int, at: datetime) -> Bound | None:
    """The delegation, if this person took it on for this owner, both accounts are open and its decision stands."""
    rows = statements.read(_ASK_BOUND, [at, uid, owner_id, delegate_id])
    if not rows:
        return None
    guardian, invited, *decision = rows[0]
    return Bound(guardian, invited, ledger.Standing(at, *decision))


def grantee_of_app(uid: UUID | str, client_id: str) -> str:
    """Who an app is in the owner's ledger when this delegate let it in: not the app that the owner let in herself."""
    return f"{uid}:{client_id}"


def called(owner_id: int) -> dict[str, str]:
    """What this owner calls the people who act or acted for her, by subject."""
    held = Delegation.objects.filter(owner_id=owner_id, delegate__isnull=False).order_by("invited")
    return {str(subject): name for subject, name in held.values_list("delegate__subject", "name")}


def known(uid: str, *, owner_id: int) -> Delegation:
    """One of this owner's, with who holds it: what an app that the holder let in is told of her."""
    return Delegation.objects.select_related("delegate").get(pk=uid, owner_id=owner_id)


def _bound(person: Person) -> QuerySet[Delegation]:
    found = person.delegations_held.filter(accepted__isnull=False, owner__is_active=True)
    return found.select_related("owner", "delegate")


def _standings(delegations: Iterable[Delegation], *, at: datetime) -> list[Standing]:
    delegations = list(delegations)
    if not delegations:
        return []
    newest = ledger.newest_of_each((str(each.uid) for each in delegations), kind=Grantee.PERSON)
    pairs = [(each, newest[str(each.uid)]) for each in delegations]
    return [Standing(each, decision, _state(each, decision, at=at)) for each, decision in pairs]


def _state(delegation: Delegation, decision: Decision, *, at: datetime) -> State:
    if delegation.declined is not None:
        return State.DECLINED
    if decision.act == Act.WITHDRAW or (decision.ends is not None and decision.ends <= at):
        return State.ENDED
    if delegation.accepted is None:
        return State.WAITING if delegation.lapses > at else State.LAPSED
    return State.PAUSED if decision.act == Act.PAUSE else State.ACTIVE


def _waiting_decision(delegation: Delegation, person: Person, *, at: datetime) -> Decision:
    """The owner's decision that waits for this very person. Raises NotInvited.

    The mail went to one address: a link that was passed on is worth nothing with another account.
    """
    decision = ledger.current(delegation.owner_id, str(delegation.uid), kind=Grantee.PERSON)
    hers = person.pk != delegation.owner_id and person.email.lower() == delegation.email
    if decision is None or not hers or not ledger.lets_read(decision, at=at):
        raise NotInvited(str(delegation.uid))
    return decision


def _unanswered(delegation: Delegation, *, at: datetime) -> QuerySet[Delegation]:
    return Delegation.objects.filter(pk=delegation.pk, lapses__gt=at).exclude(invitation="")


def _withdraw(delegation: Delegation, interaction: str, *, by: Person, at: datetime, origin: str) -> None:
    decision = ledger.withdraw(
        owner_id=delegation.owner_id, grantee=str(delegation.uid), actor=by, at=at, kind=Grantee.PERSON
    )
    _note(delegation, interaction, decision, by=by, origin=origin)


def _note(delegation: Delegation, interaction: str, decision: Decision, *, by: Person, origin: str) -> None:
    """In the owner's access log, whoever of the two did it."""
    events.append(
        owner_id=delegation.owner_id,
        action=Action.EXECUTE,
        interaction=interaction,
        agent_kind=Agent.OWNER if by.pk == delegation.owner_id else Agent.DELEGATE,
        agent=str(by.subject),
        agent_name=by.name,
        consent_id=decision.pk,
        origin=origin,
        detail={"delegation": str(delegation.uid)},
    )


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
