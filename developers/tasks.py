"""Doorbells of the webhooks: they carry ids and call one function."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from developers import webhooks


@shared_task
def look_for_news() -> None:
    """From the beat: what there is to tell is written down, and what is due is sent, each by its own task."""
    at = timezone.now()
    for delivery_id in webhooks.look(at=at):
        deliver.delay(delivery_id)


@shared_task(acks_late=True)
def deliver(delivery_id: int) -> None:
    webhooks.deliver(delivery_id, at=timezone.now())


@shared_task
def sweep() -> None:
    webhooks.sweep(at=timezone.now())
