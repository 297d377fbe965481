"""The doors by which somebody comes to her record, and where she shuts each: what "stop this" leads to.

A door is who came in: (kind of agent, agent), as the access log names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import Person
from audit.models import Agent
from consent import delegations
from consent.delegations import State
from consent.models import Grantee
from gateway import authorizations
from sharing import links
from sync import connections
from sync.models import ConnectionState

Door = tuple[str, str]


@dataclass(frozen=True)
class Handle:
    """``shut``: the page that ends it, "" where it has ended. ``name``: of the app or hospital."""

    name: str
    shut: str


def of(person: Person, *, at: datetime) -> dict[Door, Handle]:
    """Hers: what is open can be shut, what was shut is still named, so that the log can be asked for it."""
    found: dict[Door, Handle] = {(Agent.OWNER, ""): Handle(_("You"), "")}
    for each in authorizations.of(person):
        door = (str(Agent.APP), each.application.client_id)
        live = each.revoked is None and each.expires > at
        if live or door not in found:
            found[door] = Handle(each.application.name, reverse("portal:withdraw_app", args=[each.pk]) if live else "")
    for each in authorizations.by_delegates(person):
        # Both let the same app in: the log can be asked for it by one name, and each is shut by itself.
        found.setdefault((str(Agent.APP), each.application.client_id), Handle(each.application.name, ""))
        door = of_delegate(str(each.subject), each.application.client_id)
        live = each.revoked is None and each.expires > at
        if live or door not in found:
            found[door] = Handle(each.application.name, reverse("portal:withdraw_app", args=[each.pk]) if live else "")
    for connection in connections.of(person).select_related("hospital__source"):
        door = (str(Agent.SOURCE), connection.hospital.source.url[:120])
        live = connection.state != ConnectionState.STOPPED
        if live or door not in found:
            shut = reverse("portal:stop_hospital", args=[connection.pk]) if live else ""
            found[door] = Handle(connection.hospital.name, shut)
    found |= _people(person, at=at) | _links(person, at=at)
    # Whoever knew a password, or tried to guess it, is shut out by a new one.
    found[(Agent.UNKNOWN, "")] = Handle(_("Somebody with a wrong password"), reverse("account_change_password"))
    return found


def _people(person: Person, *, at: datetime) -> dict[Door, Handle]:
    found: dict[Door, Handle] = {}
    for standing in delegations.given(person, at=at):
        delegation = standing.delegation
        if delegation.delegate is not None:
            live = standing.state in (State.ACTIVE, State.PAUSED)
            door = (str(Agent.DELEGATE), str(delegation.delegate.subject))
            if live or door not in found:
                shut = reverse("portal:end_delegation", args=[delegation.uid]) if live else ""
                found[door] = Handle(delegation.name, shut)
    return found


def _links(person: Person, *, at: datetime) -> dict[Door, Handle]:
    return {
        (str(Agent.LINK), str(each.link.uid)): Handle(
            each.link.label,
            reverse("portal:stop_link", args=[each.link.uid]) if each.state is links.State.OPEN else "",
        )
        for each in links.of(person, at=at)
    }


def of_delegate(subject: str, client_id: str) -> Door:
    """An app that somebody let in who acts for the owner; no kind of agent is called so."""
    return (str(Grantee.DELEGATE_APP), f"{subject} {client_id}")


def receipts(person: Person) -> Mapping[int, str]:
    """Where each decision that an app stands on can be read, by its number."""
    apps = [*authorizations.of(person), *authorizations.by_delegates(person)]
    return {each.decision_id: reverse("portal:receipt", args=[each.pk]) for each in apps}
