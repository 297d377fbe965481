"""The three documents that say what we are. Always JSON, whatever is asked for; no sign-in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from gateway import brands, metadata
from gateway.views import answering


@require_safe
def smart_configuration(request: HttpRequest) -> HttpResponse:
    return _document(metadata.smart())


@require_safe
def openid_configuration(request: HttpRequest) -> HttpResponse:
    return _document(metadata.openid())


@require_safe
def oauth_authorization_server(request: HttpRequest) -> HttpResponse:
    return _document(metadata.oauth())


@require_safe
def brand_bundle(request: HttpRequest) -> HttpResponse:
    """Who we are, for apps that list where records lie (SMART "User-access Brands"); kept by its weak ETag."""
    tag = brands.tag()
    fresh = tag in request.headers.get("If-None-Match", "")
    response = HttpResponse(status=304) if fresh else _document(brands.bundle())
    if not fresh:
        response["Content-Type"] = "application/fhir+json"
    response["ETag"] = tag
    return response


def _document(body: dict[str, Any]) -> HttpResponse:
    response = answering.in_json(body)
    response["Cache-Control"] = "public, max-age=300"
    del response["Pragma"]
    return response
