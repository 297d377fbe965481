"""``/oauth/userinfo`` and ``/oauth/jwks``: who signed in, and the keys that prove it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from gateway import bearer, claims, keys, refusals, scopes, styles
from gateway.errors import GatewayError, InsufficientScope, InvalidToken
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
    except InvalidToken as error:
        refusals.of_token(error, interaction="userinfo", origin=answering.origin(request))
        return answering.refusal(error)
    except GatewayError as error:
        return answering.refusal(error)


@require_safe
def smart_style(request: HttpRequest, digest: str) -> HttpResponse:
    """How we look (SMART, "Styling"); an address of another day's style is not there any more."""
    if digest != styles.digest():
        raise Http404
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return HttpResponse(styles.document(), content_type="application/json", headers=headers)


@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    response = answering.in_json(keys.published(at=timezone.now()))
    response["Cache-Control"] = f"public, max-age={int(keys.JWKS_LIFE.total_seconds())}"
    del response["Pragma"]
    return response
