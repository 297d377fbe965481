"""Passkeys and one-time codes: how allauth names them for our people, and the seal over what they are checked with.

It stands here because accounts, where people sign in, knows no keys.
"""

from __future__ import annotations

import base64
from typing import ClassVar

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import binding
from accounts.models import Person
from records import sealing

PURPOSE = "one-time codes"


class Adapter(DefaultMFAAdapter):
    error_messages: ClassVar[dict[str, str | Promise]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _("That did not match. Try again."),
        "unverified_email": _("Confirm your e-mail first: without it nobody could let you in again."),
    }

    def encrypt(self, text: str) -> str:
        return base64.b64encode(sealing.seal_site_secret(PURPOSE, text.encode())).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.open_site_secret(PURPOSE, base64.b64decode(encrypted_text)).decode()

    def is_mfa_enabled(self, user: Person, types: list[str] | None = None) -> bool:
        """Asked before she is signed in: rows that cannot be reached must not look as if there were none."""
        with binding.asking(user.pk):
            return bool(super().is_mfa_enabled(user, types))

    def generate_authenticator_name(self, user: Person, type: Authenticator.Type) -> str:  # noqa: A002 - allauth's
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return gettext("Passkey %(number)d") % {"number": number}

    def _get_site_name(self) -> str:
        return str(settings.SITE_NAME)
