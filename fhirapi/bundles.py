"""Bundles spliced from stored bytes: a body is never parsed or written again (DESIGN D3)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol
from urllib.parse import quote

import orjson

_MATCH: Final = b',"search":{"mode":"match"}}'
_INCLUDE: Final = b',"search":{"mode":"include"}}'
_BARE: Final = "/|:,$!'()*;@~"


class Entry(Protocol):
    """What a Bundle needs of a record."""

    @property
    def resource_type(self) -> str: ...

    @property
    def logical_id(self) -> str: ...

    @property
    def body(self) -> bytes: ...


def address(base: str, resource_type: str, pairs: Iterable[tuple[str, str]]) -> str:
    """``<base>/<type>?<pairs>``, percent-encoded."""
    query = "&".join(f"{quote(name, safe=_BARE)}={quote(value, safe=_BARE)}" for name, value in pairs)
    return f"{base}/{resource_type}?{query}" if query else f"{base}/{resource_type}"


def searchset(
    base: str,
    matches: Sequence[Entry],
    *,
    at: datetime,
    links: Iterable[tuple[str, str]],
    total: int | None = None,
    included: Sequence[Entry] = (),
    outcome: dict[str, Any] | None = None,
) -> bytes:
    """A Bundle of type searchset as JSON. ``links`` are (relation, absolute address) pairs."""
    head = {
        "resourceType": "Bundle",
        "id": str(uuid.uuid4()),
        "meta": {"lastUpdated": at.isoformat(timespec="milliseconds").replace("+00:00", "Z")},
        "type": "searchset",
        **({} if total is None else {"total": total}),
        "link": [{"relation": relation, "url": url} for relation, url in links],
    }
    entries = [_entry(base, match, _MATCH) for match in matches]
    entries += [_entry(base, record, _INCLUDE) for record in included]
    if outcome is not None:
        entries.append(orjson.dumps({"resource": outcome, "search": {"mode": "outcome"}}))
    if not entries:
        return orjson.dumps(head)
    return b"".join((orjson.dumps(head)[:-1], b',"entry":[', b",".join(entries), b"]}"))


def _entry(base: str, record: Entry, mode: bytes) -> bytes:
    url = f"{base}/{record.resource_type}/{record.logical_id}"
    return b'{"fullUrl":"%b","resource":%b%b' % (url.encode(), record.body, mode)
