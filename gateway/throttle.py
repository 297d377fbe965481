"""Guessing slowed down: after too many failures a client at one address waits a minute.

Only failures count, so a busy app is never slowed, and one address cannot lock out an app for others. Counters live in
the cache; with more than one web process that has to be a shared one to count exactly.
"""

from __future__ import annotations

import hashlib
from typing import Final

from django.core.cache import cache

from gateway.errors import TooManyFailures

FAILURES_MAX: Final = 30
WINDOW_SECONDS: Final = 60


def check(client_id: str, origin: str) -> None:
    """Raises TooManyFailures."""
    if cache.get(_key(client_id, origin), 0) >= FAILURES_MAX:
        raise TooManyFailures(seconds=WINDOW_SECONDS)


def count_failure(client_id: str, origin: str) -> None:
    key = _key(client_id, origin)
    if not cache.add(key, 1, timeout=WINDOW_SECONDS):
        try:
            cache.incr(key)
        except ValueError:  # it ended between the two calls
            cache.set(key, 1, timeout=WINDOW_SECONDS)


def _key(client_id: str, origin: str) -> str:
    return "oauth-failures:" + hashlib.sha256(f"{client_id}|{origin}".encode()).hexdigest()
