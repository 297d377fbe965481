"""What a Provenance tells a reader: of the records it names, only those this reader may see (docs/adr/0009).

A Provenance names records by their type and id, often a whole visit or a whole record at once, so that it alone would
tell that there is a condition, or a sensitive record, which the reader may not know of. What may not be seen is taken
out of the list before it leaves, before it is searched and before it is counted; one that then names nothing is not
there. Nothing marks the gap: the mark would tell of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from records.rules import Rule
from standards.fhir import references

KIND: Final = "Provenance"
_NAMING: Final = (("target", None), ("entity", "what"))
"""The elements that name records: a list of references, or of what holds one."""
_ELSEWHERE: Final = frozenset({references.Kind.FOREIGN, references.Kind.URN, references.Kind.CONTAINED})
_OF_THE_WHOLE: Final = ("text", "signature")
"""What tells of all that is named, and is no longer true of a part of it."""


def hides_any(rules: Collection[Rule]) -> bool:
    """Whether there may be records these rules do not admit: then each Provenance has to be looked through."""
    return not any(rule == Rule() for rule in rules)


def named(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(type, id) of each record of the same person that it names."""
    for element, within in _NAMING:
        for one in _listed(resource, element):
            name = _record(one, within)
            if name is not None:
                yield name


def told(resource: dict[str, Any], visible: Collection[tuple[str, str]]) -> dict[str, Any] | None:
    """The Provenance as far as it names what is visible; None when no target is left of it."""
    kept = dict(resource)
    for element, within in _NAMING:
        held = _listed(resource, element)
        stay = [one for one in held if _stays(one, within, visible)]
        if len(stay) == len(held):
            continue
        kept = {name: value for name, value in kept.items() if name not in (element, *_OF_THE_WHOLE)}
        if stay:
            kept[element] = stay
    return kept if kept.get("target") else None


def _listed(resource: dict[str, Any], element: str) -> list[Any]:
    value = resource.get(element)
    return value if isinstance(value, list) else []


def _stays(one: Any, within: str | None, visible: Collection[tuple[str, str]]) -> bool:
    """A record of hers if it is visible; what lies elsewhere, inside or nowhere is no record that could be hidden.

    A target or source that is only described, not referred to, may describe what is hidden.
    """
    name = _record(one, within)
    if name is not None:
        return name in visible
    parsed = references.parse(_reference(one, within) or "")
    return parsed is not None and parsed.kind in _ELSEWHERE


def _record(one: Any, within: str | None) -> tuple[str, str] | None:
    parsed = references.parse(_reference(one, within) or "")
    if parsed is None or parsed.kind is not references.Kind.RELATIVE or not (parsed.type and parsed.id):
        return None
    return parsed.type, parsed.id


def _reference(one: Any, within: str | None) -> Any:
    held = one.get(within) if within and isinstance(one, dict) else one
    return held.get("reference") if isinstance(held, dict) else None
