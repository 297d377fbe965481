"""What a maker hands over by itself: lists of entries under the name of their kind, each saying whose it is. Pure."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from standards.fhir import json, references

BYTES_MAX: Final = 16_000_000
"""More than a maker says that it may send at once."""


class Unreadable(ValueError):
    """What was handed over is not of the form that the maker says."""


@dataclass(frozen=True, slots=True)
class Push:
    """How a maker hands over. Members of an entry: ``account`` says whose it is, ``name`` what the maker calls it,
    ``lies`` where it is to be fetched instead, ``secret`` is never kept. ``aliases``: other names of kinds. ``ended``,
    ``changed``: the lists of who ended the connection there, or changed what she allows. ``addressed_to``: a header
    that names our client, where there is one."""

    account: str
    name: str
    lies: str
    secret: tuple[str, ...]
    aliases: Mapping[str, str]
    ended: str
    changed: str
    addressed_to: str


@dataclass(frozen=True, slots=True)
class Entry:
    """``content``: what it says; empty where it has to be fetched at ``lies``."""

    kind: str
    name: str
    content: Mapping[str, Any]
    lies: str = ""

    def digest(self) -> bytes:
        """Under which a newer version takes its place."""
        return hashlib.sha256(f"{self.kind}|{self.name}|{self.lies}".encode()).digest()[:16]


@dataclass(slots=True)
class Told:
    """``entries`` by account; ``ended`` and ``changed``: accounts."""

    entries: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    ended: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)

    def accounts(self) -> list[str]:
        return list(dict.fromkeys([*self.entries, *self.ended, *self.changed]))


def read(how: Push, body: bytes, kinds: Iterable[str]) -> Told:
    """What a body says, of ``kinds`` only. Raises Unreadable."""
    try:
        said = json.loads(body)
    except json.MalformedJSON as error:
        raise Unreadable(str(error)) from error
    if not isinstance(said, dict):
        raise Unreadable("no object")
    told, wanted = Told(), frozenset((*kinds, how.ended, how.changed))
    for name, listed in said.items():
        kind = how.aliases.get(name, name)
        if kind not in wanted:
            continue
        if not isinstance(listed, list):
            raise Unreadable("no list under the name of a kind")
        # What says of nobody whose it is cannot be anybody's; the rest of the list is.
        for account, row in ((_account(how, each), each) for each in listed):
            if account:
                _sort(told, how, kind, account, row)
    return told


def _sort(told: Told, how: Push, kind: str, account: str, row: Mapping[str, Any]) -> None:
    if kind == how.ended:
        told.ended.append(account)
    elif kind == how.changed:
        told.changed.append(account)
    else:
        told.entries[account].append(entry(how, kind, row))


def entry(how: Push, kind: str, row: Mapping[str, Any]) -> Entry:
    """An entry without what is nobody's business: the account, and secrets of the connection."""
    lies = row.get(how.lies)
    if isinstance(lies, str) and lies:
        return Entry(kind, "", {}, lies)
    content = {name: value for name, value in row.items() if name not in {how.account, *how.secret}}
    name = row.get(how.name)
    if not isinstance(name, str | int) or isinstance(name, bool) or not name:
        # What has no name is its own: the same once more is the same.
        name = hashlib.sha256(json.dumps(content)).hexdigest()
    return Entry(kind, str(name), content)


def is_whose(how: Push, row: Any, account: str) -> bool:
    """Whether an entry that was fetched for an account is that account's; one that does not say is."""
    return isinstance(row, Mapping) and row.get(how.account, account) == account


def _account(how: Push, row: Any) -> str | None:
    account = row.get(how.account) if isinstance(row, Mapping) else None
    return account if isinstance(account, str) and references.ID.fullmatch(account) else None
