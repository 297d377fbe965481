"""``/oauth/token`` and ``/oauth/revoke``: forms in, JSON out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from oauthlib.oauth2.rfc6749.errors import OAuth2Error

from gateway import limits, parameters, throttle
from gateway.errors import GatewayError, GrantTypeMissing, GrantTypeUnsupported, TooManyRequests
from gateway.limits import Caller
from gateway.server import grant_types
from gateway.toolkit.server import server
from gateway.views import answering

Form = dict[str, str]
# What guessing looks like.
GUESSES = frozenset({"invalid_client", "invalid_grant"})


@csrf_exempt
@sensitive_post_parameters()
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    return answered(request, _issue)


@csrf_exempt
@sensitive_post_parameters()
@require_POST
def revoke(request: HttpRequest) -> HttpResponse:
    return answered(request, _revoke)


def _issue(request: HttpRequest, form: Form) -> HttpResponse:
    if "grant_type" not in form:
        raise GrantTypeMissing("no grant_type")
    if form["grant_type"] not in grant_types():
        raise GrantTypeUnsupported("unknown grant type")
    _, body, status = server().create_token_response(
        reverse("gateway:token"), "POST", urlencode(form), answering.oauth_headers(request)
    )
    return answering.in_json(body, status)


def _revoke(request: HttpRequest, form: Form) -> HttpResponse:
    _, body, status = server().create_revocation_response(
        reverse("gateway:revoke"), "POST", urlencode(form), answering.oauth_headers(request)
    )
    return answering.in_json(body, status)


def answered(request: HttpRequest, act: Callable[[HttpRequest, Form], HttpResponse]) -> HttpResponse:
    """The act's answer, or the refusal for whatever it raised; guesses are counted."""
    client_id, origin = "", answering.origin(request)
    try:
        form = parameters.of_form(request)
        client_id = named_client(request, form)
        throttle.check(client_id, origin)
        limits.spend(Caller.ADDRESS, origin)
        limits.check(Caller.APP, client_id)
        response = act(request, form)
    except (GatewayError, OAuth2Error) as error:
        response = answering.refusal(error)
    if response.status_code < 400:
        # Only now is it proved who asked. Beyond the limit the next request is refused.
        with suppress(TooManyRequests):
            limits.spend(Caller.APP, client_id)
    if response.status_code in (400, 401) and any(f'"{word}"'.encode() in response.content for word in GUESSES):
        throttle.count_failure(client_id, origin)
    return response


def named_client(request: HttpRequest, form: Form) -> str:
    """Who the client says it is, to count its failures by; believed by nobody."""
    header = request.headers.get("Authorization", "").partition(" ")[2]
    try:
        basic = base64.b64decode(header, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        basic = ""
    return form.get("client_id", "") or basic
