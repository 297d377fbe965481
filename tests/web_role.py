"""Requests of the tests under the role of the web server, in the transaction and connection of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.test import override_settings
from psycopg import Cursor

from accounts.database import base
from local import postgres


@contextmanager
def stepped_down() -> Iterator[None]:
    """As the web role: its rights, its policies, and nobody bound. Within itself it changes nothing."""
    if connection.enforced or settings.SITE == "hospital" or not _is_open():
        # A simulated hospital runs as the owner of the tables; a test without a database asks nothing.
        yield
        return
    _say(f"SET row_security = on; SET ROLE {postgres.WEB_ROLE}")
    connection.enforced, connection.wanted, connection.told = True, None, base.Told.UNKNOWN
    try:
        yield
    finally:
        connection.enforced = False
        if not connection.needs_rollback:
            _say("RESET ROLE; SET row_security = off")


def _is_open() -> bool:
    try:
        connection.ensure_connection()
    except RuntimeError:  # as pytest-django refuses it
        return False
    return True


def _say(statement: str) -> None:
    """Uncounted: it is no statement of the application."""
    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(statement)


@contextmanager
def requests() -> Iterator[None]:
    """Every request of the test's clients, each by itself as the web server would."""
    with override_settings(MIDDLEWARE=["tests.web_role.WebRoleMiddleware", *settings.MIDDLEWARE]):
        yield


class WebRoleMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with stepped_down():
            return self.get_response(request)
