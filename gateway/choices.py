"""What she can tick on the consent page, and what her ticks grant.

Each asked scope is taken apart into boxes: one per kind of record, and for Observations, Conditions and documents one
per category that US Core names, offered also when the app asked coarsely. What an app wants to write has boxes of its
own: one for each kind it would add, change or remove. A scope is granted as the app spelt it when every box under it is
ticked; otherwise only the narrower scopes of the ticked boxes are. Unticking never widens.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from consent import contributions
from gateway import scopes
from standards.smart import scopes as grammar
from standards.smart.scopes import NamedScope, ResourceScope

WHO_SHE_IS: Final = "identity"
KEEP_ACCESS: Final = "offline"
STAY: Final = "online"
EVERYTHING_ELSE: Final = "*"


@dataclass(frozen=True, slots=True)
class Box:
    """One choice. ``key`` is its value in the form. ``category`` is ``system|code`` or empty.

    ``rest`` marks what is in none of the categories, or of a kind not listed: no scope can name that alone, so it is
    granted only together with all boxes beside it.
    """

    key: str
    resource: str
    category: str = ""
    rest: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """One choice about writing. ``letter`` is c, u or d; ``category`` is ``system|code`` or empty."""

    letter: str
    resource: str
    category: str = ""

    @property
    def key(self) -> str:
        """Its value in the form."""
        return f"{self.letter}:{self.resource}?{self.category}" if self.category else f"{self.letter}:{self.resource}"


def wishes(offered: Iterable[str]) -> tuple[Wish, ...]:
    """What the app would write, each once: first what it would add, then change, then remove."""
    found = {wish: None for scope in _resource_scopes(offered) for wish in _wishes(scope)}
    return tuple(
        sorted(found, key=lambda wish: (contributions.LETTERS.index(wish.letter), _place(wish.resource), wish.key))
    )


def _wishes(scope: ResourceScope) -> list[Wish]:
    category = next((value for _, value in sorted(scope.filters)), "")
    return [Wish(letter, scope.resource, category) for letter in scope.permissions if letter in contributions.LETTERS]


def boxes(offered: Iterable[str]) -> tuple[Box, ...]:
    """The boxes of all offered resource scopes, each once, in the order of the page."""
    found = {box: None for scope in _resource_scopes(offered) for box in _made_for(scope)}
    return tuple(sorted(found, key=_order))


def granted(offered: Iterable[str], ticked: Collection[str]) -> list[str]:
    """The scopes that these ticks grant. ``launch/patient`` follows by itself when any record is granted."""
    offered = list(offered)
    page = boxes(offered)
    records: dict[str, None] = {}
    for text in offered:
        scope = grammar.parse(text)
        if isinstance(scope, ResourceScope):
            kept = _granted_of(scope, page, ticked)
            records.update((text if one == scope else str(one), None) for one in kept)
    named = [text for text in offered if _names(text) and _is_ticked(text, ticked, bool(records))]
    return [*named, *records]


def is_worth_granting(given: Iterable[str]) -> bool:
    """Whether anything was granted that an app can use: records, or who she is."""
    return any(text == scopes.OPENID or not _names(text) for text in given)


def _names(text: str) -> bool:
    return isinstance(grammar.parse(text), NamedScope)


def _is_ticked(text: str, ticked: Collection[str], any_record: bool) -> bool:
    if text in (scopes.OPENID, scopes.FHIR_USER):
        return WHO_SHE_IS in ticked
    if text == scopes.OFFLINE_ACCESS:
        return KEEP_ACCESS in ticked
    if text == scopes.LAUNCH:
        return any_record or WHO_SHE_IS in ticked
    if text == scopes.ONLINE_ACCESS:
        return STAY in ticked
    return any_record


def _resource_scopes(offered: Iterable[str]) -> list[ResourceScope]:
    return [scope for text in offered if isinstance(scope := grammar.parse(text), ResourceScope)]


def _granted_of(scope: ResourceScope, page: tuple[Box, ...], ticked: Collection[str]) -> list[ResourceScope]:
    """What remains of one scope: what it may read and what it may write, in one scope again where that says it all."""
    writing = "".join(wish.letter for wish in _wishes(scope) if wish.key in ticked)
    reading = scopes.reading(scope)
    read = _kept(reading, page, ticked) if reading else []
    if not writing:
        return read
    if read in ([], [reading]):
        return [scopes.with_letters(scope, writing + (reading.permissions if reading and read else ""))]
    return [*read, scopes.with_letters(scope, writing)]


def _made_for(scope: ResourceScope) -> tuple[Box, ...]:
    if not scopes.reading(scope):
        return ()
    if scope.filters:
        ((_, value),) = scope.filters
        return (Box(f"{scope.resource}?{value}", scope.resource, value),)
    if scope.resource != EVERYTHING_ELSE:
        return _made_for_type(scope.resource)
    listed = tuple(box for resource in scopes.KINDS for box in _made_for_type(resource))
    return (*listed, Box(EVERYTHING_ELSE, EVERYTHING_ELSE, rest=True))


def _made_for_type(resource: str) -> tuple[Box, ...]:
    categories = grammar.US_CORE_GRANULAR.get(resource, ())
    named = tuple(Box(f"{resource}?{category}", resource, category) for category in categories)
    return (*named, Box(resource, resource, rest=bool(named)))


def _kept(scope: ResourceScope, page: tuple[Box, ...], ticked: Collection[str]) -> list[ResourceScope]:
    """What remains of a scope that reads: all boxes of the page under it count, also those another scope brought."""
    if scope.filters:
        return [scope] if all(box.key in ticked for box in _made_for(scope)) else []
    under = [box for box in page if scope.resource in (EVERYTHING_ELSE, box.resource)]
    if all(box.key in ticked for box in under):
        return [scope]
    kinds = dict.fromkeys(box.resource for box in under if box.resource != EVERYTHING_ELSE)
    return [kept for kind in kinds for kept in _kept_of_type(kind, scope, page, ticked)]


def _kept_of_type(
    resource: str, scope: ResourceScope, page: tuple[Box, ...], ticked: Collection[str]
) -> list[ResourceScope]:
    whole = replace(scope, resource=resource)
    under = [box for box in page if box.resource == resource]
    if all(box.key in ticked for box in under):
        return [whole]
    return [
        replace(whole, filters=frozenset({(scopes.FILTER, box.category)}), v1=False)
        for box in under
        if box.category and box.key in ticked
    ]


def _order(box: Box) -> tuple[int, int, str]:
    listed = grammar.US_CORE_GRANULAR.get(box.resource, ())
    among = listed.index(box.category) if box.category in listed else len(listed) + box.rest
    return _place(box.resource) + (box.resource == EVERYTHING_ELSE), among, box.key


def _place(resource: str) -> int:
    return scopes.KINDS.index(resource) if resource in scopes.KINDS else len(scopes.KINDS)
