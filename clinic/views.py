"""What a clinician sees in the frame of his EHR."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from clinic import standing
from smartlaunch import visits
from smartlaunch.visits import Open


@visits.needed
@require_safe
def panel(request: HttpRequest, opened: Open) -> HttpResponse:
    return render(request, "clinic/panel.html", {"opened": opened, "stands": standing.of(opened)})


@visits.needed
@require_safe
def still(request: HttpRequest, opened: Open) -> HttpResponse:
    """What the pages stand on now, for those that are open."""
    return HttpResponse(standing.of(opened), content_type="text/plain")


@visits.needed
@require_POST
def end(request: HttpRequest, opened: Open) -> HttpResponse:
    """He closes it: the page is locked, and the EHR's token is forgotten here."""
    visits.end(opened.visit, at=timezone.now())
    return visits.locked(request, status=200)
