"""Key sets that clients publish at a URL, fetched by the one safe way out and kept no longer than the client allows.

SMART client-confidential-asymmetric: the set SHALL NOT be cached for longer than its Cache-Control says. An unknown
``kid`` is reason to fetch again, as after a rotation of keys, but not more often than once a minute; an address that
fails is left alone for a while too, so that nobody can make us knock at a stranger's door.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import orjson
import requests

from gateway.errors import KeysUnreachable
from gateway.models import FetchedKeySet
from sync import outbound

KEPT_USUALLY: Final = timedelta(minutes=5)
"""For how long where the answer does not say."""
KEPT_AT_MOST: Final = timedelta(hours=1)
REFETCH_FLOOR: Final = timedelta(minutes=1)
RETRY_FLOOR: Final = timedelta(seconds=10)
BODY_BYTES: Final = 65_536
SECONDS: Final = (3, 3)
"""To connect, and between two parts of the answer: a person's app is waiting."""
TOTAL_SECONDS: Final = 5
ADDRESS_LENGTH_MAX: Final = 500

_PRIVATE: Final = {"d", "p", "q", "dp", "dq", "qi", "k"}
_MAX_AGE: Final = re.compile(r'max-age="?(\d{1,9})"?')


class _Session(outbound.GuardedSession):
    body_bytes = BODY_BYTES
    total_seconds = TOTAL_SECONDS


def problem(uri: str) -> str | None:
    """Why this address may not be registered, or None. Where it leads is checked each time it is fetched."""
    try:
        outbound.check_address(uri)
        parts = urlsplit(uri)
    except ValueError:
        return "the address of a key set must be https, without credentials"
    if not parts.hostname or parts.fragment or len(uri) > ADDRESS_LENGTH_MAX:
        return "the address of a key set must be a whole address of at most 500 characters, without fragment"
    return None


def current(application_id: int, uri: str, *, has: Callable[[str], bool], at: datetime) -> str:
    """The key set to look in, as JSON text; fetched if what we have is too old or ``has`` not what is looked for.

    Raises KeysUnreachable.
    """
    known = FetchedKeySet.objects.filter(application_id=application_id, uri=uri).first()
    if known is None:
        return _fetch(application_id, uri, None, at=at)
    if known.fresh_until > at and (has(known.body) or known.tried + REFETCH_FLOOR > at):
        return known.body
    if known.failed and known.tried + RETRY_FLOOR > at:
        raise KeysUnreachable(f"key set of application {application_id} failed a moment ago")
    return _fetch(application_id, uri, known, at=at)


def _fetch(application_id: int, uri: str, known: FetchedKeySet | None, *, at: datetime) -> str:
    """A failure is remembered, and leaves what is still fresh in place."""
    try:
        body, lifetime = _read(uri)
    except (*outbound.CONNECTION_FAULTS, ValueError) as error:
        kept = (known.body, known.fresh_until) if known and known.fresh_until > at else ("", at)
        _keep(application_id, uri, *kept, failed=True, at=at)
        raise KeysUnreachable(f"key set of application {application_id}: {type(error).__name__}") from error
    _keep(application_id, uri, body if lifetime else "", at + lifetime, failed=False, at=at)
    return body


def _keep(application_id: int, uri: str, body: str, fresh_until: datetime, *, failed: bool, at: datetime) -> None:
    values = {"uri": uri, "body": body, "fresh_until": fresh_until, "tried": at, "failed": failed}
    FetchedKeySet.objects.update_or_create(application_id=application_id, defaults=values)


def _read(uri: str) -> tuple[str, timedelta]:
    """The set, and for how long it may be kept. Raises CONNECTION_FAULTS, ValueError."""
    with _Session() as session:
        answer = session.get(uri, headers={"Accept": "application/json"}, timeout=SECONDS)
    if answer.status_code != 200:
        raise requests.HTTPError(f"HTTP {answer.status_code}", response=answer)
    members = orjson.loads(answer.content)
    keys = members.get("keys") if isinstance(members, dict) else None
    if not isinstance(keys, list) or any(isinstance(key, dict) and _PRIVATE & key.keys() for key in keys):
        raise ValueError("no set of public keys")
    return answer.content.decode(), _lifetime(answer.headers.get("Cache-Control", ""), answer.headers.get("Age", ""))


def _lifetime(cache_control: str, age: str) -> timedelta:
    said = cache_control.lower()
    if "no-store" in said or "no-cache" in said:
        return timedelta(0)
    limit = _MAX_AGE.search(said)
    if limit is None:
        return KEPT_USUALLY
    spent = int(age) if age.isascii() and age.isdigit() and len(age) < 10 else 0
    return min(KEPT_AT_MOST, max(timedelta(0), timedelta(seconds=int(limit[1]) - spent)))
