"""Sweeping out what has had its day."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from gateway import leftovers


@shared_task
def sweep() -> None:
    leftovers.sweep(at=timezone.now())
