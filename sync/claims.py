"""A worker's hold on a run: taken by one conditional update, kept alive by heartbeats, lost by silence."""

from __future__ import annotations

import time
import uuid
from datetime import datetime

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from sync.models import Connection, Run, RunState


class ClaimLost(Exception):
    """Another worker holds the run, or it was ended: whoever finds this out stores nothing more."""


class Claim:
    """One call's hold on one run."""

    def __init__(self, run: Run, key: uuid.UUID) -> None:
        self.run_id = run.pk
        self.owner_id = run.owner_id
        self.connection: Connection = run.connection
        self.attempts = run.attempts
        self._key = key
        self._quiet = settings.SYNC_LEASE.total_seconds() / 4
        self._beaten = time.monotonic()

    def pulse(self) -> None:
        """A sign of life, written at most four times a lease. Raises ClaimLost."""
        if time.monotonic() - self._beaten >= self._quiet:
            self._update(heartbeat=timezone.now())
            self._beaten = time.monotonic()

    def lock(self) -> Run:
        """The run, locked until the transaction ends, still ours. Raises ClaimLost. Closes the race of a page that is
        stored late, by a worker that was thought dead."""
        run = Run.objects.select_for_update().filter(pk=self.run_id, claim=self._key).first()
        if run is None:
            raise ClaimLost(f"run {self.run_id}")
        return run

    def advanced(self, *, at: datetime) -> None:
        """A page arrived: the run gets on."""
        self._update(heartbeat=at, attempts=0)
        self.attempts = 0
        self._beaten = time.monotonic()

    def put_off(self, *, until: datetime) -> None:
        """Let go of the run until then."""
        self._update(claim=None, due=until, state=RunState.QUEUED)

    def finish(self, state: RunState, *, problem: str, at: datetime) -> None:
        self._update(claim=None, state=state, problem=problem, finished=at)

    def _update(self, **values: object) -> None:
        if not Run.objects.filter(pk=self.run_id, claim=self._key).update(**values):
            raise ClaimLost(f"run {self.run_id}")


def take(run_id: int, *, at: datetime) -> Claim | None:
    """Take hold of a run that is due and free; None if it is not. Two at once: exactly one gets it."""
    key = uuid.uuid4()
    taken = (
        Run.objects.filter(pk=run_id)
        .claimable(at=at, lease=settings.SYNC_LEASE)
        .update(
            claim=key,
            claimed=at,
            heartbeat=at,
            state=RunState.RUNNING,
            started=Coalesce(F("started"), at),
            attempts=F("attempts") + 1,
        )
    )
    if not taken:
        return None
    run = Run.objects.select_related("connection__hospital__source", "connection__owner").get(pk=run_id)
    Connection.objects.filter(pk=run.connection_id).update(last_attempt=at)
    return Claim(run, key)
