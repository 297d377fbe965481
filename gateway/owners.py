"""Whose record an app is to have: that of who signed in, or of somebody she acts for and may let apps in for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from accounts import binding
from accounts.models import Person
from audit.models import Agent
from consent import delegations, gate, texts
from consent.delegations import Standing
from consent.models import Delegation, Grantee
from consent.terms import Terms
from gateway import scopes
from gateway.models import Application
from standards.smart import scopes as grammar
from standards.smart.scopes import ResourceScope

# What she decided, and who looked, tell which other apps she uses: neither a delegate nor an app of hers is told.
_HERS_ALONE = (gate.CONSENT, gate.AUDIT_EVENT)


@dataclass(frozen=True, slots=True)
class Chosen:
    """``person`` answers, and ``owner`` is whose record it is. For somebody else's there is the ``delegation``, what it
    lets the person see (``bounds``), and its end (``until``).
    """

    person: Person
    owner: Person
    delegation: Delegation | None = None
    bounds: gate.Bounds | None = None
    until: datetime | None = None

    @property
    def name(self) -> str:
        return self.owner.name or self.owner.email

    @property
    def kind(self) -> Grantee:
        """What the app is in the owner's ledger."""
        return Grantee.APP if self.delegation is None else Grantee.DELEGATE_APP

    def grantee(self, application: Application) -> str:
        if self.delegation is None:
            return str(application.client_id)
        return delegations.grantee_of_app(self.delegation.uid, application.client_id)

    @property
    def agent(self) -> Agent:
        return Agent.OWNER if self.delegation is None else Agent.DELEGATE

    @property
    def text(self) -> str:
        """The version of the text that stands before the person."""
        return texts.SHARING if self.delegation is None else texts.SHARING_FOR_ANOTHER

    def offered(self, asked: Iterable[str]) -> list[str]:
        """What of the asked scopes this person can give: of somebody else's record, to read what she may see there."""
        if self.bounds is None:
            return list(asked)
        return [text for text in scopes.offerable(asked, _policy(self.bounds)) if not _is_hers_alone(text)]

    def narrowed(self, terms: Terms) -> Terms:
        return terms if self.bounds is None else terms.within(self.bounds.terms)

    def end(self, ends: datetime) -> datetime:
        return ends if self.until is None else min(ends, self.until)


def own(person: Person) -> Chosen:
    return Chosen(person, person)


def others(person: Person, application: Application, *, at: datetime) -> list[Standing]:
    """The delegations by which this person may let this app in. Two queries."""
    held = delegations.held(person, at=at)
    return [one for one in held if one.lets_apps_in and application.admits(one.delegation.owner)]


def of(person: Person, uid: UUID, application: Application, *, at: datetime) -> Chosen | None:
    """The record of whom she acts for by this delegation; None if she may not, or not any more, let this app in."""
    standing = delegations.of(person, uid, at=at)
    if standing is None or not standing.lets_apps_in or not application.admits(standing.delegation.owner):
        return None
    owner = standing.delegation.owner
    try:
        with binding.bound(owner.pk):
            bounds = gate.letting_in(owner.pk, person_id=person.pk, delegation=str(uid), at=at)
    except gate.ConsentMissing:
        return None
    binding.look_at(owner.pk)
    return Chosen(person, owner, standing.delegation, bounds, standing.decision.ends)


def _policy(bounds: gate.Bounds) -> list[str]:
    """What she could give at most: the named scopes, and what she may see, at either level an app may ask for."""
    held = [scope for scope in bounds.scopes if isinstance(scope, ResourceScope)]
    seen = [str(replace(scope, level=level, v1=False)) for level in scopes.LEVELS for scope in held]
    return [*scopes.NAMED, *seen]


def _is_hers_alone(text: str) -> bool:
    scope = grammar.parse(text)
    return isinstance(scope, ResourceScope) and scope.resource in _HERS_ALONE
