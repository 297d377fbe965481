"""Files and papers to hand on: chosen as for a link, given once, kept nowhere; and a card for emergencies."""

from __future__ import annotations

from typing import Any, Final, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts import stepup
from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from consent import gate
from consent.terms import Terms
from gateway import scopes
from portal import choosing, pages, papers, shares
from portal.shares import CountedForm
from records import labels, patient
from records.reading import RecordSet
from sharing import contents
from sharing.errors import LinkClosed

_FORM_NAMES: Final[tuple[tuple[str, str | Promise], ...]] = (
    ("pdf", gettext_lazy("A summary to read or print (PDF)")),
    ("csv", gettext_lazy("A table of the records (CSV)")),
    ("ips", gettext_lazy("A summary for computers (FHIR, International Patient Summary)")),
    ("bundle", gettext_lazy("The records for computers (FHIR Bundle)")),
)


class TakeForm(CountedForm):
    form = forms.ChoiceField(
        label=gettext_lazy("What to take"), choices=_FORM_NAMES, initial="pdf", widget=forms.RadioSelect
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        self.check_choices(said)
        whole = said.get("form") == "bundle" and not self.errors
        if whole and self.preview.total > contents.RECORDS_MAX:
            self.add_error("form", _("That is more than one file holds. Choose less, or download everything."))
        return said


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
@stepup.required
def choose(request: HttpRequest) -> HttpResponse:
    """``answer=count`` only counts again."""
    person, at = pages.person(request), timezone.now()
    form = TakeForm(request.POST or None, owner=person, at=at)
    if request.method == "POST" and request.POST.get("answer") == "count":
        form.counted()
    elif request.method == "POST" and form.is_valid():
        try:
            return _file(request, person, form)
        except LinkClosed:
            form.add_error("form", shares.NAMELESS)
    return render(request, "portal/take.html", {"form": form})


@require_safe
@pages.of_person
@stepup.required
def emergency(request: HttpRequest) -> HttpResponse:
    """``sensitive=1`` puts sensitive records on it as well."""
    person, at, all_of_it = pages.person(request), timezone.now(), request.GET.get("sensitive") == "1"
    chosen = frozenset(labels.names(labels.SENSITIVE)) if all_of_it else frozenset[str]()
    records = _part(person, (choosing.WHOLE,), Terms(labels=chosen))
    try:
        told = papers.urgent(records, at=at)
    except LinkClosed:
        messages.warning(request, shares.NAMELESS)
        return redirect("portal:share")
    if request.method == "GET":
        _note(request, person, "emergency", told.types)
    context = {
        "told": told,
        "blood": papers.blood(records),
        "contacts": papers.contacts(records),
        "sensitive": all_of_it,
        "at": timezone.localtime(at),
    }
    return render(request, "portal/emergency.html", context)


def _file(request: HttpRequest, person: Person, form: TakeForm) -> HttpResponse:
    chosen = form.cleaned_data["form"]
    media_type, name, write = papers.FORMS[chosen]
    taken = write(_part(person, form.granted(), form.terms()), person, at=form.at)
    _note(request, person, chosen, taken.types)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    answer: Any = StreamingHttpResponse(taken.data, content_type=media_type, headers=headers)
    return cast("HttpResponse", answer)  # whoever wraps a page knows only the common answer


def _part(person: Person, granted: tuple[str, ...], terms: Terms) -> RecordSet:
    patient.ensure(person.pk, at=timezone.now())
    return gate.part(owner_id=person.pk, reader=gate.Owner(person.pk), held=scopes.parse(granted), terms=terms)


def _note(request: HttpRequest, person: Person, form: str, types: dict[str, int]) -> None:
    """On record before the first byte leaves."""
    events.append(
        owner_id=person.pk,
        action=Action.READ,
        interaction="take-file",
        agent_kind=Agent.OWNER,
        agent=str(person.subject),
        agent_name=person.name,
        origin=str(request.META.get("REMOTE_ADDR", "")),
        detail={"form": form, "types": types},
    )
