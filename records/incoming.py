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
    """A resource on its way in. ``content`` is what the source said, without version and time of update."""

    resource: dict[str, Any]
    type_number: int
    logical_id: str
    content: bytes
    content_hash: bytes

    @property
    def key(self) -> tuple[int, str]:
        return self.type_number, self.logical_id


def sort_out(resources: Sequence[Any]) -> tuple[list[Candidate], list[Refusal], int]:
    """The resources that can be kept, large attachments moved out; those that cannot; how many were said twice."""
    found: dict[tuple[int, str], Candidate] = {}
    refused, repeated = [], 0
    for index, resource in enumerate(resources):
        if reason := _unkeepable(resource):
            refused.append(Refusal(index, reason))
            continue
        for part in (resource, *attachments.move_out(resource)):
            candidate = _candidate(part)
            if len(candidate.content) > RESOURCE_BYTES_MAX and candidate.resource["resourceType"] != "Binary":
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


def _candidate(resource: dict[str, Any]) -> Candidate:
    meta = resource.get("meta")
    if isinstance(meta, dict) and ("versionId" in meta or "lastUpdated" in meta):
        said = {name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")}
        resource = {**resource, "meta": said} if said else {k: v for k, v in resource.items() if k != "meta"}
    content = json.dumps(resource)
    return Candidate(
        resource,
        TYPE_NUMBER[resource["resourceType"]],
        resource["id"],
        content,
        blake2b(content, digest_size=16).digest(),
    )
