"""The timeline of a record."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from portal import kinds, looking, pages, timeline
from records.query import InvalidSearch


@require_safe
@pages.of_person
def one(request: HttpRequest, uid: UUID | None = None) -> HttpResponse:
    """``q``: words; ``kind``, ``source``, ``from``, ``to``: what of it; ``after`` goes on where a page ended.

    ``uid``: the delegation under which she looks at somebody else's record.
    """
    wish, cursor = timeline.Wish.of(request.GET.dict()), request.GET.get("after") or None
    with looking.at_records(request, interaction="search", uid=uid) as look:
        counts = kinds.shown(look.records.told_counts())
        try:
            answer = timeline.read(look.records, wish, counts, cursor=cursor)
        except InvalidSearch:
            return redirect(request.path + wish.address())
        look.saw(answer.entries)
        shown = {
            "acting": look.acting,
            "wish": wish,
            "years": answer.years,
            "reached": answer.reached,
            "older": wish.address(after=answer.next) if answer.next else "",
            "newest": wish.address() if cursor else "",
            "kinds": timeline.kind_choices(wish, counts),
            "sources": timeline.source_choices(wish, counts),
            "has_any": bool(counts),
        }
        return render(request, "portal/timeline.html", shown)
