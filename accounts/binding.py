"""Whose rows this request may reach, told to the database: a second wall behind the gate (docs/adr/0024).

Called where it has just been established who asks: by session, token or code. It decides nothing itself, and costs
nothing where the process does not run under the web role.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, cast

from django.db import connections

from accounts.database import base, proofs
from accounts.database.proofs import About, Asking

SET: Final = base.SET
"""Binds the session, as an expression inside a statement; its one value is ``setting``."""


def bind(person_id: int | None) -> None:
    """From the next statement of this thread on, only rows of who signed in can be reached; with None, nobody's."""
    _connection().wanted = None if person_id is None else About(person_id, person_id)


def ask(person_id: int) -> None:
    """From the next statement on what this person signs in with can be reached, and nothing else of anybody's."""
    _connection().wanted = Asking(person_id)


@contextmanager
def asking(person_id: int) -> Iterator[None]:
    """For a while what this person signs in with, whoever is bound: who signs in is about nobody yet."""
    connection = _connection()
    before = connection.wanted
    connection.wanted = Asking(person_id)
    try:
        yield
    finally:
        connection.wanted = before


def bind_service(client_id: str) -> None:
    """From the next statement on the decisions of everybody about this service can be reached, and nothing else."""
    _connection().wanted = client_id


def look_at(owner_id: int) -> None:
    """For the rest of the request the rows of her for whom who signed in acts: call it when that is established."""
    _connection().wanted = _in_her_place(_connection().wanted, owner_id)


def enforced() -> bool:
    """Whether the rows of others are out of reach: whether this process runs under the web role."""
    return _connection().enforced


@contextmanager
def bound(owner_id: int) -> Iterator[None]:
    """For a while another owner: a service reads for one person after the other. Never around a ``yield``."""
    connection = _connection()
    before = connection.wanted
    connection.wanted = _in_her_place(before, owner_id)
    try:
        yield
    finally:
        connection.wanted = before


class Entry:
    """Whom the statement named."""

    owner_id: int | None = None


@contextmanager
def entering() -> Iterator[Entry]:
    """Around statements that bind by themselves, by ``binding_enter`` or SET, which saves a round trip."""
    connection, entry = _connection(), Entry()
    connection.wanted = base.Told.ENTERING
    try:
        yield entry
    except BaseException:
        connection.wanted, connection.told = None, base.Told.UNKNOWN
        raise
    connection.wanted = connection.told = None if entry.owner_id is None else About(entry.owner_id)


def setting(owner_id: int) -> str:
    """The value of SET that binds a session to her."""
    return proofs.bound(About(owner_id))


def proof_of_token(digest: str) -> str:
    """What ``binding_enter`` wants to see with the digest of a token, which stands in a table for all to read."""
    return proofs.of(f"token {digest}")


def _in_her_place(before: base.Wanted, owner_id: int) -> About:
    return About(owner_id, before.person_id if isinstance(before, About) else None)


def _connection() -> base.DatabaseWrapper:
    return cast(base.DatabaseWrapper, connections["default"])
