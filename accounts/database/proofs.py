"""Who knows the key may name an owner: the server takes nobody's word but this process's.

The key comes from ``SECRET_KEY``; the server keeps it where the web role cannot read (``manage.py secure_rows``). SQL
that somebody smuggles in can set what it likes: without the key it names nobody.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings


@dataclass(frozen=True, slots=True)
class About:
    """Whose rows, and who signed in: the owner herself, one who acts for her, or (by a token) nobody."""

    owner_id: int
    person_id: int | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """Who is about to sign in and has not shown yet who she is: only what she will be asked for can be reached."""

    person_id: int


def key() -> bytes:
    return _key(settings.SECRET_KEY)


def of(said: str) -> str:
    """The proof of a text, as the SQL function ``binding_proof`` computes it: hexadecimal."""
    inner = hashlib.sha256(key() + said.encode()).digest()
    return hashlib.sha256(key() + inner).hexdigest()


def bound(about: About | Asking | str) -> str:
    """The setting that names an owner, a service by client_id, or who is signing in, after its proof."""
    said = f"service {about}" if isinstance(about, str) else _words(about)
    return f"{of(said)}:{said}"


def _words(about: About | Asking) -> str:
    if isinstance(about, Asking):
        return f"asking {about.person_id}"
    person = "" if about.person_id is None else f" person {about.person_id}"
    return f"owner {about.owner_id}{person}"


@lru_cache(maxsize=4)
def _key(secret: str) -> bytes:
    return hashlib.sha256(b"owner of the rows|" + secret.encode()).digest()
