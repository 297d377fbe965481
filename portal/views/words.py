"""The glossary: words that stand in records, explained. It shows nothing of anybody's record."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal import explanations, pages


@require_safe
@pages.of_person
def glossary(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/glossary.html", {"explained": explanations.glossary()})
