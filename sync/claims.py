"""A worker's hold on a run."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Coalesce

from sync import leases
from sync.models import Connection, Run, RunState


class Claim(leases.Lease[Run]):
    """One call's hold on one run."""

    def __init__(self, run: Run, key: uuid.UUID) -> None:
        super().__init__(Run.objects.all(), run.pk, key)
        self.run_id = run.pk
        self.owner_id = run.owner_id
        self.connection: Connection = run.connection
        self.attempts = run.attempts

    def advanced(self, *, at: datetime) -> None:
        """A page arrived: the run gets on. Raises ClaimLost."""
        self.update(heartbeat=at, attempts=0)
        self.attempts = 0

    def put_off(self, *, until: datetime, problem: str = "", tried: bool = True) -> None:
        """Let go of the run until then, and say why; whether it counts as a try. Raises ClaimLost."""
        attempts = self.attempts if tried else self.attempts - 1
        self.update(claim=None, due=until, state=RunState.QUEUED, attempts=attempts, problem=problem)

    def finish(self, state: RunState, *, problem: str, at: datetime) -> None:
        """Raises ClaimLost."""
        self.update(claim=None, state=state, problem=problem, finished=at)


def take(run_id: int, *, at: datetime) -> Claim | None:
    """Take hold of a run that is due and free; None if it is not, or while what came before is being deleted."""
    if Connection.objects.filter(runs=run_id, removal__isnull=False).exists():
        return None
    free = Run.objects.filter(pk=run_id).claimable(at=at, lease=settings.SYNC_LEASE)
    key = leases.take(free, at=at, claimed=at, state=RunState.RUNNING, problem="", started=Coalesce(F("started"), at))
    if key is None:
        return None
    run = Run.objects.select_related("connection__hospital__source", "connection__owner").get(pk=run_id)
    Connection.objects.filter(pk=run.connection_id).update(last_attempt=at)
    return Claim(run, key)
