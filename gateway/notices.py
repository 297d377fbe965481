"""Mail about an app that a delegate let in: to whose record it is, and to who let it in."""

from __future__ import annotations

from typing import Literal

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts import notices
from accounts.notices import Notice
from gateway.models import Authorization

What = Literal["begun", "ended", "paused", "resumed", "renewed"]


def tell(authorization: Authorization, what: What) -> None:
    """Tells both sides; nobody of what a person does with her own record, which she sees herself.

    Their pages say the same, so a mail that cannot be sent changes nothing.
    """
    owner, delegate = authorization.about, authorization.person
    if authorization.delegation_id is None or owner is None:
        return
    for reader in (owner, delegate):
        if reader.pk == owner.pk and not notices.is_wanted(owner, Notice.ACTING):
            continue
        with translation.override(reader.language), timezone.override(reader.zone):
            told = {
                "app": authorization.application.name,
                "owner": owner.name or owner.email,
                "delegate": delegate.name or delegate.email,
                "hers": reader.pk == owner.pk,
                "what": what,
                "ends": timezone.localtime(authorization.expires),
                "url": settings.PUBLIC_URL + reverse("portal:apps"),
            }
            subject = _("%(app)s and the record of %(owner)s: a change") % told
            body = render_to_string("gateway/mail/delegate_app.txt", told)
        send(subject, body, reader.email)


def send(subject: str, body: str, address: str) -> bool:
    """Whether it could be sent."""
    try:
        # A name may hold anything; a line break in a subject is refused by mail itself.
        send_mail(" ".join(subject.split()), body, None, [address])
    except OSError:
        return False
    return True
