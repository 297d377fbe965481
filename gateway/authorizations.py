"""What a person let apps have, and its end."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypedDict

from django.db import transaction

from accounts import binding
from accounts.models import Person
from audit import events
from audit.models import Action, Agent, Outcome
from consent import delegations, gate, ledger
from consent.models import Act, Decision, Delegation
from gateway import launches, scopes, selections, tokens
from gateway.errors import TrialOnly
from gateway.models import (
    AccessToken,
    Application,
    Authorization,
    AuthorizationQuerySet,
    Grant,
    Launch,
    RefreshToken,
)
from records import statements

if TYPE_CHECKING:
    from gateway.credentials import Asked, Client
    from gateway.tokens import Standing

logger = logging.getLogger(__name__)


class _Place(TypedDict):
    owner_id: int
    grantee: str
    kind: str


_SIGNED_IN: Final = """
SELECT 1 FROM django_session WHERE encode(sha256(session_key::bytea), 'hex') = %s AND expire_date > %s"""


def of(person: Person) -> AuthorizationQuerySet:
    """What she let apps have of her own record, live and ended, newest first, with app and decision."""
    return told().filter(person=person, delegation__isnull=True)


def for_others(person: Person) -> AuthorizationQuerySet:
    """The same of what she let apps have of the records of whom she acts for."""
    return told().filter(person=person, delegation__isnull=False)


def by_delegates(owner: Person) -> AuthorizationQuerySet:
    """The same of what people who act for this owner let apps have of hers."""
    return told().filter(about=owner, delegation__isnull=False)


def told() -> AuthorizationQuerySet:
    """All of them, newest first, with what a page tells of one: always filtered by whom it is told to."""
    found: AuthorizationQuerySet = Authorization.objects.all()
    related = ("application__logo", "decision__owner", "decision__actor", "delegation", "person", "about")
    return found.select_related(*related).defer("application__logo__png").order_by("-created")


@transaction.atomic
def begin(
    decision: Decision,
    *,
    person: Person,
    application: Application,
    granted: list[str],
    ends: datetime,
    authenticated: datetime,
    at: datetime,
    launch: Launch | None = None,
    delegation: Delegation | None = None,
    session_key: str | None = None,
) -> Authorization:
    """A new authorization on this decision; it replaces the person's earlier one of the same app.

    One that a clinician launched for a patient replaces only his earlier one for that patient, and so does one of who
    acts for somebody by the ``delegation``. With ``online_access``
    and nothing wider it lives no longer than the sign-in that ``session_key`` names. Raises TrialOnly for an app on
    trial and a person who is not made up.
    """
    if not application.admits(person) or (delegation is not None and not application.admits(delegation.owner)):
        raise TrialOnly(f"application {application.pk}")
    about = delegation.owner if delegation else launch.about if launch else None
    # Two approvals at once wait for each other here, so that the live one is the newest decision's.
    for earlier in Authorization.objects.select_for_update(no_key=True).filter(
        person=person, application=application, about=about, delegation=delegation, revoked__isnull=True
    ):
        revoke(earlier, at=at)
    return Authorization.objects.create(
        person=person,
        about=about,
        delegation=delegation,
        application=application,
        decision=decision,
        scopes=granted,
        context=launches.context(launch, about or person, granted),
        authenticated=authenticated,
        session=_session(session_key, granted),
        created=at,
        expires=ends,
    )


def _session(session_key: str | None, granted: list[str]) -> str:
    """What her sign-in is recognised by; without one, ``online_access`` has ended before it began."""
    if not scopes.are_online(granted):
        return ""
    return hashlib.sha256((session_key or "").encode()).hexdigest()


@transaction.atomic
def end(authorization: Authorization, *, by: Person, at: datetime, origin: str = "") -> None:
    """It is taken back: a withdrawal in the ledger, and every token dead at once.

    ``by`` is whoever let the app in, or the owner whose record it opens.
    """
    with binding.bound(authorization.owner_id):
        decision_id = _withdraw(authorization, by=by, at=at)
    revoke(authorization, at=at)
    _note(authorization, "revoke", decision_id, by=by, origin=origin)


@transaction.atomic
def pause(authorization: Authorization, *, by: Person, at: datetime, origin: str = "") -> None:
    """She stops the app for now: its tokens are worth nothing until she resumes. Raises ledger.NothingToWithdraw."""
    decision = ledger.pause(**_place(authorization), actor=by, at=at)
    Authorization.objects.filter(pk=authorization.pk, revoked__isnull=True).update(paused=at)
    _note(authorization, "pause", decision.pk, by=by, origin=origin)


@transaction.atomic
def resume(authorization: Authorization, *, by: Person, at: datetime, origin: str = "") -> None:
    """She lets a paused app go on with the tokens it has. Raises ledger.NothingToResume."""
    decision = ledger.resume(**_place(authorization), actor=by, at=at)
    Authorization.objects.filter(pk=authorization.pk, revoked__isnull=True).update(paused=None, decision=decision)
    _note(authorization, "resume", decision.pk, by=by, origin=origin)


@transaction.atomic
def renew(
    authorization: Authorization, *, by: Person, ends: datetime, read: ledger.Reading, at: datetime, origin: str = ""
) -> None:
    """She moves the end; the app goes on with the tokens it has. Raises ledger.NothingToResume."""
    with binding.bound(authorization.owner_id):
        decision = ledger.renew(**_place(authorization), actor=by, ends=ends, read=read, at=at)
    Authorization.objects.filter(pk=authorization.pk, revoked__isnull=True).update(
        expires=ends, reminded=None, decision=decision
    )
    _note(authorization, "renew", decision.pk, by=by, origin=origin)


def is_renewable(authorization: Authorization) -> bool:
    """Whether a later end is of any use: only an app that keeps access without her can go on by itself."""
    kept = scopes.OFFLINE_ACCESS in authorization.scopes
    return kept and authorization.revoked is None and authorization.paused is None and authorization.application.active


def renewed_end(authorization: Authorization, *, at: datetime) -> datetime:
    """The end a renewal gives: that of the study for an app of one, else the usual length from now.

    What a delegate let in never ends later than that she acts for the owner.
    """
    offered = selections.lengths(authorization.application, at=at)
    ends = offered.get(selections.STUDY, offered[selections.USUAL])
    if authorization.delegation_id is None:
        return ends
    standing = delegations.of(authorization.person, authorization.delegation_id, at=at)
    return min(ends, standing.decision.ends) if standing and standing.decision.ends else ends


def _note(authorization: Authorization, interaction: str, decision_id: int, *, by: Person, origin: str) -> None:
    events.append(
        owner_id=authorization.owner_id,
        action=Action.EXECUTE,
        interaction=interaction,
        outcome=Outcome.SUCCESS,
        agent_kind=Agent.OWNER if by.pk == authorization.owner_id else Agent.DELEGATE,
        agent=str(by.subject),
        agent_name=by.name,
        consent_id=decision_id,
        origin=origin,
        detail={
            "app": authorization.application.client_id,
            **tokens.acting(authorization.delegation_id, authorization.subject),
        },
    )


def _withdraw(authorization: Authorization, *, by: Person, at: datetime) -> int:
    """The id of the withdrawal, or of the decision that stood if it was withdrawn or replaced before."""
    place = _place(authorization)
    last = ledger.newest(place["owner_id"], place["grantee"], kind=place["kind"])
    paused = last is not None and last.act == Act.PAUSE
    if last is None or (last.pk != authorization.decision_id and not paused):
        return authorization.decision_id
    return ledger.withdraw(**place, actor=by, at=at).pk


def _place(authorization: Authorization) -> _Place:
    """Where its decisions stand: in whose ledger, about which grantee."""
    decision = authorization.decision
    return {"owner_id": decision.owner_id, "grantee": decision.grantee, "kind": decision.grantee_kind}


@transaction.atomic
def revoke(authorization: Authorization | int, *, at: datetime) -> None:
    """Kills every code and token of the authorization. Bearer checks read ``revoked`` itself, so nothing slips by.

    Code and refresh token before the access token: a redemption locks them in this order (tokens.STORED).
    """
    Authorization.objects.filter(
        pk=authorization if isinstance(authorization, int) else authorization.pk, revoked__isnull=True
    ).update(revoked=at)
    Grant.objects.filter(authorization=authorization, consumed__isnull=True).update(consumed=at)
    RefreshToken.objects.filter(authorization=authorization, revoked__isnull=True).update(revoked=at, updated=at)
    # A rotation's answer must not outlive its authorization either.
    RefreshToken.objects.filter(authorization=authorization, replay__isnull=False).update(replay=None)
    AccessToken.objects.filter(authorization=authorization, expires__gt=at).update(expires=at)


def end_family(standing: Standing, client: Client, asked: Asked, *, reason: str) -> None:
    """A code or refresh token came twice, so somebody has what was not given to them: nothing of it stays good."""
    logger.warning("authorization %s revoked: %s", standing.pk, reason)
    with transaction.atomic():
        revoke(standing.pk, at=asked.at)
        events.append(
            owner_id=standing.owner_id,
            action=Action.EXECUTE,
            interaction="revoke",
            outcome=Outcome.REFUSED,
            agent_kind=Agent.APP,
            agent=client.client_id,
            agent_name=client.name,
            consent_id=standing.decision_id,
            origin=asked.origin,
            detail={"reason": reason, **tokens.acting(standing.delegation_id, standing.subject)},
        )


def is_live(authorization: Authorization, *, at: datetime) -> bool:
    """Whether codes and refresh tokens of it may still be redeemed; person and app are part of the answer."""
    return (
        authorization.revoked is None
        and authorization.paused is None
        and authorization.expires > at
        and authorization.person.is_active
        and (authorization.about is None or authorization.about.is_active)
        and authorization.application.active
        and (not authorization.session or bool(statements.read(_SIGNED_IN, [authorization.session, at])))
        and acts_still(authorization, at=at)
    )


def reader(authorization: Authorization) -> gate.App | gate.DelegateApp:
    """The app as one who asks the gate about the record of ``owner_id``; of a clinician's, charts.reader knows more."""
    client_id, held = authorization.application.client_id, scopes.parse(authorization.scopes)
    if authorization.delegation_id is None:
        return gate.App(client_id, authorization.decision_id, held)
    acting = (authorization.person_id, str(authorization.delegation_id))
    return gate.DelegateApp(client_id, authorization.decision_id, held, *acting)


def is_redeemable(standing: Standing, *, at: datetime) -> bool:
    """The same of what the token endpoint read in one statement; only for a delegate's app it asks once more."""
    return standing.live and acts_still(standing, at=at)


def acts_still(of: Authorization | Standing, *, at: datetime) -> bool:
    """Whether who let the app in still may: for her own record always, else as the gate says of every read."""
    if of.delegation_id is None:
        return True
    try:
        with binding.bound(of.owner_id):
            gate.letting_in(of.owner_id, person_id=of.person_id, delegation=str(of.delegation_id), at=at)
    except gate.ConsentMissing:
        return False
    return True


def end_with(delegation: Delegation, *, by: Person, at: datetime, origin: str = "") -> None:
    """The delegation has ended, and with it what its holder let apps have: here too, as the gate says already.

    Each by itself: whoever waits for the rows of one must not hold the turn of the access log for another.
    """
    live = Authorization.objects.filter(delegation=delegation, revoked__isnull=True)
    for authorization in live.select_related("application", "decision").order_by("pk"):
        end(authorization, by=by, at=at, origin=origin)


def touch(authorization_id: int, *, at: datetime) -> None:
    """Notes the use for the portal; callers ask at most once a minute."""
    stale = Authorization.objects.filter(pk=authorization_id).exclude(last_used__gt=at - timedelta(minutes=1))
    stale.update(last_used=at)
