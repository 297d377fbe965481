"""SMART Health Cards of her immunizations: chosen, signed, shown as QR codes or taken as a file; and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts import stepup
from accounts.models import Person
from portal import pages, pictures, when
from sharing import cards
from sharing.cards import Shot
from sharing.models import Card

FILE_TYPE = "application/smart-health-card"
LISTED_MAX: Final = 50


@dataclass(frozen=True)
class Choice:
    logical_id: str
    name: str
    day: str
    ticked: bool
    private: bool


@dataclass(frozen=True)
class Made:
    """A card she made. ``good``: whether it can be taken back; ``says``: what became of it."""

    uid: UUID
    moment: str
    shots: str
    good: bool
    says: str


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
@stepup.required
def vaccinations(request: HttpRequest) -> HttpResponse:
    """``answer=file`` gives the file, anything else the codes; of what a card says nothing is kept."""
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
        except cards.TooManyCards:
            context["problem"] = _("You have as many cards as you may. Take some back first.")
        else:
            if request.POST.get("answer") == "file":
                return _file(made)
            context["pictures"] = [pictures.of_card(each) for each in made]
    made_before = _made(person)
    several = sum(each.good for each in made_before) > 1
    return render(request, "portal/card.html", {**context, "made": made_before, "several": several})


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def take_back(request: HttpRequest, uid: UUID | None = None) -> HttpResponse:
    """One card, or all of them."""
    person, at = pages.person(request), timezone.now()
    held = cards.good(person) if uid is None else [each for each in [cards.one(person, uid)] if each]
    if not held:
        raise Http404
    if request.method != "POST":
        context = {"made": _told(held[0], {held[0].kid}) if uid else None, "number": len(held)}
        return render(request, "portal/take_back_card.html", context)
    try:
        number = cards.take_back(person, held, at=at, origin=str(request.META.get("REMOTE_ADDR", "")))
    except cards.NothingToTakeBack as error:
        raise Http404 from error
    told = ngettext("%(number)s card is taken back.", "%(number)s cards are taken back.", number)
    messages.success(request, told % {"number": number})
    return redirect("portal:card")


def _made(person: Person) -> list[Made]:
    vouching = cards.keys_that_vouch()
    return [_told(each, vouching) for each in cards.of(person, most=LISTED_MAX)]


def _told(card: Card, vouching: set[str]) -> Made:
    if card.taken_back:
        says = _("Taken back on %(day)s") % {"day": when.moment(card.taken_back)}
    else:
        says = "" if card.kid in vouching else _("Nobody believes it any more: this site has changed its key.")
    shots = ngettext("%(number)s immunization", "%(number)s immunizations", card.shots) % {"number": card.shots}
    return Made(card.uid, when.moment(card.made), shots, not says, says)


def _choice(shot: Shot, wanted: set[str] | None) -> Choice:
    """What she has not chosen yet is ticked unless it is sensitive."""
    ticked = not shot.private if wanted is None else shot.logical_id in wanted
    return Choice(shot.logical_id, shot.name, when.said(shot.resource["occurrenceDateTime"]), ticked, shot.private)


def _file(made: list[str]) -> HttpResponse:
    headers = {"Content-Disposition": 'attachment; filename="immunizations.smart-health-card"'}
    return HttpResponse(cards.file(made), content_type=FILE_TYPE, headers=headers)
