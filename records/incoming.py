"""Resources on their way into the store: what can be kept, in the form whose hash tells whether it changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from records import attachments
from records.numbering import TYPE_NUMBER
from standards.fhir import json

RESOURCE_BYTES_MAX: Final = 16 * 1024 * 1024
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A resource that could not be kept at all: its place in the page, and why in words."""

    index: int
    reason: str


@dataclass(slots=True)
class Candidate:
    """A resource on its way in. ``meta`` (without version and time of update) and ``rest`` (all but type, id and meta)
    are what the source said, each a JSON object."""

    resource: dict[str, Any]
    type_number: int
    logical_id: str
    meta: bytes
    rest: bytes
    content_hash: bytes

    @property
    def key(self) -> tuple[int, str]:
        return self.type_number, self.logical_id

    def body(self, version_id: int, updated: str) -> bytes:
        """The exact JSON we serve: type, id, meta with our version first, then what the source said in its order."""
        head = (
            f'{{"resourceType":"{self.resource["resourceType"]}","id":"{self.logical_id}",'
            f'"meta":{{"versionId":"{version_id}","lastUpdated":"{updated}"'
        )
        return b"".join((head.encode(), _continued(self.meta), _continued(self.rest)))


def _continued(members: bytes) -> bytes:
    """The members of a JSON object, as they follow others in the same object, and its end."""
    return b"}" if members == b"{}" else b"," + members[1:]


def sort_out(resources: Sequence[Any]) -> tuple[list[Candidate], list[Refusal], int]:
    """The resources that can be kept, large attachments moved out; those that cannot; how many were said twice."""
    found: dict[tuple[int, str], Candidate] = {}
    refused, repeated = [], 0
    for index, resource in enumerate(resources):
        if reason := _unkeepable(resource):
            refused.append(Refusal(index, reason))
            continue
        for candidate in _candidates(resource):
            if len(candidate.rest) > RESOURCE_BYTES_MAX and candidate.resource["resourceType"] != "Binary":
                refused.append(Refusal(index, "larger than a resource may be"))
                continue
            repeated += candidate.key in found
            found[candidate.key] = candidate
    return list(found.values()), refused, repeated


def _unkeepable(resource: Any) -> str | None:
    if not isinstance(resource, dict):
        return "not a JSON object"
    if resource.get("resourceType") not in TYPE_NUMBER:
        return "not a resource type of FHIR R4"
    if not (isinstance(resource.get("id"), str) and _ID.fullmatch(resource["id"])):
        return "no valid id"
    return None


def _candidates(resource: dict[str, Any]) -> list[Candidate]:
    """The resource, and the Binaries of its large attachments."""
    candidate = _candidate(resource)
    if len(candidate.rest) <= attachments.INLINE_BYTES_MAX:  # the usual case: none of its parts can be larger
        return [candidate]
    moved = attachments.move_out(resource)
    return [_candidate(part) for part in (resource, *moved)] if moved else [candidate]


def _candidate(resource: dict[str, Any]) -> Candidate:
    rest = resource.copy()
    del rest["resourceType"], rest["id"]
    meta = rest.pop("meta", None)
    if isinstance(meta, dict) and ("versionId" in meta or "lastUpdated" in meta):
        meta = {name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")}
        resource = {**resource, "meta": meta} if meta else {k: v for k, v in resource.items() if k != "meta"}
    said = json.dumps(meta) if isinstance(meta, dict) else b"{}"
    told = json.dumps(rest)
    return Candidate(
        resource,
        TYPE_NUMBER[resource["resourceType"]],
        resource["id"],
        said,
        told,
        blake2b(b"%b\n%b" % (said, told), digest_size=16).digest(),
    )
