"""What a manifest lists, whom a line is about, and what a line says is gone. Pure: no I/O, no database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from standards.fhir import references, types
from sync.problems import Problem, SourceError
from sync.sources.fhir_rest import mapping, plan
from sync.sources.fhir_rest.mapping import Pointed

FILES_MAX: Final = 10_000
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_HERE: Final = frozenset({references.Kind.RELATIVE, references.Kind.OWN})


@dataclass(frozen=True, slots=True)
class File:
    """One file: ``kind`` is ``output``, ``deleted`` or ``error``; ``count`` None where the manifest states none."""

    kind: str
    resource_type: str
    address: str
    count: int | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """``transaction_time``: an instant, as it was spelt. ``signed``: whether the files want a token."""

    transaction_time: str
    signed: bool
    files: tuple[File, ...]


def following(document: Mapping[str, Any]) -> str:
    """Where a manifest goes on (Bulk Data Access 2.0, ``link`` with the relation ``next``); empty at its end."""
    links = document.get("link")
    found = [each for each in (links if isinstance(links, list) else []) if isinstance(each, dict)]
    address = next((each.get("url") for each in found if each.get("relation") == "next"), None)
    return address if isinstance(address, str) else ""


def manifest(*documents: Mapping[str, Any]) -> Manifest:
    """The files of a manifest, which may be several documents long, in the order in which they are read: what is about
    people, what tells of that, what it points to, an organisation last because all lead to it; then deletions, so that
    nothing brings back what is gone.

    Raises SourceError.
    """
    at = documents[0].get("transactionTime")
    if not isinstance(at, str) or not _INSTANT.fullmatch(at):
        raise SourceError("a manifest without transactionTime", problem=Problem.UNREADABLE)
    files = [
        file
        for document in documents
        for kind in ("output", "deleted", "error")
        for file in _files(document.get(kind), kind)
    ]
    if len(files) > FILES_MAX:
        raise SourceError("a manifest with too many files", problem=Problem.TOO_LARGE)
    signed = any(document.get("requiresAccessToken") is not False for document in documents)
    return Manifest(at, signed, tuple(sorted(files, key=_turn)))


def _files(listed: object, kind: str) -> Iterator[File]:
    for each in listed if isinstance(listed, list) else []:
        address, name = (each.get("url"), each.get("type")) if isinstance(each, dict) else (None, None)
        if not isinstance(address, str):
            raise SourceError("a file without an address", problem=Problem.UNREADABLE)
        count = each.get("count")
        stated = count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None
        yield File(kind, name if name in types.RESOURCE_TYPES else "", address, stated)


def _turn(file: File) -> tuple[int, int]:
    kinds = ("output", "deleted", "error")
    return kinds.index(file.kind), _rank(file.resource_type)


def _rank(resource_type: str) -> int:
    if resource_type == "Patient":
        return -1
    if resource_type == "Provenance":
        return 1
    if resource_type == "Organization":
        return 99
    return plan.POINTED.index(resource_type) + 2 if resource_type in plan.POINTED else 0


def subjects(resource: Mapping[str, Any], *, base: str) -> frozenset[str]:
    """The ids at the organisation of the Patients that a resource is about; a Patient is about itself."""
    if resource.get("resourceType") == "Patient":
        own = resource.get("id")
        return frozenset({own} if isinstance(own, str) else ())
    named = (each for name in mapping.SUBJECT_ELEMENTS for each in _references(resource.get(name), base))
    return frozenset(each.remote_id for each in named if each.resource_type == "Patient")


def targets(resource: Mapping[str, Any], *, base: str) -> frozenset[Pointed]:
    """What a Provenance is about."""
    return frozenset(_references(resource.get("target"), base))


def gone(resource: Mapping[str, Any]) -> Iterator[Pointed]:
    """What a line of a ``deleted`` file says is gone: a transaction Bundle of DELETE entries."""
    entries = resource.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        request = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(request, dict) or request.get("method") != "DELETE":
            continue
        parsed = references.parse(str(request.get("url")))
        if parsed and parsed.kind in _HERE and parsed.type in types.RESOURCE_TYPES and parsed.id:
            yield Pointed(parsed.type, parsed.id)


def is_error(resource: Mapping[str, Any]) -> bool:
    """Whether an outcome of an ``error`` file tells of something that is missing now; warnings do not."""
    issues = resource.get("issue")
    found = issues if isinstance(issues, list) else []
    return any(isinstance(each, dict) and each.get("severity") in {"fatal", "error"} for each in found)


def _references(value: object, base: str) -> Iterator[Pointed]:
    for each in value if isinstance(value, list) else [value]:
        said = each.get("reference") if isinstance(each, dict) else None
        parsed = references.parse(said, base=base) if isinstance(said, str) else None
        if parsed and parsed.kind in _HERE and parsed.type and parsed.id:
            yield Pointed(parsed.type, parsed.id)
