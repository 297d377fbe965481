"""A delegation in words, for either side: who, what, since when, until when, and what can be done about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Person
from consent.delegations import Standing, State
from consent.models import Decision, Relationship
from consent.terms import Terms
from portal import admissions, when
from portal.choosing import WHOLE

_STATES: dict[State, str | Promise] = {
    State.WAITING: gettext_lazy("waits for an answer"),
    State.LAPSED: gettext_lazy("was never answered"),
    State.DECLINED: gettext_lazy("said no"),
    State.ACTIVE: gettext_lazy("active"),
    State.PAUSED: gettext_lazy("paused"),
    State.ENDED: gettext_lazy("ended"),
}


@dataclass(frozen=True)
class Delegate:
    """``mine``: she gave it, else she holds it. ``open``: it can still be ended. ``apps``: may let apps in too."""

    uid: UUID
    mine: bool
    name: str
    email: str
    owner: str
    relationship: str
    guardian: bool
    state: str
    says: str | Promise
    sees: tuple[str, ...]
    limits: tuple[str, ...]
    since: str
    until: str
    open: bool
    renewable: bool
    apps: bool


def of(standing: Standing, person: Person) -> Delegate:
    """As this person, one of the two, sees it."""
    delegation, decision = standing.delegation, standing.decision
    is_open = standing.state in (State.WAITING, State.ACTIVE, State.PAUSED)
    return Delegate(
        uid=delegation.uid,
        mine=delegation.owner_id == person.pk,
        name=delegation.name,
        email=delegation.email,
        owner=delegation.owner.name or delegation.owner.email,
        relationship=str(Relationship(delegation.relationship).label),
        guardian=delegation.guardian,
        state=standing.state.value,
        says=_STATES[standing.state],
        sees=_sees(decision, mine=delegation.owner_id == person.pk),
        limits=tuple(admissions.limits(Terms.of(decision.terms))),
        since=when.moment(delegation.accepted or delegation.invited),
        until=when.moment(decision.ends if is_open else decision.ends or delegation.declined or decision.decided),
        open=is_open,
        renewable=standing.state is State.ACTIVE and not delegation.guardian,
        apps=Terms.of(decision.terms).apps,
    )


def _sees(decision: Decision, *, mine: bool) -> tuple[str, ...]:
    """Also of one that is withdrawn, what it let see."""
    granted = decision.scopes_granted or decision.scopes_refused
    return (_("The whole record"),) if WHOLE in granted and not mine else admissions.sees(granted)


def all_of(standings: Iterable[Standing], person: Person) -> list[Delegate]:
    return [of(standing, person) for standing in standings]
