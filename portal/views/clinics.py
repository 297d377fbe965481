"""Clinics: who may see her record in a hospital's own system, who asks to, and a code to be asked by."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import languages, stepup
from consent import emergencies, ledger, texts
from consent.ledger import NothingToWithdraw
from portal import clinics, pages
from portal.clinics import AnswerForm
from smartlaunch import asks, glass
from smartlaunch.asks import Wish
from smartlaunch.models import Answer, ShareRequest


@require_safe
@pages.of_person
def listing(request: HttpRequest) -> HttpResponse:
    person, at = pages.person(request), timezone.now()
    context = {
        "asks": asks.waiting(person, at=at),
        "admitted": clinics.admitted(person, at=at),
        "emergencies": clinics.opened_in_emergency(person, at=at),
        "allowed": emergencies.allowed(person.pk),
    }
    return render(request, "portal/clinics.html", context)


@require_POST
@pages.of_person
@stepup.required
def code(request: HttpRequest) -> HttpResponse:
    """A new code, shown this once."""
    shown = asks.show_code(pages.person(request), at=timezone.now())
    halves = (shown[: len(shown) // 2], shown[len(shown) // 2 :])
    return render(
        request, "portal/clinic_code.html", {"code": "-".join(halves), "minutes": asks.CODE_LIFE.seconds // 60}
    )


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
@stepup.required
def ask(request: HttpRequest, uid: UUID) -> HttpResponse:
    person, at = pages.person(request), timezone.now()
    found = next((each for each in asks.waiting(person, at=at) if each.uid == uid), None)
    if found is None:
        raise Http404
    form = AnswerForm(request.POST or None, owner=person, at=at)
    said = request.POST.get("answer", "")
    if said == "count":
        form.counted()
    elif said == Answer.NO:
        return _answered(request, found, clinics.refusal())
    elif said in Answer.values and form.is_valid():
        return _answered(request, found, form.wish(Answer(said)))
    text = texts.read(texts.CLINIC, languages.current())
    over = found.visit_ends <= at
    return render(request, "portal/clinic_ask.html", {"ask": found, "form": form, "text": text, "over": over})


@require_POST
@pages.of_person
def stop(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One tap: the next request of anybody there shows nothing."""
    person, at = pages.person(request), timezone.now()
    decision = clinics.decision(person, uid, at=at)
    if decision is None:
        raise Http404
    try:
        asks.stop(person, decision, at=at, origin=_origin(request))
    except NothingToWithdraw as error:
        raise Http404 from error
    messages.success(request, _("%(name)s can no longer see anything of yours.") % {"name": decision.grantee_name})
    return redirect("portal:clinics")


@require_POST
@pages.of_person
def end_emergency(request: HttpRequest, uid: UUID) -> HttpResponse:
    """What was opened without her leave is shut with the next request."""
    if not glass.end(pages.person(request), uid, at=timezone.now(), origin=_origin(request)):
        raise Http404
    messages.success(request, _("It is ended."))
    return redirect("portal:clinics")


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
@stepup.required
def emergencies_at_all(request: HttpRequest) -> HttpResponse:
    """What it means that clinics can open a record in an emergency, and her word on it."""
    person = pages.person(request)
    text = texts.read(texts.EMERGENCY, languages.current())
    if request.method != "POST":
        context = {"text": text, "allowed": emergencies.allowed(person.pk)}
        return render(request, "portal/clinic_emergencies.html", context)
    act = glass.allow if request.POST.get("answer") == "allow" else glass.forbid
    read = ledger.Reading(text.version, text.language, text.digest)
    act(person, read=read, at=timezone.now(), origin=_origin(request))
    messages.success(
        request,
        _("Clinics can open your record in an emergency again.")
        if act is glass.allow
        else _("Nobody can open your record in an emergency any more."),
    )
    return redirect("portal:clinics")


def _answered(request: HttpRequest, found: ShareRequest, wish: Wish) -> HttpResponse:
    try:
        asks.answer(found, wish, read=_reading(found), at=timezone.now(), origin=_origin(request))
    except asks.VisitOver:
        messages.error(request, _("The visit is over, so nothing was shared. You can still choose 90 days."))
        return redirect("portal:clinic_ask", uid=found.uid)
    except asks.Answered as error:
        raise Http404 from error
    name = {"name": found.organization.name}
    told = (
        _("You said no. %(name)s is told nothing.") if wish.answer is Answer.NO else _("%(name)s sees what you chose.")
    )
    messages.success(request, told % name)
    return redirect("portal:clinics")


def _reading(found: ShareRequest) -> ledger.Reading:
    text = texts.read(texts.CLINIC, languages.current())
    told = {"clinician": found.clinician, "organization": found.organization.name}
    return ledger.Reading(text.version, text.language, text.digest, told)


def _origin(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
