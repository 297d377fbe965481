"""What the beat rings: erasures whose time has come."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from custody import erasures


@shared_task(acks_late=True, ignore_result=True)
def erase_due() -> int:
    at = timezone.now()
    erased = erasures.erase_due(at=at)
    erasures.forget_unsent(at=at)
    return erased
