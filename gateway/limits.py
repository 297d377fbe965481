"""How much an app, a person's app, a network address and a health link may ask in a minute (RFC 6585 429, Retry-After).

Each process counts in memory and shares its counts through the cache, for a busy caller every hundredth of the limit or
once a second, so a request costs microseconds and no round trip of its own. All processes together may therefore pass
a limit by a hundredth of it for each. Where the cache cannot be reached, each process goes on by its own count.

Only what was proved is counted against an app: who merely says its name cannot use up what it may ask.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from gateway.errors import TooManyRequests

logger = logging.getLogger(__name__)

WINDOW_SECONDS: Final = 60
SHARED_EVERY_SECONDS: Final = 1.0
_STEPS: Final = 100


class Caller(StrEnum):
    """By what a caller is known: the app, the app at one person's record, where it calls from, or a health link."""

    APP = "app"
    PERSON = "person"
    ADDRESS = "address"
    LINK = "link"


@dataclass(slots=True)
class _Count:
    """``shared`` is what all processes had together when this one last looked, ``own`` what it has not yet told."""

    shared: int = 0
    own: int = 0
    told: float = 0.0


_lock = threading.Lock()
_window = 0
_counts: dict[tuple[Caller, str], _Count] = {}


def spend(caller: Caller, name: str, *, at: float | None = None) -> None:
    """Counts one request. ``at``: seconds since 1970. Raises TooManyRequests once the minute's share is used up."""
    limit = settings.RATE_LIMITS[caller.value]
    if not limit or not name:
        return
    now = time.time() if at is None else at
    with _lock:
        count = _current(caller, name, now)
        count.own += 1
        due = count.own * _STEPS >= limit or now - count.told >= SHARED_EVERY_SECONDS
        owed = count.own if due else 0
        if due:
            count.shared, count.own, count.told = count.shared + count.own, 0, now
    if owed:
        _share(caller, name, count, owed, now)
    _refuse_beyond(limit, count, now)


def check(caller: Caller, name: str, *, at: float | None = None) -> None:
    """The same question without counting. Raises TooManyRequests."""
    limit = settings.RATE_LIMITS[caller.value]
    if limit and name:
        now = time.time() if at is None else at
        with _lock:
            count = _current(caller, name, now)
        _refuse_beyond(limit - 1, count, now)


def forget() -> None:
    """Begins anew in this process: for tests."""
    with _lock:
        _counts.clear()


def _current(caller: Caller, name: str, now: float) -> _Count:
    """This minute's count; what was counted in an earlier minute goes."""
    global _window
    window = int(now) // WINDOW_SECONDS
    if window != _window:
        _window = window
        _counts.clear()
    count = _counts.get((caller, name))
    if count is None:
        count = _counts[caller, name] = _Count(told=now)
    return count


def _share(caller: Caller, name: str, count: _Count, owed: int, now: float) -> None:
    """Tells the others, and learns what all have asked together."""
    key = f"rate:{caller}:{name}:{int(now) // WINDOW_SECONDS}"
    try:
        cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
        count.shared = max(count.shared, cache.incr(key, owed))
    except (RedisError, OSError, ValueError) as error:
        logger.warning("rates are counted by each process alone: %s", type(error).__name__)


def _refuse_beyond(limit: int, count: _Count, now: float) -> None:
    if count.shared + count.own > limit:
        raise TooManyRequests(seconds=WINDOW_SECONDS - int(now) % WINDOW_SECONDS)
