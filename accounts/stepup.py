"""Step-up: before something that matters, whoever sits there proves again to be the one who signed in.

A proof counts for ``settings.STEP_UP_AFTER``: a sign-in, or a password, one-time code or passkey given again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import urlencode

from accounts import sessions

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def required(view: View[P]) -> View[P]:
    """A page for whoever has just shown who she is. A form sent too late goes on by itself once she has."""

    @login_required
    @wraps(view)
    def page(request: HttpRequest, /, *args: P.args, **options: P.kwargs) -> HttpResponse:
        if is_fresh(request):
            return view(request, *args, **options)
        if not _methods(request):
            return ask(request)
        raise ReauthenticationRequired

    return page


def required_to_send(view: View[P]) -> View[P]:
    """The same for a page that is looked at freely, and whose form matters."""
    guarded = required(view)

    @login_required
    @wraps(view)
    def page(request: HttpRequest, /, *args: P.args, **options: P.kwargs) -> HttpResponse:
        return (guarded if request.method == "POST" else view)(request, *args, **options)

    return page


def is_fresh(request: HttpRequest) -> bool:
    return time.time() - _proved(request) < settings.STEP_UP_AFTER.total_seconds()


def ask(request: HttpRequest) -> HttpResponse:
    """To the page that asks, and from there back to this address (by GET)."""
    back = request.get_full_path()
    methods = _methods(request)
    if methods:
        return HttpResponseRedirect(f"{methods[0]['url']}?{urlencode({'next': back})}")
    # She always comes in by another site: that one has to say again who she is.
    logout(request)
    return redirect_to_login(back if request.method == "GET" else "/")


def _methods(request: HttpRequest) -> list[dict[str, Any]]:
    methods: list[dict[str, Any]] = get_adapter().get_reauthentication_methods(request.user)
    return methods


def _proved(request: HttpRequest) -> float:
    """When she last did, in seconds since 1970; 0 where that is not known."""
    moments = [record["at"] for record in get_authentication_records(request, request.user) if "at" in record]
    return float(max(moments, default=request.session.get(sessions.BEGAN, 0)))
