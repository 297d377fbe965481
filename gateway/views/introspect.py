"""``/oauth/introspect`` (RFC 7662, SMART token-introspection): an app learns of its own tokens, of others nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from gateway import authorizations, bearer, claims, credentials, limits, parameters, scopes, throttle, tokens, validator
from gateway.errors import ClientRefused, GatewayError, Malformed
from gateway.limits import Caller
from gateway.models import AccessToken, AuthMethod, Authorization, RefreshToken
from gateway.views import answering
from gateway.views.token import named_client

INACTIVE: dict[str, Any] = {"active": False}


@csrf_exempt
@sensitive_post_parameters()
@require_POST
def introspect(request: HttpRequest) -> HttpResponse:
    client_id, origin, at = "", answering.origin(request), timezone.now()
    try:
        form = parameters.of_form(request)
        client_id = named_client(request, form)
        throttle.check(client_id, origin)
        limits.spend(Caller.ADDRESS, origin)
        if "token" not in form:
            raise Malformed("no token")
        found = validator.find(form["token"])
        return answering.in_json(_told(found, at=at) if _may_know(request, form, found, at=at) else INACTIVE)
    except GatewayError as error:
        if isinstance(error, ClientRefused):
            throttle.count_failure(client_id, origin)
        return answering.refusal(error)


def _may_know(
    request: HttpRequest, form: dict[str, str], found: AccessToken | RefreshToken | None, *, at: datetime
) -> bool:
    """A client that proved itself, or the holder of a live token of the same authorization.

    Raises ClientRefused, InvalidToken, SeveralProofs.
    """
    holder = bearer.resolve(request)
    if holder is not None:
        return found is not None and found.authorization_id == holder.authorization_id
    client = credentials.authenticate(request.headers.get("Authorization", ""), form, at=at)
    if client.token_endpoint_auth_method == AuthMethod.NONE:
        raise ClientRefused("a public client has no proof of its own")
    return found is not None and found.application_id == client.pk


def _told(found: AccessToken | RefreshToken | None, *, at: datetime) -> dict[str, Any]:
    if isinstance(found, AccessToken) and found.authorization is None:
        return _told_of_backend(found, at=at)
    authorization = found.authorization if found else None
    if found is None or authorization is None or not authorizations.is_live(authorization, at=at):
        return INACTIVE
    if isinstance(found, AccessToken):
        if found.expires <= at:
            return INACTIVE
        return {**_known(authorization, found.scope), "token_type": "Bearer", "exp": int(found.expires.timestamp())}
    dies = min(found.created + tokens.IDLE_MAX, authorization.expires)
    if found.revoked is not None or dies <= at:
        return INACTIVE
    return {**_known(authorization, " ".join(authorization.scopes)), "exp": int(dies.timestamp())}


def _known(authorization: Authorization, scope: str) -> dict[str, Any]:
    about: dict[str, Any] = {}
    if scopes.OPENID in authorization.scopes:
        about = {"iss": settings.PUBLIC_URL, **claims.of(authorization.person, authorization.scopes)}
    return {
        "active": True,
        "scope": scope,
        "client_id": authorization.application.client_id,
        **authorization.context,
        **about,
    }


def _told_of_backend(found: AccessToken, *, at: datetime) -> dict[str, Any]:
    if found.expires <= at or not found.application.active or not found.application.is_backend:
        return INACTIVE
    return {
        "active": True,
        "scope": found.scope,
        "client_id": found.application.client_id,
        "token_type": "Bearer",
        "exp": int(found.expires.timestamp()),
    }
