"""How long a sign-in lasts: ``settings.SESSION_LIFETIME`` at most, and ``SESSION_COOKIE_AGE`` seconds without a page.

Both are the row's ``expire_date``, so whoever else asks for a living session (an app's online access) is told the same.
Each session also stands in allauth's list of them, which the person sees and ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.http import HttpRequest, HttpResponse

from accounts.models import Person

BEGAN: Final = "began"
"""In the session: when she signed in, in seconds since 1970."""
SEEN: Final = "seen"
"""In the session: when it was last written down that she was here."""
SEEN_EVERY: Final = 60


class SessionStore(db.SessionStore):
    def save(self, must_create: bool = False) -> None:
        # A session that is only being created holds nobody yet.
        if not must_create and SESSION_KEY in self and BEGAN not in self:
            self[BEGAN] = time.time()
        super().save(must_create)

    def get_expiry_date(self, **given: Any) -> datetime:
        """When it ends if no page is opened; never past the end of the sign-in."""
        idle: datetime = super().get_expiry_date(**given)
        if BEGAN not in self:
            return idle
        return min(idle, datetime.fromtimestamp(self[BEGAN], UTC) + settings.SESSION_LIFETIME)


class SeenMiddleware:
    """Opening a page keeps the session; at most once a minute, so that most pages write nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Who calls with a token has no session, and no user that the framework knows.
        if isinstance(request.user, Person) and time.time() - request.session.get(SEEN, 0) >= SEEN_EVERY:
            request.session[SEEN] = time.time()
            UserSession.objects.create_from_request(request)
        return response
