"""What happens to the chains by the clock: sealing their heads, and telling a security log outside."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from audit import checkpoints, destinations, exports


@shared_task
def take_checkpoints() -> None:
    checkpoints.take(at=timezone.now())


@shared_task(autoretry_for=(OSError,), retry_backoff=True, max_retries=3)
def export() -> None:
    """Nothing where no destination is set. What a failed try did not tell, the next one tells."""
    if settings.AUDIT_EXPORT:
        exports.tell(destinations.at(settings.AUDIT_EXPORT))
