"""``/developers/reference/`` and ``/developers/openapi.json``."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from developers import pages, reference


@require_safe
@pages.of_developer
def page(request: HttpRequest) -> HttpResponse:
    context = {"operations": reference.operations(), "fhir_base": settings.FHIR_BASE}
    return render(request, "developers/reference.html", context)


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    response = JsonResponse(reference.document())
    response["Access-Control-Allow-Origin"] = "*"
    return response
