"""``/oauth/token`` and ``/oauth/revoke``: forms in, JSON out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from oauthlib.oauth2.rfc6749.errors import OAuth2Error

from gateway import backends, codes, credentials, errors, limits, parameters, renewals, revocations, throttle
from gateway.credentials import Asked
from gateway.errors import GatewayError, GrantTypeMissing, GrantTypeUnsupported, TooManyRequests
from gateway.limits import Caller
from gateway.server import grant_types
from gateway.views import answering

# What guessing looks like.
GUESSES: Final = frozenset({"invalid_client", "invalid_grant"})
GRANTS: Final[Mapping[str, Callable[[Asked], dict[str, Any]]]] = {
    "authorization_code": codes.redeem,
    "refresh_token": renewals.renew,
    "client_credentials": backends.serve,
}


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


def _issue(asked: Asked) -> HttpResponse:
    if "grant_type" not in asked.form:
        raise GrantTypeMissing("no grant_type")
    if asked.form["grant_type"] not in grant_types():
        raise GrantTypeUnsupported("unknown grant type")
    return answering.in_json(GRANTS[asked.form["grant_type"]](asked))


def _revoke(asked: Asked) -> HttpResponse:
    revocations.revoke(asked)
    return answering.in_json({})


def answered(request: HttpRequest, act: Callable[[Asked], HttpResponse]) -> HttpResponse:
    """The act's answer, or the refusal for whatever it raised; guesses are counted."""
    client_id, origin = "", answering.origin(request)
    try:
        authorization = request.META.get("HTTP_AUTHORIZATION", "")
        form = renewals.naming_client(parameters.of_form(request), authorization)
        asked = Asked(form, authorization, origin, timezone.now())
        client_id = named_client(request, form)
        throttle.check(client_id, origin)
        limits.spend(Caller.ADDRESS, origin)
        limits.check(Caller.APP, client_id)
        response = act(asked)
    except (GatewayError, OAuth2Error) as error:
        word = errors.answer(error).error if isinstance(error, GatewayError) else error.error
        if word in GUESSES:
            throttle.count_failure(client_id, origin)
        return answering.refusal(error)
    # Only now is it proved who asked. Beyond the limit the next request is refused.
    with suppress(TooManyRequests):
        limits.spend(Caller.APP, client_id)
    return response


def named_client(request: HttpRequest, form: Mapping[str, str]) -> str:
    """Who the client says it is, to count its failures by; believed by nobody."""
    try:
        return credentials.presented(request.META.get("HTTP_AUTHORIZATION", ""), form).client_id
    except GatewayError:
        return ""
