"""What she can tick on the consent page, and what her ticks grant.

Each asked scope is taken apart into boxes: one per kind of record, and for Observations, Conditions and documents one
per category that US Core names, offered also when the app asked coarsely. A scope is granted as the app spelt it when
every box under it is ticked; otherwise only the narrower scopes of the ticked boxes are. Unticking never widens.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from gateway import scopes
from standards.smart import scopes as grammar
from standards.smart.scopes import NamedScope, ResourceScope

WHO_SHE_IS: Final = "identity"
KEEP_ACCESS: Final = "offline"
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
            records.update((kept, None) for kept in _kept(text, scope, page, ticked))
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
    return any_record


def _resource_scopes(offered: Iterable[str]) -> list[ResourceScope]:
    return [scope for text in offered if isinstance(scope := grammar.parse(text), ResourceScope)]


def _made_for(scope: ResourceScope) -> tuple[Box, ...]:
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


def _kept(text: str, scope: ResourceScope, page: tuple[Box, ...], ticked: Collection[str]) -> list[str]:
    """What remains of one scope: all boxes of the page under it count, also those another scope brought there."""
    if scope.filters:
        return [text] if all(box.key in ticked for box in _made_for(scope)) else []
    under = [box for box in page if scope.resource in (EVERYTHING_ELSE, box.resource)]
    if all(box.key in ticked for box in under):
        return [text]
    kinds = dict.fromkeys(box.resource for box in under if box.resource != EVERYTHING_ELSE)
    return [str(kept) for kind in kinds for kept in _kept_of_type(kind, scope, page, ticked)]


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
    place = scopes.KINDS.index(box.resource) if box.resource in scopes.KINDS else len(scopes.KINDS)
    listed = grammar.US_CORE_GRANULAR.get(box.resource, ())
    among = listed.index(box.category) if box.category in listed else len(listed) + box.rest
    return place + (box.resource == EVERYTHING_ELSE), among, box.key
