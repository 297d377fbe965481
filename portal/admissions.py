"""An app she let in, in words: what it may see and write, since when, until when, and whether it still does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.models import Person
from consent import contributions, delegations
from consent.models import Delegation
from consent.terms import Terms
from gateway import authorizations, wording
from gateway.models import Application, Authorization
from gateway.scopes import OPENID, reading
from portal import names, sources, when
from standards.smart import scopes
from standards.smart.scopes import InvalidScope, NamedScope, ResourceScope


@dataclass(frozen=True)
class Admission:
    """``delegate``: who let it in, told to the owner; ``owner``: whose record it sees, told to the delegate; else "".

    ``idle``: why it sees nothing now although it is live, or "". ``stoppable``: for now, and to be let go on.
    """

    pk: int
    application: Application
    delegate: str
    owner: str
    idle: str
    stoppable: bool
    name: str
    description: str
    sees: tuple[str, ...]
    writes: tuple[str, ...]
    since: str
    until: str
    used: str
    live: bool
    paused: bool
    renewable: bool
    limits: tuple[str, ...]


def listed(person: Person, *, at: datetime) -> list[Admission]:
    """All that this person is to know of: apps she let in, and those that people who act for her let in."""
    own = [of(each, person, at=at) for each in authorizations.of(person)]
    acting = [*authorizations.by_delegates(person), *authorizations.for_others(person)]
    states = _states(person, at=at) if acting else {}
    return [*own, *(of(each, person, at=at, states=states) for each in acting)]


def _states(person: Person, *, at: datetime) -> dict[UUID, bool]:
    """Which delegations she gave or holds let their holders' apps in now; of the others the gate lets none read."""
    standings = [*delegations.given(person, at=at), *delegations.held(person, at=at)]
    return {each.delegation.uid: each.lets_apps_in for each in standings}


def of(
    authorization: Authorization, person: Person, *, at: datetime, states: Mapping[UUID, bool] = MappingProxyType({})
) -> Admission:
    """As this person sees it: whose record it is, or who let it in.

    ``limits`` are the terms beyond the kinds: from where, of which time, which sensitive kinds she included.
    ``states``: which delegations still let apps in.
    """
    live = authorization.revoked is None and authorization.expires > at
    mine = authorization.person_id == person.pk
    delegated = authorization.delegation
    ended = min(authorization.revoked or authorization.expires, authorization.expires)
    return Admission(
        pk=authorization.pk,
        application=authorization.application,
        delegate=delegated.name if delegated and not mine else "",
        owner=_called(authorization.about) if delegated and mine else "",
        idle=_idle(delegated, states) if live else "",
        stoppable=not (delegated and mine),
        name=authorization.application.name,
        description=authorization.application.description,
        sees=sees(authorization.scopes) if delegated is None else _sees_of_another(authorization.scopes),
        writes=writes(authorization.scopes),
        since=when.moment(authorization.created),
        until=when.moment(authorization.expires if live else ended),
        used=when.moment(authorization.last_used) or _("not yet"),
        live=live,
        paused=live and authorization.paused is not None,
        renewable=mine and authorizations.is_renewable(authorization),
        limits=tuple(limits(Terms.of(authorization.decision.terms))),
    )


def _sees_of_another(scopes_granted: Iterable[str]) -> tuple[str, ...]:
    """The same for two readers, of whom the record is one's and the sign-in the other's."""
    told = sees(text for text in scopes_granted if text != OPENID)
    return tuple(_("The whole record") if each == _("Everything in your record") else each for each in told)


def _called(person: Person | None) -> str:
    return "" if person is None else person.name or person.email


def _idle(delegation: Delegation | None, states: Mapping[UUID, bool]) -> str:
    if delegation is None or states.get(delegation.uid, True):
        return ""
    return _("sees nothing: who let it in may not act now")


def limits(terms: Terms) -> Iterator[str]:
    """What she narrowed, in words; nothing where she did not."""
    if terms.sources is not None:
        called = ", ".join(sources.names(terms.sources).values())
        yield _("only from %(sources)s") % {"sources": called} if called else _("from none of your sources")
    if terms.since is not None:
        yield _("only from %(day)s on") % {"day": when.day(terms.since)}
    if terms.until is not None:
        yield _("only until %(day)s") % {"day": when.day(terms.until - 1)}
    if terms.labels:
        chosen = ", ".join(str(wording.sensitivity(label)) for label in sorted(terms.labels))
        yield _("sensitive records included: %(kinds)s") % {"kinds": chosen}


def _parsed(texts: Iterable[str]) -> Iterator[scopes.Scope]:
    for text in texts:
        try:
            yield scopes.parse(text)
        except InvalidScope:
            continue


def _writes(texts: Iterable[str]) -> Iterator[str]:
    """What it may add, change or remove; a kind stands once, whichever of these it is."""
    for scope in _parsed(texts):
        if isinstance(scope, ResourceScope) and set(scope.permissions) & set(contributions.LETTERS):
            yield from _kinds(scope)


def sees(scopes_granted: Iterable[str]) -> tuple[str, ...]:
    """What these scopes let read, in words, each once."""
    return tuple(dict.fromkeys(_sees(scopes_granted)))


def writes(scopes_granted: Iterable[str]) -> tuple[str, ...]:
    """What these scopes let write, in words, each once."""
    return tuple(dict.fromkeys(_writes(scopes_granted)))


def _sees(texts: Iterable[str]) -> Iterator[str]:
    for scope in _parsed(texts):
        if isinstance(scope, ResourceScope):
            if reading(scope):
                yield from _kinds(scope)
        elif isinstance(scope, NamedScope) and scope.name == "openid":
            yield str(wording.WHO_SHE_IS.name)


def _kinds(scope: ResourceScope) -> Iterator[str]:
    if scope.resource == "*" and not scope.filters:
        yield _("Everything in your record")
    elif not scope.filters:
        kind = wording.KINDS.get(scope.resource)
        yield str(kind.name if kind else names.type_name(scope.resource))
    for _code, value in sorted(scope.filters):
        code = value.rpartition("|")[2]
        yield str(wording.CATEGORIES.get(code) or names.CATEGORIES.get(code) or code)
