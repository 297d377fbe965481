"""Doorbells: what clinicians asked, by id."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from smartlaunch import notices


@shared_task(acks_late=True, ignore_result=True)
def deliver_ask(uid: str) -> None:
    notices.deliver(UUID(uid), at=timezone.now())


@shared_task(acks_late=True, ignore_result=True)
def deliver_waiting() -> int:
    return notices.deliver_waiting(at=timezone.now())


@shared_task(acks_late=True, ignore_result=True)
def tell_of_message(owner_id: int) -> None:
    notices.tell_of_message(owner_id, at=timezone.now())


@shared_task(acks_late=True, ignore_result=True)
def tell_emergency(uid: str) -> None:
    notices.tell_emergency(UUID(uid), at=timezone.now())
