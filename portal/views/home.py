"""The first page: what she has, from where, how fresh, and what needs her."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from consent import gate
from gateway import launches
from gateway.models import Application
from gateway.views import answering
from portal import hospitals, kinds, looking, pages, sources
from portal import overview as overviews
from smartlaunch import asks


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """For a visitor, what this place is; for her, her record at a glance."""
    return overview(request) if request.user.is_authenticated else render(request, "portal/welcome.html")


@pages.of_person
def overview(request: HttpRequest) -> HttpResponse:
    """From counters alone: no record is opened, so nothing is written to the access log."""
    person = pages.person(request)
    at = timezone.now()
    records = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="search", at=at)
    counts = kinds.shown(records.counts())
    connections = hospitals.of(person)
    given = sources.totals(counts)
    # What we keep of her ourselves is no record yet: the page says how to begin.
    held = kinds.tally(counts) if given or connections else []
    return render(
        request,
        "portal/home.html",
        {
            "held": held,
            "has_readings": _has_readings(held),
            "has_days": any(each.kind.slug == "activity" for each in held),
            "total": sum(count.total for count in counts) if held else 0,
            "flawed": sum(count.problems for count in counts),
            "sources": given,
            "connections": connections,
            "asks": asks.waiting(person, at=at),
            "overview": overviews.of(person, counts, connections, at=at),
        },
    )


@require_safe
@pages.of_person
def acting_home(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The record of somebody she acts for at a glance, as far as she may see it; nothing of it is shown."""
    with looking.at_records(request, interaction="search", uid=uid) as look:
        counts = kinds.shown(look.records.told_counts())
        held = kinds.tally(counts)
        shown: dict[str, Any] = {
            "acting": look.acting,
            "held": held,
            "has_readings": _has_readings(held),
            "total": sum(count.total for count in counts),
            "sources": sources.totals(counts),
            "opening": _openable(request, look),
        }
        response = render(request, "portal/acting_home.html", shown)
    answering.let_forms_reach(response, [app.launch_uri for app in shown["opening"]])
    return response


def _has_readings(held: Iterable[kinds.Held]) -> bool:
    """Whether there may be any pressure, glucose or weight."""
    return any(each.kind.slug in ("vital-signs", "laboratory") for each in held)


def _openable(request: HttpRequest, look: looking.Look) -> list[Application]:
    """The apps she can open for whom she acts, if she may let apps in."""
    if look.acting is None or not look.acting.apps:
        return []
    return [app for app in launches.apps(pages.person(request)) if app.admits(look.owner)]
