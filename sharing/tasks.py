"""Doorbells: mail about links, by id."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from sharing import notices


@shared_task(acks_late=True, ignore_result=True)
def tell_opened(uid: str) -> None:
    notices.tell_opened(UUID(uid), at=timezone.now())


@shared_task(acks_late=True, ignore_result=True)
def tell_locked(uid: str) -> None:
    notices.tell_locked(UUID(uid))


@shared_task(acks_late=True, ignore_result=True)
def tell_again() -> int:
    return notices.tell_again(at=timezone.now())
