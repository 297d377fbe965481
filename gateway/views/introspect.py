"""``/oauth/introspect`` (RFC 7662, SMART token-introspection): an app learns of its own tokens, of others nothing.

A resource server may ask about every token: with its own proof, or with a bearer token of the scope for it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from gateway import authorizations, bearer, claims, credentials, scopes, tokens
from gateway.bearer import BackendBearer, Bearer
from gateway.credentials import Asked
from gateway.errors import ClientRefused, InsufficientScope, ParameterMissing
from gateway.models import INTROSPECTION, AccessToken, AuthMethod, Authorization, RefreshToken
from gateway.views import answering
from gateway.views.token import answered

INACTIVE: dict[str, Any] = {"active": False}


@csrf_exempt
@sensitive_post_parameters()
@require_POST
def introspect(request: HttpRequest) -> HttpResponse:
    return answered(request, _introspect)


def _introspect(asked: Asked) -> HttpResponse:
    if "token" not in asked.form:
        raise ParameterMissing("token")
    found = tokens.find(asked.form["token"])
    return answering.in_json(_told(found, at=asked.at) if _may_know(asked, found) and found else INACTIVE)


def _may_know(asked: Asked, found: AccessToken | RefreshToken | None) -> bool:
    """Whether this caller may be told of this token. Raises ClientRefused, InvalidToken, SeveralProofs."""
    scheme, _, token = asked.authorization.partition(" ")
    if scheme.lower() == "bearer":
        return _may_holder_know(_holder(token.strip(), at=asked.at), found)
    client = credentials.authenticate(asked.authorization, asked.form, at=asked.at)
    if client.token_endpoint_auth_method == AuthMethod.NONE:
        raise ClientRefused("a public client has no proof of its own")
    asks_for_others = INTROSPECTION in client.scopes.split()
    return found is not None and bool(asks_for_others or found.application_id == client.pk)


def _holder(token: str, *, at: datetime) -> Bearer | BackendBearer:
    try:
        return bearer.of(token, at=at)
    except InsufficientScope:
        return bearer.of_backend(token, at=at)


def _may_holder_know(holder: Bearer | BackendBearer, found: AccessToken | RefreshToken | None) -> bool:
    """An app with a person's token may ask about the tokens that belong together with it; a service about its own."""
    if found is None:
        return False
    if isinstance(holder, Bearer):
        return bool(found.authorization_id == holder.authorization_id)
    asks_for_others = INTROSPECTION in {str(scope) for scope in holder.scopes}
    return asks_for_others or bool(found.application_id == holder.application_id)


def _told(found: AccessToken | RefreshToken, *, at: datetime) -> dict[str, Any]:
    if isinstance(found, AccessToken) and found.authorization is None:
        return _told_of_backend(found, at=at)
    authorization = found.authorization
    if authorization is None or not authorizations.is_live(authorization, at=at):
        return INACTIVE
    if isinstance(found, AccessToken):
        if found.expires <= at:
            return INACTIVE
        return {**_known(authorization, found.scope), "token_type": "Bearer", **_times(found, found.expires)}
    dies = min(found.created + tokens.IDLE_MAX, authorization.expires)
    if found.revoked is not None or dies <= at:
        return INACTIVE
    return {**_known(authorization, " ".join(authorization.scopes)), **_times(found, dies)}


def _times(found: AccessToken | RefreshToken, ends: datetime) -> dict[str, int]:
    return {"iat": int(found.created.timestamp()), "exp": int(ends.timestamp())}


def _known(authorization: Authorization, scope: str) -> dict[str, Any]:
    about: dict[str, Any] = {}
    if scopes.OPENID in authorization.scopes:
        about = {"iss": settings.PUBLIC_URL, **claims.of(authorization, authorization.scopes)}
    return {
        **authorization.context,
        **about,
        "active": True,
        "scope": scope,
        "client_id": authorization.application.client_id,
    }


def _told_of_backend(found: AccessToken, *, at: datetime) -> dict[str, Any]:
    if found.expires <= at or not found.application.active or not found.application.is_backend:
        return INACTIVE
    return {
        "active": True,
        "scope": found.scope,
        "client_id": found.application.client_id,
        "token_type": "Bearer",
        **_times(found, found.expires),
    }
