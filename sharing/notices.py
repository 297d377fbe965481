"""Mail to the owner: her link was opened for the first time, or wrong passcodes have shut it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from accounts import notices
from accounts.notices import Notice
from gateway import notices as mail
from sharing.models import HealthLink

AT_ONCE: Final = 100
PATIENCE: Final = timedelta(minutes=1)
What = Literal["opened", "locked"]


def tell_opened(uid: UUID, *, at: datetime) -> bool:
    """One mail for each link, at its first opening: claimed before it leaves, given back where it could not."""
    waiting = HealthLink.objects.filter(pk=uid, opened__isnull=False, told__isnull=True)
    if not waiting.update(told=at):
        return False
    link = HealthLink.objects.select_related("owner").get(pk=uid)
    if not notices.is_wanted(link.owner, Notice.OPENED):
        return False
    if _tell(link, "opened"):
        return True
    HealthLink.objects.filter(pk=uid).update(told=None)
    return False


def tell_locked(uid: UUID) -> bool:
    """The page of the link says the same, so a mail that cannot be sent changes nothing."""
    link = HealthLink.objects.select_related("owner").filter(pk=uid, tries=0).first()
    return link is not None and _tell(link, "locked")


def tell_again(*, at: datetime) -> int:
    """Of openings that nobody was told of: a lost ring, or mail that could not leave."""
    waiting = HealthLink.objects.filter(opened__lt=at - PATIENCE, told__isnull=True, owner__is_active=True)
    uids = list(waiting.order_by("opened").values_list("pk", flat=True)[:AT_ONCE])
    return sum(tell_opened(uid, at=at) for uid in uids)


def _tell(link: HealthLink, what: What) -> bool:
    owner = link.owner
    with translation.override(owner.language), timezone.override(owner.zone):
        told = {
            "label": link.label,
            "what": what,
            "moment": formats.date_format(timezone.localtime(link.opened), "DATETIME_FORMAT") if link.opened else "",
            "url": f"{settings.PUBLIC_URL}/share/",
        }
        if what == "opened":
            subject = _("Your link “%(label)s” was opened") % told
        else:
            subject = _("Your link “%(label)s” is shut: too many wrong passcodes") % told
        body = render_to_string("sharing/mail/link.txt", told)
    return mail.send(subject, body, owner.email)
