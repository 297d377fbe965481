"""A worker's hold on a row: taken by one conditional update, kept alive by heartbeats, lost by silence.

For models that have ``claim`` (which call holds the row), ``heartbeat`` (its last sign of life) and ``attempts``
(takings since it last got on).
"""

from __future__ import annotations

import time
import uuid
from datetime import datetime
from typing import Generic, TypeVar

from django.conf import settings
from django.db.models import F, Model, QuerySet
from django.utils import timezone

Row = TypeVar("Row", bound=Model)


class ClaimLost(Exception):
    """Another worker holds it, or it was ended: whoever finds this out stores nothing more."""


class Lease(Generic[Row]):
    """One call's hold on one row. ``rows``: all there are; ``key``: what ``take`` gave."""

    def __init__(self, rows: QuerySet[Row], pk: int, key: uuid.UUID) -> None:
        self._held = rows.filter(pk=pk, claim=key)
        self._name = f"{rows.model.__name__} {pk}"
        self._quiet = settings.SYNC_LEASE.total_seconds() / 4
        self._beaten = time.monotonic()

    def pulse(self) -> None:
        """A sign of life, written at most four times a lease. Raises ClaimLost."""
        if time.monotonic() - self._beaten >= self._quiet:
            self.update(heartbeat=timezone.now())

    def lock(self) -> Row:
        """The row, locked until the transaction ends, still ours: closes the race of what a worker thought dead stores
        late. Raises ClaimLost."""
        row = self._held.select_for_update().first()
        if row is None:
            raise ClaimLost(self._name)
        return row

    def update(self, **values: object) -> None:
        """Raises ClaimLost."""
        if not self._held.update(**values):
            raise ClaimLost(self._name)
        self._beaten = time.monotonic()


def take(free: QuerySet[Row], *, at: datetime, **values: object) -> uuid.UUID | None:
    """Take hold of the one row if it is among those that are free. Two at once: exactly one gets the key."""
    key = uuid.uuid4()
    taken = free.update(claim=key, heartbeat=at, attempts=F("attempts") + 1, **values)
    return key if taken else None
