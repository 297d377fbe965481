"""What an app did in the last thirty days, and which of the scopes it asked for it used. Of no person."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway import usage
from gateway.models import Application, Authorization, Usage
from standards.smart import scopes as grammar
from standards.smart.scopes import InvalidScope, ResourceScope

DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class ScopeUse:
    """One scope the app may ask for: how many of today's permissions hold it, how many requests needed it."""

    scope: str
    granted: int
    used: int


@dataclass(frozen=True, slots=True)
class Statistics:
    days: list[Usage]
    tokens: int
    calls: int
    errors: int
    people: int
    scopes: list[ScopeUse]


def of(application: Application, *, at: datetime) -> Statistics:
    days = usage.of(application.pk, days=DAYS, at=at)
    used = sum((Counter(day.used) for day in days), Counter[str]())
    granted = Counter[str]()
    live = Authorization.objects.live(at=at).filter(application=application)
    people = 0
    for held in live.values_list("scopes", flat=True).iterator():
        people += 1
        granted.update(held)
    return Statistics(
        days=days,
        tokens=sum(day.tokens for day in days),
        calls=sum(day.calls for day in days),
        errors=sum(day.errors for day in days),
        people=people,
        scopes=[_use(text, granted, used) for text in application.scopes.split()],
    )


def _use(text: str, granted: Counter[str], used: Counter[str]) -> ScopeUse:
    """A permission given under the scope counts for it too: she may have granted a part of what was asked."""
    try:
        scope = grammar.parse(text)
    except InvalidScope:
        return ScopeUse(text, 0, 0)
    held = sum(number for other, number in granted.items() if grammar.covers(scope, grammar.parse(other)))
    needed = sum(number for permission, number in used.items() if _is_under(scope, permission))
    return ScopeUse(text, held, needed)


def _is_under(scope: grammar.Scope, permission: str) -> bool:
    kind, _, letter = permission.partition(".")
    return isinstance(scope, ResourceScope) and grammar.permits(scope, kind, letter)
