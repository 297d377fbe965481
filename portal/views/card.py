"""A SMART Health Card of her immunizations: chosen, signed, shown as QR codes or taken as a file."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import stepup
from portal import pages, pictures, when
from sharing import cards
from sharing.cards import Shot

FILE_TYPE = "application/smart-health-card"


@dataclass(frozen=True)
class Choice:
    logical_id: str
    name: str
    day: str
    ticked: bool
    private: bool


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
@stepup.required
def vaccinations(request: HttpRequest) -> HttpResponse:
    """``answer=file`` gives the file, anything else the codes; nothing is kept of a card."""
    person, at = pages.person(request), timezone.now()
    shots = cards.shots(person, at=at)
    wanted = set(request.POST.getlist("shot")) if request.method == "POST" else None
    chosen = [shot for shot in shots if wanted is not None and shot.logical_id in wanted]
    context: dict[str, object] = {"choices": [_choice(shot, wanted) for shot in shots]}
    if request.method == "POST" and not chosen:
        context["problem"] = _("Choose at least one.")
    elif request.method == "POST":
        try:
            made = cards.issue(person, chosen, at=at, origin=str(request.META.get("REMOTE_ADDR", "")))
        except cards.NoName:
            context["problem"] = _("Your record does not say your name, and a card without one is worth nothing.")
        else:
            if request.POST.get("answer") == "file":
                return _file(made)
            context["pictures"] = [pictures.of_card(each) for each in made]
    return render(request, "portal/card.html", context)


def _choice(shot: Shot, wanted: set[str] | None) -> Choice:
    """What she has not chosen yet is ticked unless it is sensitive."""
    ticked = not shot.private if wanted is None else shot.logical_id in wanted
    return Choice(shot.logical_id, shot.name, when.said(shot.resource["occurrenceDateTime"]), ticked, shot.private)


def _file(made: list[str]) -> HttpResponse:
    headers = {"Content-Disposition": 'attachment; filename="immunizations.smart-health-card"'}
    return HttpResponse(cards.file(made), content_type=FILE_TYPE, headers=headers)
