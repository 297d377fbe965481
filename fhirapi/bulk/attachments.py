"""Attachments go along with their documents: a file of lines has no address to fetch a large one from later.

The store keeps an attachment over 64 kB as a Binary of its own; in an export its bytes are back in ``data``, as the
source sent them (Bulk Data Access, "Attachments").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from records.reading import RecordSet
from standards.fhir import json

_HINT: Final = b'"Binary/'
_BINARY: Final = re.compile(r"Binary/([A-Za-z0-9\-.]{1,64})", re.ASCII)


def inline(records: RecordSet, body: bytes) -> bytes:
    """The body with every attachment that is a Binary of this record put back; as it is if there is none."""
    if _HINT not in body:
        return body
    resource = json.loads(body)
    changed = [_fill(records, attachment, found) for attachment, found in _outlying(resource)]
    return json.dumps(resource) if any(changed) else body


def _fill(records: RecordSet, attachment: dict[str, Any], logical_id: str) -> bool:
    """Puts the bytes back; False where the Binary is not there for this reader."""
    stored = records.read("Binary", logical_id)
    data = stored.resource.get("data") if stored is not None and not stored.deleted else None
    if not isinstance(data, str):
        return False
    del attachment["url"]
    attachment["data"] = data
    return True


def _outlying(node: Any) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(node, list):
        for child in node:
            yield from _outlying(child)
    elif isinstance(node, dict):
        url = node.get("url")
        found = _BINARY.fullmatch(url) if isinstance(url, str) and "data" not in node else None
        if found:
            yield node, found[1]
        for child in list(node.values()):
            if isinstance(child, dict | list):
                yield from _outlying(child)
