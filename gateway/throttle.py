"""Guessing slowed down: after too many failures a client at one address waits a minute, and so does the address.

Only failures count, so a busy app is never slowed, and one address cannot lock out an app for others. Counters live in
the cache, which all web processes share, and are asked for in one step; a process that met no failure of an
address in the last minute does not ask, so that who does nothing wrong pays no round trip.
"""

from __future__ import annotations

import hashlib
import time
from typing import Final

from django.core.cache import cache

from gateway.errors import TooManyFailures

FAILURES_MAX: Final = 30
# An address that tries many clients; many honest ones may share it.
FAILURES_OF_ADDRESS_MAX: Final = 150
WINDOW_SECONDS: Final = 60


# When this process last met a failure of an address; forgetting one costs a look at the next failure.
_met: dict[str, float] = {}
_MET_MAX: Final = 10_000


def check(client_id: str, origin: str) -> None:
    """Raises TooManyFailures."""
    mine, address = _key(client_id, origin), _key("", origin)
    # A failure of this client is one of its address too.
    if _met.get(address, -WINDOW_SECONDS) + WINDOW_SECONDS <= time.monotonic():
        return
    counted = cache.get_many([mine, address])
    if counted.get(mine, 0) >= FAILURES_MAX or counted.get(address, 0) >= FAILURES_OF_ADDRESS_MAX:
        raise TooManyFailures(seconds=WINDOW_SECONDS)


def count_failure(client_id: str, origin: str) -> None:
    if len(_met) >= _MET_MAX:
        _met.clear()
    _met[_key("", origin)] = time.monotonic()
    for key in {_key(client_id, origin), _key("", origin)}:
        _count(key)


def _count(key: str) -> None:
    if not cache.add(key, 1, timeout=WINDOW_SECONDS):
        try:
            cache.incr(key)
        except ValueError:  # it ended between the two calls
            cache.set(key, 1, timeout=WINDOW_SECONDS)


def _key(client_id: str, origin: str) -> str:
    return "oauth-failures:" + hashlib.sha256(f"{client_id}|{origin}".encode()).hexdigest()
