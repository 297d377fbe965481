"""Doorbells: they carry ids and call one idempotent function (DESIGN D13)."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from custody import downloads, erasures


@shared_task(acks_late=True, ignore_result=True)
def erase_due() -> int:
    at = timezone.now()
    erased = erasures.erase_due(at=at)
    erasures.forget_unsent(at=at)
    return erased


@shared_task(name=downloads.PERFORM, acks_late=True, ignore_result=True)
def perform_download(download_id: int) -> None:
    downloads.perform(download_id, at=timezone.now())


@shared_task(acks_late=True, ignore_result=True)
def tend_downloads() -> int:
    """From the beat: ring for what was lost, sweep out what is past its time."""
    at = timezone.now()
    downloads.sweep(at=at)
    return downloads.ring_again(at=at)
