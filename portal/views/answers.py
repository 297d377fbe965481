"""Questionnaires she answers, and the answers she corrects and takes back. Never for somebody else."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent import gate
from portal import elements, follow_ups, looking, pages, questionnaires, when
from portal.questionnaires import AnswerForm, Asked
from portal.views.entries import NOT_KEPT, Written, correct_one, origin, take_back_one
from records import sources
from records.query import Query
from records.reading import Stored
from sync import entries as written

LISTED = 100
ANSWERS = Written(written.ANSWERS, "portal:own_answers", "portal:own_answer_correct")


@require_safe
@pages.of_person
def listing(request: HttpRequest) -> HttpResponse:
    """What she can answer, and what she has answered, newest first."""
    person = pages.person(request)
    with looking.at_records(request, interaction="search", told=gate.READ_MESSAGES) as look:
        wanted, asked = follow_ups.listed(person, look.records, at=timezone.now())
        look.saw(asked)
    with looking.at_records(request, interaction="search") as look:
        every, active = questionnaires.of(look.records, without={each.logical_id for each in asked})
        hers = sources.hers().pk
        page = look.records.search(Query.of(written.ANSWERS).page(LISTED))
        answered = [each for each in page.entries if each.source_id == hers]
        look.saw([*active, *answered])
        shown = [_listed(each, every) for each in answered]
        return render(request, "portal/questionnaires.html", {"wanted": wanted, "every": every, "answered": shown})


def _listed(stored: Stored, every: list[Asked]) -> dict[str, object]:
    resource = stored.resource
    asked = questionnaires.answered(every, resource)
    return {
        "id": stored.logical_id,
        "title": asked.title if asked else _("Questionnaire"),
        "moment": when.said(elements.text(resource, "authored")),
        "erred": resource.get("status") == written.ERRED,
        "correctable": asked is not None,
    }


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def answer(request: HttpRequest, name: str) -> HttpResponse:
    """``name``: ours, or the id of a Questionnaire in her record; what a clinic asks has a page of its own."""
    if found := follow_ups.of_questionnaire(pages.person(request), name):
        return redirect("portal:asked", uid=found.pk)
    with looking.at_records(request, interaction="read") as look:
        asked = questionnaires.named(look.records, name)
    if asked is None:
        raise Http404
    form = AnswerForm(asked, request.POST or None)
    if request.method == "POST" and form.is_valid():
        person, now = pages.person(request), timezone.now()
        try:
            written.add(person, form.said(), kind=written.ANSWERS, at=now, origin=origin(request))
        except written.Malformed:
            messages.error(request, NOT_KEPT)
        else:
            messages.success(request, _("Your answers are kept as an entry of your own."))
            return redirect("portal:own_answers")
    return render(request, "portal/answer_form.html", {"asked": asked, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def correct(request: HttpRequest, entry: UUID) -> HttpResponse:
    """The same form, filled in; ``version`` is the one she saw."""
    stored, asked = _given(request, str(entry))
    if asked is None:
        raise Http404
    filled = AnswerForm.filled(asked, stored.resource)
    form = AnswerForm(asked, request.POST) if request.method == "POST" else AnswerForm(asked, initial=filled)
    if request.method == "POST" and form.is_valid():
        return correct_one(request, entry, form.said(), ANSWERS)
    return render(request, "portal/answer_form.html", {"asked": asked, "form": form, "stored": stored})


@require_POST
@pages.of_person
def take_back(request: HttpRequest, entry: UUID) -> HttpResponse:
    _given(request, str(entry))
    return take_back_one(request, entry, ANSWERS)


def _given(request: HttpRequest, logical_id: str) -> tuple[Stored, Asked | None]:
    """Answers of hers that stand. Raises Http404."""
    with looking.at_records(request, interaction="read") as look:
        stored = written.own(look.records, logical_id, kind=written.ANSWERS)
        if stored is None or stored.resource.get("status") == written.ERRED:
            raise Http404
        look.saw([stored])
        return stored, questionnaires.answered(questionnaires.of(look.records)[0], stored.resource)
