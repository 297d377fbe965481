"""Doorbells: they carry ids and call one idempotent function (DESIGN D13)."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from fhirapi.bulk import doorbell, exports, runs


@shared_task(name=doorbell.PERFORM, acks_late=True, ignore_result=True)
def perform_export(export_id: int) -> None:
    runs.perform(export_id)


@shared_task(name=doorbell.SWEEP, acks_late=True, ignore_result=True)
def sweep_exports() -> int:
    return exports.sweep(at=timezone.now())


@shared_task(acks_late=True, ignore_result=True)
def ring_again() -> int:
    """From the beat: find what waits with nobody on it."""
    return doorbell.ring_again(at=timezone.now())
