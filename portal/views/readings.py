"""Blood pressure at home beside the clinic's, glucose and weight: the page that her clinicians see, too."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from portal import looking, pages, readings


@require_safe
@pages.of_person
def overview(request: HttpRequest, uid: UUID | None = None) -> HttpResponse:
    months = readings.months_asked(request.GET.get("months"))
    with looking.at_records(request, interaction="search", uid=uid) as look:
        shown, seen = readings.shown(look.records, months, zone=look.owner.zone, at=timezone.now())
        look.saw(seen)
    return render(request, "portal/readings.html", {"shown": shown, "acting": look.acting})
