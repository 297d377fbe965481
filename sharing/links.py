"""Links she makes, shows again, renews and stops (SMART Health Links, "Generate a SMART Health Link").

The key that opens the files of a link is made from her own key whenever it is needed, and kept nowhere; what is behind
a link is kept only as her record is, sealed for her, and sealed for the link on its way out (docs/adr/0029).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from hashlib import sha256
from typing import Final
from uuid import UUID, uuid4
from zlib import compress, decompress

from django.conf import settings
from django.db import transaction

from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from consent import ledger
from consent.ledger import Reading
from consent.models import Act, Decision, Grantee
from consent.terms import Terms
from records import patient, sealing
from sharing import contents
from sharing.models import PASSCODE_TRIES, HealthLink
from standards.fhir import json
from standards.smart import health_links

PATH: Final = "/shl/"
VIEWER: Final = "/view/"
ACTIVE_MAX: Final = 100
"""Links of one owner that may be open at a time."""


class TooManyLinks(Exception):
    """As many links of hers are open as may be."""


class State(Enum):
    OPEN = "open"
    LOCKED = "locked"
    ENDED = "ended"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Wish:
    """What she wants to hand over: scopes and terms as in any decision. ``passcode`` "" for none."""

    label: str
    purpose: str
    content: str
    live: bool
    passcode: str
    granted: tuple[str, ...]
    terms: Terms
    ends: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """A link with the newest decision about it."""

    link: HealthLink
    decision: Decision
    state: State


@dataclass(frozen=True, slots=True)
class Address:
    """``text``: the link itself, for a QR code too; ``viewer``: the same as an address any browser opens."""

    text: str
    viewer: str
    passcode: str


@transaction.atomic
def make(owner: Person, wish: Wish, *, read: Reading, at: datetime, origin: str = "") -> HealthLink:
    """The content of a frozen one is written at once. Raises TooManyLinks, LinkClosed."""
    Person.objects.select_for_update(no_key=True).get(pk=owner.pk)  # two at once would both count one too few
    if sum(each.state is State.OPEN for each in of(owner, at=at)) >= ACTIVE_MAX:
        raise TooManyLinks(f"owner {owner.pk}")
    patient.ensure(owner.pk, at=at)
    uid, token = uuid4(), secrets.token_urlsafe(32)
    decision = ledger.grant(
        owner=owner,
        actor=owner,
        kind=Grantee.LINK,
        grantee=str(uid),
        grantee_name=wish.label,
        asked=wish.granted,
        granted=wish.granted,
        terms=wish.terms,
        purpose="",
        ends=wish.ends,
        # In her own words, so no code of FHIR's; for her eyes.
        read=replace(read, shown={**read.shown, "purpose": wish.purpose}) if wish.purpose else read,
        at=at,
    )
    contents.check(wish.content, decision, at=at)
    frozen = None if wish.live else contents.write(wish.content, decision, at=at)
    link = HealthLink.objects.create(
        uid=uid,
        owner=owner,
        digest=digest(token),
        sealed=sealing.seal_secret(owner.pk, _secret(uid), json.dumps({"token": token, "passcode": wish.passcode})),
        label=wish.label,
        content=wish.content,
        frozen=None if frozen is None else sealing.seal_secret(owner.pk, _content(uid), compress(_packed(frozen))),
        tries=PASSCODE_TRIES if wish.passcode else None,
        made=at,
    )
    _note(link, "make-link", decision, origin=origin, types=frozen.types if frozen else {})
    return link


@transaction.atomic
def stop(link: HealthLink, *, at: datetime, origin: str = "") -> None:
    """The next request is refused. Raises ledger.NothingToWithdraw."""
    owner = link.owner
    decision = ledger.withdraw(owner_id=owner.pk, grantee=str(link.uid), actor=owner, at=at, kind=Grantee.LINK)
    _note(link, "revoke", decision, origin=origin)


@transaction.atomic
def renew(link: HealthLink, *, ends: datetime, read: Reading, at: datetime, origin: str = "") -> None:
    """She moves the end, also when it has come; wrong passcodes stay counted. Raises ledger.NothingToResume."""
    owner = link.owner
    decision = ledger.renew(
        owner_id=owner.pk, grantee=str(link.uid), actor=owner, ends=ends, read=read, at=at, kind=Grantee.LINK
    )
    _note(link, "renew", decision, origin=origin)


def of(owner: Person, *, at: datetime) -> list[Standing]:
    """All of hers, newest first. Two queries."""
    return _standings(owner.health_links.defer("frozen").select_related("owner").order_by("-made"), at=at)


def one(owner: Person, uid: UUID, *, at: datetime) -> Standing | None:
    """One of hers; None for anybody else's."""
    return next(iter(_standings(owner.health_links.select_related("owner").filter(pk=uid), at=at)), None)


def address(standing: Standing) -> Address:
    """What opens it: whoever has this has what is behind it. Raises keys.KeyUnavailable."""
    link = standing.link
    held = json.loads(sealing.open_secret(link.owner_id, _secret(link.uid), bytes(link.sealed)))
    ends = standing.decision.ends
    text = health_links.written(
        f"{settings.PUBLIC_URL}{PATH}{held['token']}",
        key(link),
        flag=link.flag,
        label=link.label,
        expires=int(ends.timestamp()) if ends else None,
    )
    return Address(text, f"{settings.PUBLIC_URL}{VIEWER}#{text}", held["passcode"])


def key(link: HealthLink) -> bytes:
    """What seals every file of this link, made anew. Raises keys.KeyUnavailable."""
    return sealing.handed_out(link.owner_id, f"health link {link.uid}")


def is_passcode(link: HealthLink, passcode: str) -> bool:
    """Whether this is the passcode of the link."""
    held = json.loads(sealing.open_secret(link.owner_id, _secret(link.uid), bytes(link.sealed)))
    return secrets.compare_digest(held["passcode"].encode(), passcode.encode())


def frozen(link: HealthLink) -> contents.Written:
    """What was in it when she made it. Raises keys.KeyUnavailable."""
    assert link.frozen is not None, "only of a frozen one"
    packed = decompress(sealing.open_secret(link.owner_id, _content(link.uid), bytes(link.frozen)))
    types, _, data = packed.partition(b"\n")
    return contents.Written(data, json.loads(types))


def digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _packed(written: contents.Written) -> bytes:
    return json.dumps(written.types) + b"\n" + written.data


def _standings(links: Iterable[HealthLink], *, at: datetime) -> list[Standing]:
    held = list(links)
    newest = ledger.newest_of_each((str(each.uid) for each in held), kind=Grantee.LINK) if held else {}
    return [
        Standing(each, decision, _state(each, decision, at)) for each in held if (decision := newest[str(each.uid)])
    ]


def _state(link: HealthLink, decision: Decision, at: datetime) -> State:
    if decision.act == Act.WITHDRAW:
        return State.STOPPED
    if link.tries == 0:
        return State.LOCKED
    return State.OPEN if ledger.lets_read(decision, at=at) else State.ENDED


def _secret(uid: UUID) -> str:
    return f"health-link|{uid}"


def _content(uid: UUID) -> str:
    return f"health-link-content|{uid}"


def _note(
    link: HealthLink, interaction: str, decision: Decision, *, origin: str, types: dict[str, int] | None = None
) -> None:
    owner = link.owner
    events.append(
        owner_id=owner.pk,
        action=Action.EXECUTE,
        interaction=interaction,
        agent_kind=Agent.OWNER,
        agent=str(owner.subject),
        agent_name=owner.name,
        consent_id=decision.pk,
        origin=origin,
        detail={"link": str(link.uid), "name": link.label, **({"types": types} if types else {})},
    )
