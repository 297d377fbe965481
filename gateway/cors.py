"""Which web pages of other origins may call us from a browser (SMART App Launch 2.2, "CORS support").

Documents that say what we are, and health links, which viewers anywhere open: every origin. Tokens, revocation,
userinfo and the FHIR API: origins of registered apps. Cookies never count (no credentials mode), so a page can do no
more than its own token lets it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from gateway.models import Application

OPEN: Final = re.compile(
    r"/brands\.json|/\.well-known/[a-z-]+|/oauth/jwks|/oauth/style/[0-9a-f]+\.json"
    r"|/fhir/r4/(\.well-known/smart-configuration|metadata)|/shl/[^/]+(/[^/]+)?"
    r"|/cards/\.well-known/(jwks|crl/[^/]+)\.json|/cds-services(/[^/]+)?"
)
REGISTERED: Final = re.compile(r"/oauth/(token|par|revoke|introspect|userinfo)|/fhir/r4(/.*)?", re.DOTALL)
METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
HEADERS: Final = (
    "Authorization, Content-Type, Accept, Prefer, If-Match, If-None-Exist, If-None-Match, If-Modified-Since,"
    " X-Request-Id"
)
EXPOSED: Final = "Content-Location, ETag, Last-Modified, Location, Retry-After, WWW-Authenticate"
PREFLIGHT_SECONDS: Final = 600


class CorsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_open, is_guarded = OPEN.fullmatch(request.path), REGISTERED.fullmatch(request.path)
        if not (is_open or is_guarded):
            return self.get_response(request)
        # From META: ``request.headers`` is a copy of all of them under other names.
        origin = request.META.get("HTTP_ORIGIN", "")
        allowed = "*" if is_open else (origin if origin and is_registered(origin) else "")
        asks_first = request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META
        response = HttpResponse(status=204) if asks_first else self.get_response(request)
        if not is_open:
            patch_vary_headers(response, ["Origin"])
        if allowed:
            response["Access-Control-Allow-Origin"] = allowed
            response["Access-Control-Expose-Headers"] = EXPOSED
        if allowed and asks_first:
            response["Access-Control-Allow-Methods"] = METHODS
            response["Access-Control-Allow-Headers"] = HEADERS
            response["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
        return response


def is_called_by_programs(path: str) -> bool:
    """Whether apps and services call this address, and no person opens it in a browser."""
    return bool(REGISTERED.fullmatch(path) or OPEN.fullmatch(path))


def is_registered(origin: str) -> bool:
    """Whether an active app's pages live at this origin."""
    if "\x00" in origin or " " in origin or len(origin) > 255:
        return False
    holders = Application.objects.filter(active=True, allowed_origins__contains=origin)
    return any(origin in origins.split() for origins in holders.values_list("allowed_origins", flat=True))
