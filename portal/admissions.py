"""An app she let in, in words: what it may see and write, since when, until when, and whether it still does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from consent import contributions
from gateway import wording
from gateway.models import Authorization
from gateway.scopes import reading
from portal import names, when
from standards.smart import scopes
from standards.smart.scopes import InvalidScope, NamedScope, ResourceScope


@dataclass(frozen=True)
class Admission:
    pk: int
    name: str
    description: str
    sees: tuple[str, ...]
    writes: tuple[str, ...]
    since: str
    until: str
    used: str
    live: bool


def of(authorization: Authorization, *, at: datetime) -> Admission:
    live = authorization.revoked is None and authorization.expires > at
    ended = min(authorization.revoked or authorization.expires, authorization.expires)
    return Admission(
        pk=authorization.pk,
        name=authorization.application.name,
        description=authorization.application.description,
        sees=tuple(dict.fromkeys(_sees(authorization.scopes))),
        writes=tuple(dict.fromkeys(_writes(authorization.scopes))),
        since=when.moment(authorization.created),
        until=when.moment(authorization.expires if live else ended),
        used=when.moment(authorization.last_used) or _("not yet"),
        live=live,
    )


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
