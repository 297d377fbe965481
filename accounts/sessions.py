"""How long a sign-in lasts: ``settings.SESSION_LIFETIME`` at most, and ``SESSION_COOKIE_AGE`` seconds without a page.

The browser holds a secret, the tables only a keyed digest of it, and what a session says is signed together with that
digest: whoever reads or writes the tables, but does not have ``SECRET_KEY``, gets into no session and makes none.

Both ends are the row's ``expire_date``, so whoever else asks for a living session (an app's online access) is told the
same. Each session also stands in allauth's list of them, which the person sees
and ends.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, cast

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.middleware import SessionMiddleware
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string, salted_hmac

from accounts.models import Person

BEGAN: Final = "began"
"""In the session: when she signed in, in seconds since 1970."""
SEEN: Final = "seen"
"""In the session: when it was last written down that she was here."""
SEEN_EVERY: Final = 60


_KEY_BYTES: Final = 30
_SECRET_LENGTH: Final = 32


class Key(str):
    """What the tables hold of a session. ``secret`` is what the cookie holds, which goes with it as far as it is known,
    also where a library opens the session anew by its key.
    """

    __slots__ = ("secret",)
    secret: str

    @classmethod
    def of(cls, secret: str) -> Key:
        key = cls(_digest(secret))
        key.secret = secret
        return key


class SessionStore(db.SessionStore):
    @classmethod
    def of_cookie(cls, secret: str | None) -> SessionStore:
        return cls(Key.of(secret) if secret else None)

    @property
    def secret(self) -> str:
        """Of a session that a browser has, or is to have."""
        return cast(Key, self.session_key).secret

    def _get_new_session_key(self) -> Key:
        """Of 190 bits: none is met twice."""
        return Key.of(get_random_string(_SECRET_LENGTH))

    @property
    def key_salt(self) -> str:
        """What one session says is no word of another."""
        return f"accounts.sessions {self.session_key}"

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


def told(session: Session) -> dict[str, Any]:
    """What a stored session says."""
    return SessionStore(session.session_key).decode(session.session_data)


class CookieMiddleware(SessionMiddleware):
    """Django's, but that the cookie holds the secret."""

    def process_request(self, request: HttpRequest) -> None:
        request.session = SessionStore.of_cookie(request.COOKIES.get(settings.SESSION_COOKIE_NAME))

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response = super().process_response(request, response)
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None and cookie.value:
            response.cookies[settings.SESSION_COOKIE_NAME] = cast(SessionStore, request.session).secret
        return response


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


def _digest(secret: str) -> str:
    """As long as the columns of Django and allauth are wide."""
    made = salted_hmac("accounts.sessions", secret, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(made[:_KEY_BYTES]).decode()
