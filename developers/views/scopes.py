"""``/developers/scopes/``: the scope builder. Everything is in the address, so a result can be kept and sent on."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from developers import building, pages

MOST = 60


@require_safe
@pages.of_developer
def builder(request: HttpRequest) -> HttpResponse:
    given = request.GET
    have = list(dict.fromkeys(given.get("have", "").split()))[:MOST]
    letters = given.getlist("letter")
    if letters:
        one = building.build(given.get("level", "patient"), given.get("kind", "*"), letters, given.get("category", ""))
        have = list(dict.fromkeys([*have, one]))
    context = {
        "have": " ".join(have),
        "meanings": [building.meaning(text) for text in have],
        "levels": building.LEVELS,
        "kinds": building.kinds(),
        "letters": [(letter, word, letter in (letters or ["r", "s"])) for letter, word in building.LETTERS],
        "categories": building.categories(),
    }
    return render(request, "developers/scopes.html", context)
