"""The files of what an app wrote: Binaries that the store moved out of a document, which live and go with it."""

from __future__ import annotations

from typing import Any

from records.reading import RecordSet, Stored
from sync.sources.apps import mapping


def of(standing: Stored, *, own: RecordSet) -> list[dict[str, Any]]:
    """The Binaries whose home is this record, among those the app wrote."""
    names = [url.removeprefix("Binary/") for url in sorted(named(standing.resource)) if url.startswith("Binary/")]
    found = [own.read("Binary", name) for name in names]
    binaries = [one.resource for one in found if one is not None and not one.deleted]
    home = f"{standing.resource_type}/{standing.logical_id}"
    return [binary for binary in binaries if binary["securityContext"]["reference"] == home]


def named(resource: dict[str, Any]) -> set[str]:
    """Every ``url`` of a resource."""
    return {text for _, _, key, text in mapping.texts(resource, "") if key == "url"}
