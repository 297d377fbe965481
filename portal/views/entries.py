"""What she writes herself: the list of it, a form for each sort, correcting and taking back. For nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal import entries, looking, pages
from portal.entries import Sort
from records.query import InvalidSearch, Query
from records.reading import Stored
from sync import entries as written

PAGE = 30
# A questionnaire of a hospital may ask for what cannot stand in an answer: a code that is none, a name with spaces.
NOT_KEPT = gettext_lazy("This cannot be kept: there is a mistake in the questionnaire itself.")


@dataclass(frozen=True)
class Written:
    """What she writes as one type of FHIR, and by which names its pages are found: all of it, and one to correct."""

    kind: str
    listing: str
    correcting: str


OWN = Written(written.KIND, "portal:own", "portal:own_correct")


@require_safe
@pages.of_person
def listing(request: HttpRequest) -> HttpResponse:
    """Newest first; ``after`` goes on where a page ended."""
    with looking.at_records(request, interaction="search") as look:
        token = f"{written.CATEGORY['system']}|{written.CATEGORY['code']}"
        query = Query.of(written.KIND).where("category", token)
        try:
            page = look.records.search(query.page(PAGE, after=request.GET.get("after") or None))
        except InvalidSearch:
            return redirect("portal:own")
        look.saw(page.entries)
        shown = {"entries": [entries.listed(each) for each in page.entries], "next": page.next}
        return render(request, "portal/own.html", {**shown, "sorts": entries.SORTS, "further": "after" in request.GET})


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def add(request: HttpRequest, sort: str) -> HttpResponse:
    chosen = entries.named(sort)
    if chosen is None:
        raise Http404
    form = chosen.form(request.POST or None)
    if request.method == "POST" and form.is_valid():
        written.add(pages.person(request), form.said(), at=timezone.now(), origin=origin(request))
        messages.success(request, _("Kept as an entry of your own."))
        return redirect("portal:own")
    return render(request, "portal/own_form.html", {"sort": chosen, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def correct(request: HttpRequest, entry: UUID) -> HttpResponse:
    """The same form, filled in; ``version`` is the one she saw."""
    stored, sort = _entry(request, str(entry))
    form = sort.form(request.POST) if request.method == "POST" else sort.form(initial=sort.form.again(stored.resource))
    if request.method == "POST" and form.is_valid():
        return correct_one(request, entry, form.said(), OWN)
    return render(request, "portal/own_form.html", {"sort": sort, "form": form, "stored": stored})


@require_POST
@pages.of_person
def take_back(request: HttpRequest, entry: UUID) -> HttpResponse:
    _entry(request, str(entry))
    return take_back_one(request, entry, OWN)


def _entry(request: HttpRequest, logical_id: str) -> tuple[Stored, Sort]:
    """Raises Http404 for what is no entry of hers, and for one she took back."""
    with looking.at_records(request, interaction="read") as look:
        stored = written.own(look.records, logical_id)
        sort = entries.sort_of(stored.resource) if stored else None
        if stored is None or sort is None or stored.resource.get("status") == written.ERRED:
            raise Http404
        look.saw([stored])
    return stored, sort


def correct_one(request: HttpRequest, entry: UUID, said: dict[str, Any], which: Written) -> HttpResponse:
    """Puts ``said`` in the place of what it said. Raises Http404."""
    done = _("Corrected. The earlier version is kept beside it.")
    return _change(request, entry, which, partial(written.correct, said=said), done)


def take_back_one(request: HttpRequest, entry: UUID, which: Written) -> HttpResponse:
    """Raises Http404."""
    done = _("Taken back. It stays in your record, marked as entered in error.")
    return _change(request, entry, which, written.take_back, done)


def _change(request: HttpRequest, entry: UUID, which: Written, change: Callable[..., None], done: str) -> HttpResponse:
    """To the list of them, or back to the entry where it is not the one she saw."""
    try:
        change(
            pages.person(request), str(entry), version=version(request), at=timezone.now(), kind=which.kind,
            origin=origin(request),
        )  # fmt: skip
    except written.Changed:
        messages.error(request, _("It has changed meanwhile. Look at it again."))
        return redirect(which.correcting, entry=entry)
    except written.Malformed:
        messages.error(request, NOT_KEPT)
        return redirect(which.correcting, entry=entry)
    except written.NoSuchEntry as error:
        raise Http404 from error
    messages.success(request, done)
    return redirect(which.listing)


def version(request: HttpRequest) -> int:
    """The version of an entry that the form was filled in from; 0 where it does not say."""
    said = request.POST.get("version", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 9 else 0


def origin(request: HttpRequest) -> str:
    """The network address the request came from, for the access log."""
    return str(request.META.get("REMOTE_ADDR", ""))
