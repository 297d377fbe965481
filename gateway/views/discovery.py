"""The three documents that say what we are. Always JSON, whatever is asked for; no sign-in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from gateway import metadata
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


def _document(body: dict[str, Any]) -> HttpResponse:
    response = answering.in_json(body)
    response["Cache-Control"] = "public, max-age=300"
    del response["Pragma"]
    return response
