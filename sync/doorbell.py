"""The doorbell of a run: a message that carries its id and nothing else (DESIGN D13)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from sync.models import Run

PERFORM_RUN: Final = "sync.tasks.perform_run"
# A doorbell that nobody answered is rung again after this; sooner would only fill the queue of a busy day.
PATIENCE: Final = timedelta(seconds=60)
AT_ONCE: Final = 1000


def ring(run_id: int, *, at: datetime) -> None:
    """Ring once this transaction has committed. A broker that is away loses nothing: ``ring_again`` will do it."""
    Run.objects.filter(pk=run_id).update(rung=at)
    transaction.on_commit(partial(current_app.send_task, PERFORM_RUN, args=[run_id]), robust=True)


def ring_again(*, at: datetime) -> int:
    """Ring for runs that wait with nobody on them: never answered, put off until now, or left by a dead worker."""
    unanswered = Q(rung__isnull=True) | Q(rung__lt=at - PATIENCE) | Q(heartbeat__gte=F("rung")) | Q(due__gt=F("rung"))
    waiting = Run.objects.claimable(at=at, lease=settings.SYNC_LEASE).filter(unanswered)
    run_ids = list(waiting.order_by("due").values_list("pk", flat=True)[:AT_ONCE])
    for run_id in run_ids:
        ring(run_id, at=at)
    return len(run_ids)
