"""Doorbells: they carry ids and call one idempotent function (DESIGN D13)."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from records import relabelling

AT_ONCE = 200


@shared_task(acks_late=True, ignore_result=True)
def relabel(owner_id: int) -> None:
    relabelling.relabel(owner_id, at=timezone.now())


@shared_task(acks_late=True, ignore_result=True)
def relabel_waiting() -> int:
    """From the beat: whoever's labels are of other value sets. One already being labelled is asked for once more."""
    owners = relabelling.waiting(AT_ONCE)
    for owner_id in owners:
        relabel.delay(owner_id)
    return len(owners)
