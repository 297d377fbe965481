"""How this room answers: redirects that leave no trace, JSON that nobody caches, and pages for a person."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from oauthlib.oauth2.rfc6749.errors import OAuth2Error

from gateway import bearer, errors, redirects
from gateway.errors import ClientRefused, GatewayError, InvalidToken, TooManyFailures, TooManyRequests

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


def see_other(location: str) -> HttpResponse:
    """303 to anywhere, private-use schemes too; the code in it is neither cached nor told to the next page."""
    headers = {"Location": location, "Referrer-Policy": "no-referrer", **NO_STORE}
    return HttpResponse(status=303, headers=headers)


def in_json(body: dict[str, Any] | str, status: int = 200, **headers: str) -> HttpResponse:
    text = body if isinstance(body, str) else json.dumps(body)
    return HttpResponse(text, status=status, content_type="application/json", headers={**NO_STORE, **headers})


def refusal(error: GatewayError | OAuth2Error) -> HttpResponse:
    """The JSON of RFC 6749 5.2, by the table of errors.py."""
    if isinstance(error, OAuth2Error):
        return in_json(error.json, error.status_code)
    answer = errors.answer(error)
    headers = {}
    if isinstance(error, ClientRefused) and error.basic:
        headers["WWW-Authenticate"] = 'Basic realm="oauth"'
    if isinstance(error, InvalidToken):
        headers["WWW-Authenticate"] = bearer.challenge(error)
    if isinstance(error, TooManyFailures | TooManyRequests):
        headers["Retry-After"] = str(error.seconds)
    return in_json({"error": answer.error, "error_description": answer.description}, answer.status, **headers)


def page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    response = render(request, template, context, status=status)
    response["Cache-Control"] = "no-store"
    # Not "no-referrer": browsers would send the form of this page with `Origin: null`, which the CSRF check refuses.
    response["Referrer-Policy"] = "same-origin"
    return response


def let_forms_reach(response: HttpResponse, uris: Iterable[str]) -> None:
    """Browsers hold the redirect after a form to form-action as well, so where the forms lead to must be in it."""
    allowed = sorted({redirects.form_action(uri) for uri in uris})
    response._csp_update = {"form-action": allowed}  # type: ignore[attr-defined]


def origin(request: HttpRequest) -> str:
    """The network address the request came from, for the audit chain."""
    return str(request.META.get("REMOTE_ADDR", ""))
