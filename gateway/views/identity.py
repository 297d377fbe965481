"""``/oauth/userinfo`` and ``/oauth/jwks``: who signed in, and the keys that prove it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from gateway import bearer, claims, keys, scopes
from gateway.errors import GatewayError, InsufficientScope
from gateway.views import answering


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def userinfo(request: HttpRequest) -> HttpResponse:
    try:
        holder = bearer.resolve(request)
        if holder is None:
            return answering.in_json({}, 401, **{"WWW-Authenticate": bearer.challenge()})
        granted = [str(scope) for scope in holder.scopes]
        if scopes.OPENID not in granted:
            raise InsufficientScope("openid was not granted")
        return answering.in_json(claims.of(holder, granted))
    except GatewayError as error:
        return answering.refusal(error)


@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    response = answering.in_json(keys.published(at=timezone.now()))
    response["Cache-Control"] = "public, max-age=300"
    del response["Pragma"]
    return response
