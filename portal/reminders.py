"""Mail before an app's access, or a delegate's, ends: what ends, when, and one tap to renew it or leave it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from accounts import notices
from accounts.notices import Notice
from consent import delegations
from consent.delegations import Standing
from gateway import authorizations
from gateway import notices as mail
from gateway.models import Authorization
from portal import invitations

BEFORE: Final = timedelta(days=14)
AT_ONCE: Final = 500


def remind(*, at: datetime) -> int:
    """One mail for each access that ends within two weeks and that she could renew; how many were sent.

    The row is claimed before the mail leaves: two workers at once send one, and a mail that cannot be sent gives its
    claim back for the next round.
    """
    near = (
        Authorization.objects.live(at=at)
        .filter(reminded__isnull=True, paused__isnull=True, expires__lte=at + BEFORE, person__is_active=True)
        .exclude(created__gt=at - BEFORE)
        .select_related("person", "application", "about")
        .order_by("expires")
    )
    return sum(_remind(one, at=at) for one in near[:AT_ONCE] if _can_go_on(one, at=at))


def _can_go_on(authorization: Authorization, *, at: datetime) -> bool:
    """Of somebody else's record only later than now: it ends with the delegation at the latest."""
    if not authorizations.is_renewable(authorization) or not authorizations.acts_still(authorization, at=at):
        return False
    return authorizations.renewed_end(authorization, at=at) > authorization.expires


def remind_of_delegations(*, at: datetime) -> int:
    """One mail to each side of a delegation that ends within two weeks and was not meant to be that short; how many."""
    soon = delegations.ending(until=at + BEFORE, limit=AT_ONCE, at=at)
    return sum(_remind_both(one, at=at) for one in soon if one.decision.decided <= at - BEFORE)


def _remind_both(standing: Standing, *, at: datetime) -> bool:
    delegation = standing.delegation
    if not delegations.claim_reminder(delegation, at=at):
        return False
    if not invitations.tell_of_end(standing):
        delegations.give_back_reminder(delegation)
        return False
    return True


def _remind(authorization: Authorization, *, at: datetime) -> bool:
    unclaimed = Authorization.objects.filter(pk=authorization.pk, reminded__isnull=True)
    if not unclaimed.update(reminded=at):
        return False
    person = authorization.person
    if not notices.is_wanted(person, Notice.ENDING):
        return False
    with translation.override(person.language), timezone.override(person.zone):
        told = {
            "app": authorization.application.name,
            "owner": _whose(authorization),
            "day": formats.date_format(timezone.localtime(authorization.expires), "DATE_FORMAT"),
            "renew": settings.PUBLIC_URL + reverse("portal:renew_app", args=[authorization.pk]),
            "apps": settings.PUBLIC_URL + reverse("portal:apps"),
        }
        if told["owner"]:
            subject = _("%(app)s can see the record of %(owner)s until %(day)s") % told
        else:
            subject = _("%(app)s can see your record until %(day)s") % told
        body = render_to_string("portal/mail/ending.txt", told)
    if not mail.send(subject, body, person.email):
        Authorization.objects.filter(pk=authorization.pk).update(reminded=None)
        return False
    return True


def _whose(authorization: Authorization) -> str:
    """Whose record it is, where she acts for somebody; else ""."""
    owner = authorization.about
    return "" if owner is None else owner.name or owner.email
