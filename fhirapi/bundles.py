"""Bundles spliced from stored bytes: a body is never parsed or written again (DESIGN D3)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
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


class Version(Entry, Protocol):
    """What a history needs of a version besides."""

    @property
    def version_id(self) -> int: ...

    @property
    def last_updated(self) -> datetime: ...

    @property
    def deleted(self) -> bool: ...


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
    head = _head("searchset", at=at, links=links, total=total)
    prefix = f'{{"fullUrl":"{base}/'.encode()
    parts: list[bytes] = []
    for records, mode in ((matches, _MATCH), (included, _INCLUDE)):
        for record in records:
            named = f'{record.resource_type}/{record.logical_id}","resource":'.encode()
            parts += (b",", prefix, named, record.body, mode)
    if outcome is not None:
        parts += (b",", orjson.dumps({"resource": outcome, "search": {"mode": "outcome"}}))
    return _spliced(head, parts)


def history(
    base: str, versions: Sequence[Version], *, at: datetime, links: Iterable[tuple[str, str]], total: int | None = None
) -> bytes:
    """A Bundle of type history, newest version first (R4 http.html#history)."""
    head = _head("history", at=at, links=links, total=total)
    return _spliced(head, [part for version in versions for part in (b",", _version(base, version))])


def _head(kind: str, *, at: datetime, links: Iterable[tuple[str, str]], total: int | None) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "id": str(uuid.uuid4()),
        "meta": {"lastUpdated": _instant(at)},
        "type": kind,
        **({} if total is None else {"total": total}),
        "link": [{"relation": relation, "url": url} for relation, url in links],
    }


def _spliced(head: dict[str, Any], parts: list[bytes]) -> bytes:
    """``parts`` are the pieces of the entries, a comma before each entry: a large Bundle is copied once."""
    if not parts:
        return orjson.dumps(head)
    return b"".join((orjson.dumps(head)[:-1], b',"entry":[', *parts[1:], b"]}"))


def _version(base: str, version: Version) -> bytes:
    """What was done, as if it had been asked of us over HTTP: the first version was posted, a deletion has no body."""
    name = f"{version.resource_type}/{version.logical_id}"
    method, status = ("DELETE", "204") if version.deleted else ("PUT", "200")
    if version.version_id == 1:
        method, status = "POST", "201"
    rest = {
        "request": {"method": method, "url": version.resource_type if method == "POST" else name},
        "response": {
            "status": status,
            "etag": f'W/"{version.version_id}"',
            "lastModified": _instant(version.last_updated),
        },
    }
    body = b"" if version.deleted else b'"resource":%b,' % version.body
    return b'{"fullUrl":"%b",%b%b' % (f"{base}/{name}".encode(), body, orjson.dumps(rest)[1:])


def _instant(at: datetime) -> str:
    """As ``meta.lastUpdated`` is written: UTC, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
