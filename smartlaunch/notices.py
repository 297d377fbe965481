"""Mail to her: a clinician asks to see her record, opened it in an emergency, or wrote her a message."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from accounts import notices as wishes
from accounts.models import Person
from accounts.notices import Notice
from consent.models import Emergency
from gateway import notices
from smartlaunch import asks, visits
from smartlaunch.models import Ask, ShareRequest
from sync.models import Message

AT_ONCE: Final = 100
PATIENCE: Final = timedelta(minutes=1)


def deliver(uid: UUID, *, at: datetime) -> bool:
    """Whether somebody was asked."""
    made = Ask.objects.select_related("visit").filter(pk=uid).first()
    if made is None:
        return False
    request = asks.deliver(uid, patient=visits.opened_context(made.visit).patient, at=at)
    return request is not None and tell(request.pk, at=at)


def deliver_waiting(*, at: datetime) -> int:
    """Of asks whose ring was lost, and of mail that could not leave."""
    lost = Ask.objects.filter(delivered__isnull=True, asked__lt=at - PATIENCE).order_by("asked")
    untold = ShareRequest.objects.filter(
        told__isnull=True, answered__isnull=True, asked__lt=at - PATIENCE, lapses__gt=at
    )
    secret = Emergency.objects.filter(told__isnull=True, began__lt=at - PATIENCE).order_by("began")
    written = Message.objects.filter(from_her=False, seen__isnull=True, told__isnull=True, sent__lt=at - PATIENCE)
    found = sum(tell_emergency(uid, at=at) for uid in secret.values_list("pk", flat=True)[:AT_ONCE])
    found += sum(tell_of_message(pk, at=at) for pk in set(written.values_list("owner_id", flat=True)[:AT_ONCE]))
    found += sum(deliver(uid, at=at) for uid in lost.values_list("pk", flat=True)[:AT_ONCE])
    return found + sum(tell(uid, at=at) for uid in untold.order_by("asked").values_list("pk", flat=True)[:AT_ONCE])


def tell(uid: UUID, *, at: datetime) -> bool:
    """One mail for each: claimed before it leaves, given back where it could not."""
    if not ShareRequest.objects.filter(pk=uid, told__isnull=True, owner__is_active=True).update(told=at):
        return False
    request = ShareRequest.objects.select_related("owner", "organization").get(pk=uid)
    owner = request.owner
    with translation.override(owner.language), timezone.override(owner.zone):
        told = {
            "clinician": request.clinician,
            "organization": request.organization.name,
            "until": formats.date_format(timezone.localtime(request.lapses), "DATE_FORMAT"),
            "url": f"{settings.PUBLIC_URL}/clinics/",
        }
        subject = _("%(organization)s asks to see your record") % told
        body = render_to_string("smartlaunch/mail/ask.txt", told)
    if notices.send(subject, body, owner.email):
        return True
    ShareRequest.objects.filter(pk=uid).update(told=None)
    return False


def tell_emergency(uid: UUID, *, at: datetime) -> bool:
    """She is told at once, of each once."""
    if not Emergency.objects.filter(pk=uid, told__isnull=True).update(told=at):
        return False
    emergency = Emergency.objects.select_related("owner").get(pk=uid)
    owner = emergency.owner
    with translation.override(owner.language), timezone.override(owner.zone):
        told = {
            "clinician": emergency.clinician,
            "organization": emergency.organization,
            "moment": formats.date_format(timezone.localtime(emergency.began), "DATETIME_FORMAT"),
            "until": formats.date_format(timezone.localtime(emergency.ends), "DATETIME_FORMAT"),
            "url": f"{settings.PUBLIC_URL}/clinics/",
        }
        subject = _("Your record was opened in an emergency")
        body = render_to_string("smartlaunch/mail/emergency.txt", told)
    if notices.send(subject, body, owner.email):
        return True
    Emergency.objects.filter(pk=uid).update(told=None)
    return False


def tell_of_message(owner_id: int, *, at: datetime) -> bool:
    """That there is a message, and nothing of it, not even from which clinic (docs/adr/0035): once, until she looks."""
    waiting = Message.objects.filter(owner_id=owner_id, owner__is_active=True, from_her=False, seen__isnull=True)
    told_before = waiting.filter(told__isnull=False).exists()
    if not waiting.filter(told__isnull=True).update(told=at) or told_before:
        return False
    owner = Person.objects.get(pk=owner_id)
    if not wishes.is_wanted(owner, Notice.MESSAGE):
        return False
    with translation.override(owner.language):
        told = {"url": f"{settings.PUBLIC_URL}/messages/"}
        subject = _("There is a message for you")
        body = render_to_string("smartlaunch/mail/message.txt", told)
    if notices.send(subject, body, owner.email):
        return True
    Message.objects.filter(owner_id=owner_id, told=at).update(told=None)
    return False
