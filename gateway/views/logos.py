"""``/oauth/logo/<uuid>``: an app's picture, for the pages where people meet the app."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from gateway.models import Logo


@require_safe
def logo(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(Logo, application__uid=uid)
    headers = {"Cache-Control": "public, max-age=300", "Content-Disposition": "inline"}
    return HttpResponse(bytes(found.png), content_type="image/png", headers=headers)
