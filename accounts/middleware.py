"""Binds each request to who asks, as soon as that is known (binding.py)."""

from __future__ import annotations

from collections.abc import Callable

from allauth.account.internal.stagekit import LOGIN_SESSION_KEY
from allauth.account.utils import url_str_to_user_pk
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts import binding

Answer = Callable[[HttpRequest], HttpResponseBase]


class UnboundMiddleware:
    """The first of all: nobody inherits whom this thread was bound to before."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        binding.bind(None)
        return self.get_response(request)


class SignedInMiddleware:
    """After the session is known: the person's own rows, or what she is asked for between password and second step."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if binding.enforced() and request.user.is_authenticated:
            binding.bind(request.user.pk)
        elif binding.enforced() and (stage := request.session.get(LOGIN_SESSION_KEY)):
            binding.ask(url_str_to_user_pk(stage["user_pk"]))
        return self.get_response(request)
