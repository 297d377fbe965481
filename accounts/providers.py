"""People who sign in by the OpenID Connect provider that the operator names."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.http import HttpRequest

from accounts import languages
from accounts.models import Person


class Adapter(DefaultSocialAccountAdapter):
    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> Person:
        """Name and e-mail as the provider says them; nothing else of its word is taken."""
        person: Person = super().populate_user(request, sociallogin, data)
        given = data.get("name") or " ".join(filter(None, (data.get("first_name"), data.get("last_name"))))
        person.name = str(given or "")[:200]
        person.language = languages.current()
        return person
