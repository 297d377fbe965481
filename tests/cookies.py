"""Django's test client as a real browser: its cookie holds the secret of a session, not what the tables hold of it."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.test.client import ClientMixin

from accounts.sessions import SessionStore

_set_login_cookies = ClientMixin._set_login_cookies


def keep_secrets() -> None:
    ClientMixin.session = property(_session)
    ClientMixin._set_login_cookies = _signed_in


def _session(client: ClientMixin) -> SessionStore:
    cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
    session = SessionStore.of_cookie(cookie.value if cookie else None)
    if not cookie:
        session.save()
        client.cookies[settings.SESSION_COOKIE_NAME] = session.secret
    return session


def _signed_in(client: ClientMixin, request: HttpRequest) -> None:
    _set_login_cookies(client, request)
    client.cookies[settings.SESSION_COOKIE_NAME] = request.session.secret
