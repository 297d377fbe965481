"""Measures with their newest values, and one of them over time: a drawing, the table behind it, points for a script."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from portal import curves, lines, looking, pages, readouts, results, sources
from records import reading, series
from records.query import InvalidSearch

WORDS_MAX = 100
_SECONDS = re.compile(r"-?\d{1,12}", re.ASCII)


@require_safe
@pages.of_person
def listing(request: HttpRequest, uid: UUID | None = None) -> HttpResponse:
    """``q``: words in the name or code; ``page``. ``uid``: the delegation under which she looks at another's record."""
    words = " ".join(request.GET.get("q", "").split())[:WORDS_MAX]
    said = request.GET.get("page", "1")
    page = int(said) if said.isascii() and said.isdigit() and 0 < len(said) < 5 and int(said) else 1
    with looking.at_records(request, interaction="search", uid=uid) as look:
        found = results.measures(look.records, words, page=page)
        look.saw(found.entries)
        shown = {"acting": look.acting, "words": words, "found": found, "page": page}
        shown |= {"before": page - 1, "after": page + 1 if page < found.pages else 0}
        return render(request, "portal/results.html", shown)


@require_safe
@pages.of_person
def one(request: HttpRequest, logical_id: str, uid: UUID | None = None) -> HttpResponse:
    """The measure of one Observation over time, so that no address names what is measured.

    ``over``: how far back the drawing goes; ``after``: where the table goes on.
    """
    over, cursor = request.GET.get("over", results.USUAL), request.GET.get("after") or None
    over = over if over in results.TIMES else results.USUAL
    with looking.at_records(request, interaction="search", uid=uid) as look:
        stored, code = _measured(look.records, logical_id)
        try:
            page = look.records.search(series.query(code).page(results.ROWS, after=cursor))
        except InvalidSearch:
            return redirect(request.path)
        span = results.span(look.records, code, over)
        drawn = curves.draw(look.records, code, since=span.since, until=span.until) if span else None
        look.saw(page.entries)
        look.seen["Observation"] += drawn.records if drawn else 0
        title, said = lines.called(stored.resource)
        shown = {
            "acting": look.acting,
            "stored": stored,
            "title": title,
            "said": said,
            "over": over,
            "times": tuple(results.TIMES),
            "rows": results.rows(page.entries),
            "older": page.next,
            "further": cursor is not None,
            **(_drawn(drawn, stored) if drawn else {}),
        }
        return render(request, "portal/trend.html", shown)


def _drawn(drawn: curves.Drawn, stored: reading.Stored) -> dict[str, Any]:
    called, parts = _called(drawn), readouts.parts(stored.resource)
    return {"pictures": results.pictures(drawn, called, parts), "left": drawn.left, "read": drawn.records}


@require_safe
@pages.of_person
def points(request: HttpRequest, logical_id: str, uid: UUID | None = None) -> HttpResponse:
    """The same drawing for a script: ``over``, or ``from`` and ``to`` in seconds since 1970 UTC."""
    with looking.at_records(request, interaction="search", uid=uid) as look:
        stored, code = _measured(look.records, logical_id)
        over = request.GET.get("over", results.USUAL)
        span = _asked(request) or results.span(look.records, code, over if over in results.TIMES else results.USUAL)
        if span is None:
            return JsonResponse({"charts": []})
        drawn = curves.draw(look.records, code, since=span.since, until=span.until)
        look.seen["Observation"] += drawn.records
        told = curves.told(drawn, _called(drawn), readouts.parts(stored.resource))
    name = "portal:for_record" if uid else "portal:record"
    whose = [uid] if uid else []
    record = reverse(name, args=[*whose, "Observation", "-"]).removesuffix("-/")
    return JsonResponse({"charts": told, "record": record})


def _measured(records: reading.RecordSet, logical_id: str) -> tuple[reading.Stored, str]:
    """The record and the code of its series. Raises Http404."""
    stored = records.read("Observation", logical_id)
    code = readouts.code(stored.resource) if stored and not stored.deleted else ""
    if stored is None or not code:
        raise Http404
    return stored, code


def _called(drawn: curves.Drawn) -> dict[int, str]:
    return sources.names(line.source_id for chart in drawn.charts for line in chart.lines)


def _asked(request: HttpRequest) -> results.Span | None:
    """What the script zooms to, if it says that in whole seconds."""
    said = [_SECONDS.fullmatch(request.GET.get(name, "")) for name in ("from", "to")]
    since, until = (int(each[0]) * 1_000_000 if each else 0 for each in said)
    return results.Span(since, until) if since < until else None
