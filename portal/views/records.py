"""Lists of records by kind, and one record in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from csp.constants import SELF
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts import languages, stepup
from accounts.models import Person
from consent import texts
from portal import (
    as_of,
    documents,
    explanations,
    facts,
    hidings,
    kinds,
    lines,
    looking,
    origins,
    pages,
    readouts,
    sameness,
    sensitivity,
    when,
)
from portal.as_of import PastDay
from records import reading
from records import sources as records_sources
from records.query import InvalidSearch
from standards.fhir import json
from sync import entries

PAGE = 30


@require_safe
@pages.of_person
def listing(request: HttpRequest, kind: str, uid: UUID | None = None) -> HttpResponse:
    """One kind, newest first; ``list`` picks one of its lists, ``after`` goes on where a page ended.

    ``uid``: the delegation under which she looks at somebody else's record.
    """
    chosen = kinds.named(kind)
    if chosen is None:
        raise Http404
    with looking.at_records(request, interaction="search", uid=uid) as look:
        shelves = kinds.shelves(chosen, kinds.shown(look.records.told_counts()))
        shelf = next(
            (each for each in shelves if each.slug == request.GET.get("list")), shelves[0] if shelves else None
        )
        past, after = as_of.asked(request, look), request.GET.get("after") or None
        page = _page(look.records, shelf, after, past)
        if page is None:
            return redirect(f"{request.path}{past.query if past else ''}")
        look.saw(page.entries)
        return render(
            request,
            "portal/records.html",
            {
                "acting": look.acting,
                "kind": chosen,
                "shelves": shelves,
                "shelf": shelf,
                "lines": lines.all_of(page.entries),
                "next": page.next,
                "further": bool(after),
                "as_of": past,
            },
        )


def _page(
    records: reading.RecordSet, shelf: kinds.Shelf | None, cursor: str | None, past: PastDay | None
) -> reading.Page | None:
    """None where the place to go on from is none of ours."""
    if shelf is None:
        return reading.Page([], None)
    try:
        if past:
            return past.of(records).page(shelf.query(), count=PAGE, after=cursor, wanted=shelf.holds)
        return records.search(shelf.query().page(PAGE, after=cursor))
    except InvalidSearch:
        return None


@require_safe
@pages.of_person
def one(request: HttpRequest, resource_type: str, logical_id: str, uid: UUID | None = None) -> HttpResponse:
    """One record: its facts, its text, where it came from, what is wrong with it, and the FHIR JSON itself.

    ``version`` picks an earlier version. ``uid``: the delegation under which she looks at somebody else's record; who
    else gets it is its owner's affair.
    """
    asked = request.GET.get("version", "")
    with looking.at_records(request, interaction="vread" if asked else "read", uid=uid) as look:
        versions, past = look.records.history(resource_type, logical_id), as_of.asked(request, look)
        if past and versions and not asked:
            known = [each for each in versions if each.last_updated <= past.at]
            if not known or known[0].deleted:
                return _not_held(request, look, past, versions, known)
            asked = str(known[0].version_id)
        stored = next((each for each in versions if not asked or str(each.version_id) == asked), None)
        if stored is None or stored.deleted:
            raise Http404
        told_again = sameness.others(look.records, stored, look.owner, look.acting) if stored is versions[0] else None
        kind, fact, members = told_again or (None, None, [stored])
        traces, provenances = origins.traces(look.records, stored)
        look.saw([*members, *provenances])
        place = origins.places(look.owner, [stored.source_id], acting=look.acting).get(stored.source_id)
        shown = {**_shown(stored, versions), "acting": look.acting, "same_kind": kind, "fact": fact}
        shown |= {"place": place, "traces": traces, "as_of": past}
        if not look.acting:
            shown |= _who_gets_it(look.owner, stored)
            is_last = stored is versions[0] and stored.resource.get("status") != entries.ERRED
            shown["is_own"] = (
                is_last and stored.resource_type == entries.KIND and stored.source_id == records_sources.hers().pk
            )
        answer = render(request, "portal/record.html", shown)
    # Its documents, each an answer of its own in a frame without rights (views/documents.py).
    answer._csp_update = {"frame-src": [SELF]}  # type: ignore[attr-defined]
    return answer


def _not_held(
    request: HttpRequest,
    look: looking.Look,
    past: PastDay,
    versions: Sequence[reading.Stored],
    known: Sequence[reading.Stored],
) -> HttpResponse:
    """What she has, or had, and what was not there on that day: it had not come yet, or was removed before."""
    if all(each.deleted for each in versions):
        raise Http404
    look.saw(versions[:1])
    shown = {"acting": look.acting, "as_of": past, "removed": bool(known)}
    return render(request, "portal/not_held.html", {**shown, "reached": when.moment(versions[-1].last_updated)})


def _who_gets_it(owner: Person, stored: reading.Stored) -> dict[str, Any]:
    found = hidings.of(owner, f"{stored.resource_type}/{stored.logical_id}", at=timezone.now())
    return {
        "hidings": found,
        "is_hidden": any(each.hidden for each in found),
        "hiding_text": texts.read(texts.HIDING, languages.current()),
        "verdicts": sensitivity.verdicts(stored, owner.pk),
    }


@require_POST
@pages.of_person
def hide(request: HttpRequest, resource_type: str, logical_id: str) -> HttpResponse:
    """``hide`` or ``show`` names whom: everyone, or the client_id of an app she let in. Hiding is never held up."""
    answer = _changed if "hide" in request.POST else stepup.required(_changed)
    return answer(request, resource_type, logical_id)


def _changed(request: HttpRequest, resource_type: str, logical_id: str) -> HttpResponse:
    with looking.at_records(request, interaction="read") as look:
        stored = look.records.read(resource_type, logical_id)
    if stored is None or stored.deleted:
        raise Http404
    person, record = pages.person(request), f"{resource_type}/{logical_id}"
    hiding = "hide" in request.POST
    whom = hidings.named(person, request.POST.get("hide" if hiding else "show", ""), at=timezone.now())
    if whom is None:
        raise Http404
    change = hidings.hide if hiding else hidings.show
    change(
        person,
        record,
        whom,
        language=languages.current(),
        at=timezone.now(),
        origin=request.META.get("REMOTE_ADDR", ""),
    )
    return redirect("portal:record", resource_type=resource_type, logical_id=logical_id)


def _shown(stored: reading.Stored, versions: Sequence[reading.Stored]) -> dict[str, Any]:
    resource = stored.resource
    return {
        "stored": stored,
        "kind": kinds.of(stored.resource_type, lines.categories(resource))[0],
        "title": lines.called(resource)[0],
        "value": lines.value(resource),
        "measured": stored.resource_type == "Observation" and bool(readouts.code(resource)),
        "happened": when.happened(resource),
        "facts": facts.of(resource),
        "narrative": facts.narrative(resource),
        "papers": documents.of(resource),
        "explained": explanations.of(resource),
        "fetched": when.moment(stored.last_updated),
        "versions": [(each.version_id, when.moment(each.last_updated)) for each in versions if not each.deleted],
        "latest": stored.version_id == versions[0].version_id,
        "raw": json.indented(resource),
    }
