"""SMART scopes, v1 and v2, parsed once into values (SMART App Launch 2.2, "Scopes and launch context")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, unquote

LEVELS: Final = ("patient", "user", "system")
PERMISSIONS: Final = "cruds"
"""create, read, update, delete, search, in the order the grammar demands."""

NAMED: Final = (
    "openid",
    "fhirUser",
    "profile",
    "launch",
    "launch/patient",
    "launch/encounter",
    "offline_access",
    "online_access",
)
MAX_LENGTH: Final = 1000

_V1: Final = {"read": "rs", "write": "cud", "*": "cruds"}
_V1_WORD: Final = {permissions: word for word, permissions in _V1.items()}
_RESOURCE: Final = re.compile(
    r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.(read|write|\*|c?r?u?d?s?)(?:\?(.+))?",
    re.ASCII | re.DOTALL,
)
_PARAMETER: Final = re.compile(r"_?[A-Za-z][A-Za-z0-9\-]*", re.ASCII)
_EXTENSION: Final = re.compile(r"__[a-z][a-z0-9_]{0,40}", re.ASCII)
_TOKEN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 3.3, scope-token
_BARE: Final = "!$'()*,/:;?@[]|~"  # in a filter's value, written as they are; the rest is percent-encoded
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")

US_CORE_GRANULAR: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "Condition": (
            "http://terminology.hl7.org/CodeSystem/condition-category|encounter-diagnosis",
            "http://terminology.hl7.org/CodeSystem/condition-category|problem-list-item",
            "http://hl7.org/fhir/us/core/CodeSystem/condition-category|health-concern",
        ),
        "Observation": (
            "http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
            "http://terminology.hl7.org/CodeSystem/observation-category|social-history",
            "http://terminology.hl7.org/CodeSystem/observation-category|vital-signs",
            "http://terminology.hl7.org/CodeSystem/observation-category|survey",
            "http://hl7.org/fhir/us/core/CodeSystem/us-core-category|sdoh",
        ),
        "DocumentReference": (
            "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category|clinical-note",
        ),
    }
)
"""Type to the values of ``category`` that US Core 6.1 and 7.0 name as granular scopes (its scopes.md)."""


class InvalidScope(ValueError):
    """The text is no scope we know. The message says why."""


@dataclass(frozen=True, slots=True)
class ResourceScope:
    """``patient/Observation.rs?category=…``: what may be done (letters in ``cruds`` order) with which resources.

    ``filters`` are (search parameter, decoded value) pairs that all must match. ``v1`` scopes are said back as v1.
    """

    level: str
    resource: str
    permissions: str
    filters: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    v1: bool = False

    def __str__(self) -> str:
        permissions = _V1_WORD[self.permissions] if self.v1 else self.permissions
        scope = f"{self.level}/{self.resource}.{permissions}"
        pairs = [f"{name}={quote(value, safe=_BARE)}" for name, value in sorted(self.filters)]
        return f"{scope}?{'&'.join(pairs)}" if pairs else scope


@dataclass(frozen=True, slots=True)
class NamedScope:
    """A scope that is only its name: identity, launch context, refresh (one of NAMED), or an extension (``__name``)."""

    name: str

    def __str__(self) -> str:
        return self.name


Scope = ResourceScope | NamedScope


@lru_cache(maxsize=8192)
def parse(text: str) -> Scope:
    """One scope. Raises InvalidScope for unknown words, letters out of order, v1 with filters, modifiers, chains."""
    if text in NAMED or _EXTENSION.fullmatch(text):
        return NamedScope(text)
    if not text:
        raise InvalidScope("an empty scope")
    if len(text) > MAX_LENGTH or not _TOKEN.fullmatch(text):
        raise InvalidScope("too long, or characters that no scope may have")
    written = _RESOURCE.fullmatch(text)
    if written is None:
        raise InvalidScope("neither a resource scope nor a known name")
    level, resource, word, query = written.groups()
    if not word:
        raise InvalidScope("a resource scope without permissions")
    if word not in _V1:
        return ResourceScope(level, resource, word, _filters(query))
    if query is not None:
        raise InvalidScope("a v1 scope takes no filters")
    return ResourceScope(level, resource, _V1[word], v1=True)


def _filters(query: str | None) -> frozenset[tuple[str, str]]:
    return frozenset() if query is None else frozenset(_filter(pair) for pair in query.split("&"))


def _filter(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not (equals and value and _PARAMETER.fullmatch(name)) or name == "_filter":
        raise InvalidScope("a filter is parameter=value, without modifier, chain or _filter")
    if _BROKEN_ESCAPE.search(value):
        raise InvalidScope("a broken percent-escape in a filter")
    try:
        return name, unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise InvalidScope("a filter that is no UTF-8") from None


def parse_all(text: str) -> tuple[Scope, ...]:
    """The scopes of a space-separated list, each once, in order. Raises InvalidScope, also for an empty one."""
    return tuple(dict.fromkeys(parse(part) for part in text.split(" ")))


def covers(wider: Scope, narrower: Scope) -> bool:
    """Whether ``wider`` allows everything ``narrower`` does; a named scope covers only itself."""
    if not (isinstance(wider, ResourceScope) and isinstance(narrower, ResourceScope)):
        return wider == narrower
    return (
        wider.level == narrower.level
        and wider.resource in ("*", narrower.resource)
        and set(wider.permissions) >= set(narrower.permissions)
        and wider.filters <= narrower.filters
    )


def permits(scope: Scope, resource_type: str, letter: str) -> bool:
    """Whether the scope reaches this type with this one interaction letter; its filters are still to be applied."""
    return isinstance(scope, ResourceScope) and scope.resource in ("*", resource_type) and letter in scope.permissions


def common(one: ResourceScope, other: ResourceScope) -> ResourceScope | None:
    """What both allow, at the level of ``one``; None if that is nothing. Filters add up: all of them must match."""
    letters = "".join(letter for letter in one.permissions if letter in other.permissions)
    if not letters or not ("*" in (one.resource, other.resource) or one.resource == other.resource):
        return None
    resource = other.resource if one.resource == "*" else one.resource
    return ResourceScope(one.level, resource, letters, one.filters | other.filters)


def granular(level: str, *, permissions: str = "rs") -> tuple[ResourceScope, ...]:
    """US Core's category scopes at one level."""
    return tuple(
        ResourceScope(level, resource, permissions, frozenset({("category", value)}))
        for resource, values in US_CORE_GRANULAR.items()
        for value in values
    )
