"""How much we ask of one hospital in a minute, all workers together: so many requests as its vendor allows.

Counted in the cache, in windows of one minute. A cache that is away costs the count, never the run.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.core.cache import cache
from redis.exceptions import RedisError

from sync.problems import Problem, Remedy, SourceError

WINDOW: Final = timedelta(minutes=1)


def spend(hospital_id: int, *, most: int, at: datetime) -> None:
    """One request more. Raises SourceError to come again when this minute is used up."""
    minute, second = divmod(at.timestamp(), WINDOW.total_seconds())
    key = f"sync-budget-{hospital_id}-{int(minute)}"
    try:
        cache.add(key, 0, timeout=2 * WINDOW.total_seconds())
        spent = cache.incr(key)
    except (RedisError, OSError, ValueError):
        return  # the cache is away, or dropped it this very moment
    if spent > most:
        raise SourceError(
            "this minute's requests are spent",
            problem=Problem.OUR_TURN,
            remedy=Remedy.RETRY,
            wait=WINDOW - timedelta(seconds=second),
        )
