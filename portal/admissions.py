"""An app she let in, in words: what it may see, since when, until when, and whether it still does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from gateway import wording
from gateway.models import Authorization
from portal import names, when
from standards.smart import scopes
from standards.smart.scopes import InvalidScope, NamedScope, ResourceScope


@dataclass(frozen=True)
class Admission:
    pk: int
    name: str
    description: str
    sees: tuple[str, ...]
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
        since=when.moment(authorization.created),
        until=when.moment(authorization.expires if live else ended),
        used=when.moment(authorization.last_used) or _("not yet"),
        live=live,
    )


def _sees(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        try:
            scope = scopes.parse(text)
        except InvalidScope:
            continue
        if isinstance(scope, ResourceScope):
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
