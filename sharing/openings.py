"""Somebody opens a link: is there one, does it still stand, is the passcode right, and what is in it.

Whoever asks is known by nothing but the link. Each opening, and each refusal of a link that was, is in the owner's
access log before the answer leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from celery import current_app
from django.core import signing
from django.db import transaction

from accounts import binding
from audit import events
from audit.models import Action, Agent, Outcome
from consent import gate, ledger
from consent.models import Decision, Grantee
from records import keys, statements
from sharing import contents, links
from sharing.errors import LinkClosed, PasscodeWrong
from sharing.models import HealthLink
from standards.smart import health_links

TELL_OPENED: Final = "sharing.tasks.tell_opened"
TELL_LOCKED: Final = "sharing.tasks.tell_locked"
TICKET_LIFE: Final = timedelta(minutes=10)
"""How long the place of a file that a manifest named can be asked for; the specification allows an hour."""
_SALT: Final = "sharing.openings"


@dataclass(frozen=True, slots=True)
class Visitor:
    """``recipient``: who the visitor says to be; nobody vouches for it. ``origin``: the network address."""

    recipient: str
    origin: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that stood when it was asked for. ``file``: the compact JWE of what is in it now."""

    uid: UUID
    live: bool
    file: str
    changed: datetime


def by_passcode(token: str, visitor: Visitor, passcode: str | None, *, at: datetime) -> Opened:
    """Raises LinkClosed, PasscodeWrong."""
    with binding.bound(_owner(token)):
        link, decision = _standing(token, visitor, at=at)
        if link.has_passcode:
            _check(link, decision, visitor, passcode or "")
        return _opened(link, decision, visitor, at=at)


def directly(token: str, visitor: Visitor, *, at: datetime) -> Opened:
    """Of a link whose address is its one file (flag ``U``). Raises LinkClosed."""
    with binding.bound(_owner(token)):
        link, decision = _standing(token, visitor, at=at)
        if not link.is_direct:
            raise LinkClosed(f"link {link.uid} has a manifest")
        return _opened(link, decision, visitor, at=at)


def by_ticket(token: str, ticket: str, origin: str, *, at: datetime) -> Opened:
    """Of a place that a manifest named a moment ago. Raises LinkClosed."""
    try:
        uid, recipient = signing.loads(ticket, salt=_SALT, max_age=TICKET_LIFE)
    except signing.BadSignature as error:
        raise LinkClosed("no ticket, or no longer") from error
    visitor = Visitor(recipient, origin)
    with binding.bound(_owner(token)):
        link, decision = _standing(token, visitor, at=at)
        if str(link.uid) != uid:
            raise LinkClosed(f"no ticket for link {link.uid}")
        return _opened(link, decision, visitor, at=at)


def ticket(opened: Opened, visitor: Visitor) -> str:
    """For an address that needs no passcode for a few minutes."""
    return signing.dumps([str(opened.uid), visitor.recipient], salt=_SALT, compress=True)


def _owner(token: str) -> int:
    """Whose link has this address. Raises LinkClosed."""
    (owner_id,) = statements.read("SELECT health_link_owner(%s)", [links.digest(token)])[0]
    if owner_id is None:
        raise LinkClosed("no such link")
    return int(owner_id)


def _standing(token: str, visitor: Visitor, *, at: datetime) -> tuple[HealthLink, Decision]:
    """The link of this address and the decision it stands on. Raises LinkClosed."""
    held = HealthLink.objects.select_related("owner").filter(digest=links.digest(token), owner__is_active=True)
    link = held.first()
    if link is None:
        raise LinkClosed("the account is closed")
    decision = ledger.current(link.owner_id, str(link.uid), kind=Grantee.LINK)
    if decision is None or not ledger.lets_read(decision, at=at) or link.tries == 0:
        _note(link, decision, visitor, outcome=Outcome.REFUSED, detail={"reason": "closed"})
        raise LinkClosed(f"link {link.uid} does not stand")
    try:
        links.key(link)
    except keys.KeyUnavailable as error:
        raise LinkClosed(f"the key of owner {link.owner_id} is gone") from error
    return link, decision


def _check(link: HealthLink, decision: Decision, visitor: Visitor, passcode: str) -> None:
    """Raises PasscodeWrong, LinkClosed. The lock on the row lets guesses at the same time be counted one by one."""
    with transaction.atomic():
        left = HealthLink.objects.select_for_update().values_list("tries", flat=True).get(pk=link.pk) or 0
        if left and links.is_passcode(link, passcode):
            return
        # Nothing was tried where nothing was typed: a viewer asks so whether a passcode is wanted at all.
        remaining = left - 1 if left and passcode else left
        HealthLink.objects.filter(pk=link.pk).update(tries=remaining)
        _note(link, decision, visitor, outcome=Outcome.REFUSED, detail={"reason": "passcode", "left": remaining})
        if left and not remaining:
            _ring(TELL_LOCKED, link)
    if not left:
        raise LinkClosed(f"link {link.uid} is locked")
    raise PasscodeWrong(remaining)


def _opened(link: HealthLink, decision: Decision, visitor: Visitor, *, at: datetime) -> Opened:
    try:
        written = contents.write(link.content, decision, at=at) if link.is_live else links.frozen(link)
        file = health_links.sealed(written.data, links.key(link), content_type=contents.CONTENT_TYPE)
    except (gate.ConsentMissing, keys.KeyUnavailable) as error:
        raise LinkClosed(f"link {link.uid} ended meanwhile") from error
    with transaction.atomic():
        first = HealthLink.objects.filter(pk=link.pk, opened__isnull=True).update(opened=at)
        _note(link, decision, visitor, outcome=Outcome.SUCCESS, detail={"types": written.types})
        if first:
            _ring(TELL_OPENED, link)
    return Opened(link.uid, link.is_live, file, at if link.is_live else link.made)


def _ring(task: str, link: HealthLink) -> None:
    transaction.on_commit(partial(current_app.send_task, task, args=[str(link.pk)]), robust=True)


def _note(
    link: HealthLink, decision: Decision | None, visitor: Visitor, *, outcome: Outcome, detail: dict[str, Any]
) -> None:
    events.append(
        owner_id=link.owner_id,
        action=Action.READ,
        interaction="open-link",
        outcome=outcome,
        agent_kind=Agent.LINK,
        agent=str(link.uid),
        agent_name=visitor.recipient,
        consent_id=None if decision is None else decision.pk,
        origin=visitor.origin,
        detail={"link": str(link.uid), "name": link.label, **detail},
    )
