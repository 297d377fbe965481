"""Which resource a reference means, however it is written, and writing it as ``Type/id`` of this hospital."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from sandbox.intake import Taken
from standards.fhir import references
from standards.fhir.references import Kind


@dataclass(slots=True)
class Unresolved:
    """References kept as written because nothing that was loaded is meant: how many of each kind, and a few of them."""

    kinds: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: str, text: str) -> None:
        self.kinds[kind] += 1
        if len(self.examples[kind]) < 3 and text not in self.examples[kind]:
            self.examples[kind].append(text)


class Book:
    """The addresses of everything at hand: by ``Type/id``, by full URL, by identifier, by bare id."""

    def __init__(self, taken: Iterable[Taken], known: Iterable[str] = ()) -> None:
        self._keys: set[str] = set(known)
        self._urls: dict[tuple[int, str], str] = {}
        self._ids: dict[str, set[str]] = defaultdict(set)
        self._identifiers: dict[tuple[str, str], set[str]] = defaultdict(set)
        for one in taken:
            self._enter(one)

    def _enter(self, one: Taken) -> None:
        key = one.key
        self._keys.add(key)
        self._ids[str(one.resource["id"])].add(key)
        if one.full_url:
            self._urls[one.bundle, one.full_url] = key
            self._urls[0, one.full_url] = key
        for system, value in _identifiers(one.resource):
            kind = one.resource["resourceType"]
            self._identifiers[kind, f"{system}|{value}"].add(key)
            self._identifiers[kind, value].add(key)

    def find(self, text: str, *, bundle: int = 0) -> str | None:
        """``Type/id`` of what the reference means, None if it is not at hand or could mean several."""
        named = self._urls.get((bundle, text)) or self._urls.get((0, text))
        parsed = references.parse(text)
        if named or parsed is None:
            return named
        if parsed.kind is Kind.URN:
            return _only(self._ids.get(text.rpartition(":")[2], set()))
        if parsed.kind is Kind.CONDITIONAL and parsed.type:
            return self._search(parsed.type, text.partition("?")[2])
        key = f"{parsed.type}/{parsed.id}"
        return key if key in self._keys else None

    def _search(self, kind: str, query: str) -> str | None:
        name, _, value = query.partition("=")
        if name == "_id":
            return key if (key := f"{kind}/{value}") in self._keys else None
        if name != "identifier" or "&" in value:
            return None
        found = self._identifiers.get((kind, value)) or self._identifiers.get((kind, unquote(value)))
        return _only(found or set())


def rewrite(one: Taken, book: Book, unresolved: Unresolved) -> list[str]:
    """Writes the resource's references as ``Type/id``, in place; gives those that now point at something at hand."""
    found: list[str] = []

    def translate(text: str) -> str | None:
        key = book.find(text, bundle=one.bundle)
        if key is None:
            parsed = references.parse(text)
            unresolved.add(parsed.kind.value if parsed else Kind.ODD.value, text)
        else:
            found.append(key)
        return key

    references.rewrite(one.resource, translate)
    return found


def _identifiers(resource: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    listed = resource.get("identifier")
    for identifier in listed if isinstance(listed, list) else [listed]:
        if isinstance(identifier, dict) and isinstance(identifier.get("value"), str):
            system = identifier.get("system")
            yield (system if isinstance(system, str) else ""), identifier["value"]


def _only(keys: set[str]) -> str | None:
    return next(iter(keys)) if len(keys) == 1 else None
