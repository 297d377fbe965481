"""The doorbells of exports: messages that carry an id and nothing else (DESIGN D13)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from fhirapi.models import Export

PERFORM: Final = "fhirapi.tasks.perform_export"
SWEEP: Final = "fhirapi.tasks.sweep_exports"
PATIENCE: Final = timedelta(seconds=60)
AT_ONCE: Final = 1000


def ring(export_id: int, *, at: datetime) -> None:
    """Ring once this transaction has committed. A broker that is away loses nothing: ``ring_again`` will do it."""
    Export.objects.filter(pk=export_id).update(rung=at)
    transaction.on_commit(partial(current_app.send_task, PERFORM, args=[export_id]), robust=True)


def ring_sweep() -> None:
    transaction.on_commit(partial(current_app.send_task, SWEEP), robust=True)


def ring_again(*, at: datetime) -> int:
    """Ring for exports that wait with nobody on them: never answered, or left by a dead worker."""
    unanswered = Q(rung__isnull=True) | Q(rung__lt=at - PATIENCE) | Q(heartbeat__gte=F("rung"))
    waiting = Export.objects.claimable(at=at, lease=settings.SYNC_LEASE).filter(unanswered)
    export_ids = list(waiting.order_by("kicked").values_list("pk", flat=True)[:AT_ONCE])
    for export_id in export_ids:
        ring(export_id, at=at)
    return len(export_ids)
