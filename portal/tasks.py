"""What the beat rings for her pages."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from portal import ahead, reminders


@shared_task(acks_late=True, ignore_result=True)
def remind() -> int:
    at = timezone.now()
    return reminders.remind(at=at) + reminders.remind_of_delegations(at=at)


@shared_task(acks_late=True, ignore_result=True)
def remind_of_what_lies_ahead() -> int:
    return ahead.remind(at=timezone.now())
