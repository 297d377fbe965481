"""Doorbells: they carry ids and call one idempotent function (DESIGN D13)."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from sync import doorbell, farewells, feeds, importing, notices, removals, runs, schedules, shipments, uploads


@shared_task(name=doorbell.PERFORM_RUN, acks_late=True, ignore_result=True)
def perform_run(run_id: int) -> None:
    runs.perform(run_id)


@shared_task(acks_late=True, ignore_result=True)
def ring_again() -> int:
    """From the beat: begin what is due, and find what waits with nobody on it."""
    at = timezone.now()
    begun = schedules.start_due(at=at) + feeds.start_due(at=at)
    rung = feeds.ring_again(at=at) + doorbell.ring_again(at=at) + farewells.ring_again(at=at) + removals.ring_again()
    return begun + rung + uploads.ring_again(at=at)


@shared_task(name=farewells.SAY, acks_late=True, ignore_result=True)
def say_farewell(connection_id: int) -> None:
    farewells.say(connection_id)


@shared_task(name=removals.REMOVE, acks_late=True, ignore_result=True)
def remove(connection_id: int) -> None:
    removals.perform(connection_id)


@shared_task(name=notices.BRING_FORWARD, acks_late=True, ignore_result=True)
def bring_forward(hospital_id: int, accounts: list[str]) -> None:
    """``accounts``: numbers that a maker has for people, which say nothing to anybody else."""
    if notices.bring_forward(hospital_id, accounts, at=timezone.now()):
        schedules.start_due(at=timezone.now())


@shared_task(name=uploads.PERFORM, acks_late=True, ignore_result=True)
def perform_upload(upload_id: int) -> None:
    importing.perform(upload_id)


@shared_task(name=feeds.PERFORM, acks_late=True, ignore_result=True)
def perform_shipment(shipment_id: int) -> None:
    shipments.perform(shipment_id)


@shared_task(acks_late=True, ignore_result=True)
def sweep_uploads() -> int:
    """From the beat: what was left in storage by uploads that broke off."""
    return uploads.sweep(at=timezone.now())
