"""Who looked: the person's access log."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audit import events
from portal import glances, pages

PAGE = 200


@require_safe
@pages.of_person
def log(request: HttpRequest) -> HttpResponse:
    """Newest first; ``before`` is the number of the last event of the page before."""
    person = pages.person(request)
    given = request.GET.get("before", "")
    before = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
    found = list(events.of(person.pk, PAGE + 1, before=before))
    shown = found[:PAGE]
    return render(
        request,
        "portal/access.html",
        {
            "glances": glances.of(shown, owner_id=person.pk),
            "before": shown[-1].sequence if len(found) > PAGE else None,
            "further": before is not None,
        },
    )
