"""``/ehr/<uid>/questionnaires/``: a clinician asks, sees whether it was answered, and reads the answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from clinic import follow_ups as listings
from clinic import looking, overview, pages, standing
from clinic.follow_ups import AskForm
from clinic.looking import Look
from consent import gate
from consent.models import Grantee
from portal import questionnaires, when
from portal.views.entries import NOT_KEPT
from records.reading import RecordSet
from smartlaunch import correspondence, follow_ups, visits
from smartlaunch.visits import Open
from sync import conversations


def _while_shared(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """What she takes back between two questions of one request is not there either."""

    @wraps(view)
    def guarded(request: HttpRequest, opened: Open, **named: UUID) -> HttpResponse:
        try:
            return view(request, opened, **named)
        except gate.ConsentMissing:
            return pages.nothing(request, opened)

    return guarded


@visits.needed
@require_http_methods(["GET", "HEAD", "POST"])
@_while_shared
def listing(request: HttpRequest, opened: Open) -> HttpResponse:
    """What was asked and what became of it; POST asks, once."""
    with looking.at_chart(request, opened, interaction="search", told=gate.READ_MESSAGES) as look:
        if look is None or not isinstance(look.reader, gate.Holder):
            return pages.nothing(request, opened)
        form = AskForm(
            request.POST if request.method == "POST" else None,
            organization=opened.organization,
            today=listings.today(look.owner),
        )
        may_ask = correspondence.writes(opened)
        if may_ask and form.is_valid() and _asked(request, opened, look, look.reader, form):
            return redirect(f"{reverse('clinic:follow_ups', args=[opened.uid])}?asked=yes")
        lines, asked = listings.listed(_conversation(opened, look), opened.organization.uid)
        look.saw(asked)
        context = {"whose": overview.whose(look), "lines": lines, "form": form, "may_ask": may_ask}
        context |= {"asked": "asked" in request.GET, "one_visit": look.reader.kind == Grantee.CLINICIAN}
        return pages.show(request, opened, look, "clinic/follow_ups.html", context)


@visits.needed
@require_safe
@_while_shared
def one(request: HttpRequest, opened: Open, follow_up: UUID) -> HttpResponse:
    """The answers, item by item."""
    with looking.at_chart(request, opened, interaction="read", told=gate.READ_MESSAGES) as look:
        if look is None or not isinstance(look.reader, gate.Holder):
            return pages.nothing(request, opened)
        records = _conversation(opened, look)
        found = follow_ups.of_organization(look.owner.pk, opened.organization.uid).filter(pk=follow_up).first()
        stored = follow_ups.questionnaire(records, found) if found and not found.taken_back else None
        given = follow_ups.response(records, found) if found and stored else None
        if stored is None or given is None:
            context = {"opened": opened, "stands": standing.word(opened, look.reader)}
            return render(request, "clinic/missing.html", context, status=404)
        look.saw([stored, given])
        asked = questionnaires.asked(stored.resource, name=stored.logical_id)
        context = {
            "whose": overview.whose(look),
            "title": questionnaires.in_words(asked).title,
            "told": questionnaires.told(asked, given.resource),
            "answered": when.said(given.resource.get("authored")),
            "corrected": given.resource.get("status") == "amended",
        }
        return pages.show(request, opened, look, "clinic/answers.html", context)


def _conversation(opened: Open, look: Look) -> RecordSet:
    return gate.conversation(
        owner_id=look.owner.pk, reader=look.reader, organization=opened.organization.uid, at=look.at
    )


def _asked(request: HttpRequest, opened: Open, look: Look, holder: gate.Holder, form: AskForm) -> bool:
    """Whether it was; why not stands in the form."""
    try:
        follow_ups.ask(
            opened,
            look.owner,
            holder,
            form.asking(look.owner),
            once=form.cleaned_data["once"],
            at=look.at,
            origin=request.META.get("REMOTE_ADDR", ""),
        )
    except follow_ups.TooManyOpen:
        form.add_error(None, _("Five questionnaires of yours have no answer yet. Nothing was asked."))
    except conversations.Malformed:
        form.add_error("questionnaire", NOT_KEPT)
    except conversations.TooMany:
        form.add_error(None, _("Your organization has written to this patient as often as it may within a day."))
    else:
        return True
    return False
