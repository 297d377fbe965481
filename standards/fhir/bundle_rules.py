"""What must be true of a Bundle as a whole (R4 bundle.html): its links, its addresses, and what a search may return.

Whether references resolve inside it is not looked at here: that is asked where a transaction or a document is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from standards.fhir import references

_ONCE: Final = frozenset({"self", "first", "previous", "prev", "next", "last"})
_OF_SEARCHES: Final = frozenset({"searchset", "history"})

Said = tuple[str, int, str, str]
"""(``link`` or ``entry``, its index, the field below it, what is wrong)."""


def problems(bundle: Mapping[str, Any]) -> Iterator[Said]:
    """Everything that is wrong with it; nothing about what is no object at all."""
    yield from _of_links(bundle)
    addresses: set[tuple[str, str]] = set()
    for index, entry in _objects(bundle, "entry"):
        address, resource = entry.get("fullUrl"), entry.get("resource")
        held = resource if resource.__class__ is dict else {}
        if address.__class__ is str:
            yield from (("entry", index, "fullUrl", said) for said in _of_address(address, held))
            named = (address, _version(held))
            if named in addresses and bundle.get("type") not in _OF_SEARCHES:
                yield "entry", index, "fullUrl", "is there twice for the same version (bdl-7)"
            addresses.add(named)
        if bundle.get("type") == "searchset" and held:
            yield from (("entry", index, "resource", said) for said in _of_match(entry, held))


def _of_links(bundle: Mapping[str, Any]) -> Iterator[Said]:
    seen: set[str] = set()
    for index, link in _objects(bundle, "link"):
        relation = link.get("relation")
        if relation.__class__ is str and relation in seen & _ONCE:
            yield "link", index, "relation", "is there twice"
        seen.add(str(relation))


def _of_address(address: str, resource: Mapping[str, Any]) -> Iterator[str]:
    parsed = references.parse(address)
    if parsed is None or parsed.kind not in (references.Kind.FOREIGN, references.Kind.URN):
        yield "is no absolute address"
    elif parsed.type == resource.get("resourceType") and parsed.id and resource.get("id") not in (None, parsed.id):
        yield "ends with another id than the resource has"


def _of_match(entry: Mapping[str, Any], resource: Mapping[str, Any]) -> Iterator[str]:
    search = entry.get("search")
    mode = search.get("mode") if search.__class__ is dict else None
    is_outcome = resource.get("resourceType") == "OperationOutcome"
    if mode == "outcome" and not is_outcome:
        yield "is no OperationOutcome, as the mode says"
    if "id" not in resource and not is_outcome:
        yield "found by a search it must have an id"


def _version(resource: Mapping[str, Any]) -> str:
    meta = resource.get("meta")
    return str(meta.get("versionId", "")) if meta.__class__ is dict else ""


def _objects(bundle: Mapping[str, Any], name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    held = bundle.get(name)
    for index, one in enumerate(held if held.__class__ is list else ()):
        if one.__class__ is dict:
            yield index, one
