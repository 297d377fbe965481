"""When updates come by themselves: as often as she chose, never all at the same moment."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from sync import connections
from sync.models import Connection, ConnectionState, Schedule

EVERY: Final[Mapping[str, timedelta]] = {
    Schedule.DAILY: timedelta(days=1),
    Schedule.WEEKLY: timedelta(days=7),
    Schedule.MONTHLY: timedelta(days=30),
}
JITTER: Final = 0.1
"""So much sooner or later by chance, lest everybody of one morning stays together for ever."""
AT_ONCE: Final = 500


def following(connection: Connection, *, at: datetime) -> datetime | None:
    """When the update after one that ended now is due; None if she wants none by itself."""
    every = EVERY.get(connection.schedule)
    if every is None:
        return None
    return at + every * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


@transaction.atomic
def choose(connection: Connection, schedule: str, *, at: datetime) -> None:
    """Her choice; the next update is counted from the last one, and is at once where that was long ago."""
    connection = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
    connection.schedule = Schedule(schedule)
    due = following(connection, at=connection.last_attempt or at)
    connection.due = max(due, at) if due else None
    connection.save(update_fields=["schedule", "due"])


def start_due(*, at: datetime) -> int:
    """Queue an update for every connection whose time has come; how many. Twice at once queues one each."""
    waiting = Connection.objects.filter(state=ConnectionState.ACTIVE, due__lte=at).order_by("due")
    due = list(waiting[:AT_ONCE])
    for connection in due:
        # First put off: should it never end, it is still tried again only when the next one would have been.
        if waiting.filter(pk=connection.pk).update(due=following(connection, at=at)):
            connections.update(connection, at=at)
    return len(due)
