"""What the pages of a visit have in common: where one can go, what they stand on, and the page that shows nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy

from clinic import standing
from clinic.looking import Look
from consent import emergencies
from smartlaunch.visits import Open

PAGES: Final = (
    ("clinic:panel", gettext_lazy("Summary")),
    ("clinic:readings", gettext_lazy("Home and clinic")),
    ("clinic:results", gettext_lazy("Results, documents, team")),
    ("clinic:search", gettext_lazy("Search")),
    ("clinic:messages", gettext_lazy("Messages")),
    ("clinic:follow_ups", gettext_lazy("Questionnaires")),
    ("clinic:send", gettext_lazy("Send into the chart")),
)


def show(request: HttpRequest, opened: Open, look: Look, template: str, context: Mapping[str, Any]) -> HttpResponse:
    stands = standing.word(opened, look.reader)
    emergency = emergencies.of_visit(look.owner.pk, opened.uid, at=look.at) if look.decision_id is None else None
    shown = {**context, "opened": opened, "stands": stands, "pages": PAGES, "emergency": emergency}
    return render(request, template, shown)


def nothing(request: HttpRequest, opened: Open) -> HttpResponse:
    """The same for no link, no decision, a refusal and a record that is not there."""
    context = {"opened": opened, "stands": standing.word(opened, None), "asked": "asked" in request.GET}
    return render(request, "clinic/nothing.html", context)
