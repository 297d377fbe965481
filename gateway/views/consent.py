"""``/oauth/consent/<uuid>``: she reads who asks for what, and answers."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from allauth.account.authentication import get_authentication_records
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import forms, languages, stepup
from accounts.models import Person
from consent import clinicians
from consent.terms import Terms
from gateway import answers, counting, notices, owners, pending, questions, redirects, selections
from gateway.answers import AlreadyAnswered, Circumstances, NothingTicked
from gateway.models import AuthorizationRequest
from gateway.owners import Chosen
from gateway.selections import InvalidTime, Selection
from gateway.views import answering, clinician
from gateway.views.authorize import refuse_page
from records import patient


@require_http_methods(["GET", "POST"])
def consent(
    request: HttpRequest, uid: uuid.UUID, *, own: bool = False, delegation: uuid.UUID | None = None
) -> HttpResponse:
    """``own``, ``delegation``: whose record she chose, for one who may let apps into other people's too.

    It stands in the address, so that two tabs on two people never mix (DESIGN D14).
    """
    at = timezone.now()
    waiting = pending.waiting(uid, at=at)
    if waiting is None:
        return _over(request)
    if not isinstance(request.user, Person):
        return _sign_in(request, waiting)
    if not waiting.application.admits(request.user):
        why = _("This app is still being tried out. Only the made-up people of its developer can let it in.")
        return refuse_page(request, why, status=403)
    if not _signed_in_recently(request, request.user, waiting, at=at):
        logout(request)
        return _sign_in(request, waiting)
    if waiting.launch is not None and waiting.launch.person_id != request.user.pk:
        return _opens_nothing(request, waiting, at=at)
    with timezone.override(request.user.zone):
        if clinicians.is_one(request.user):
            return _clinician(request, request.user, waiting, at=at)
        return _whose(request, request.user, waiting, own=own, delegation=delegation, at=at)


def _whose(
    request: HttpRequest,
    person: Person,
    waiting: AuthorizationRequest,
    *,
    own: bool,
    delegation: uuid.UUID | None,
    at: datetime,
) -> HttpResponse:
    """A launch says whose record it is about; else she is asked, if she may let this app into more than her own."""
    launched = waiting.launch
    if launched is not None:
        own, delegation = launched.delegation_id is None, launched.delegation_id
    if own:
        return _asked(request, owners.own(person), waiting, at=at)
    if delegation is not None:
        record = owners.of(person, delegation, waiting.application, at=at)
        if record is not None:
            return _asked(request, record, waiting, at=at)
        return _opens_nothing(request, waiting, at=at) if launched else _not_hers(request)
    if request.POST.get("answer") == "switch":
        logout(request)
        return _sign_in(request, waiting)
    others = owners.others(person, waiting.application, at=at)
    if not others:
        return _asked(request, owners.own(person), waiting, at=at)
    context = {"waiting": waiting, "person": person, "others": others}
    return answering.page(request, "gateway/whose.html", context)


def _asked(request: HttpRequest, record: Chosen, waiting: AuthorizationRequest, *, at: datetime) -> HttpResponse:
    # Letting an app in is hers alone, whoever finds her browser open; saying no is anybody's.
    if request.POST.get("answer", "allow") == "allow" and not stepup.is_fresh(request):
        return stepup.ask(request)
    # The app is told which Patient she is: that one has to be there, and counted, before her first hospital too.
    patient.ensure(record.owner.pk, at=at)
    chosen = _selection(request, record, waiting)
    if request.method == "POST":
        answer = request.POST.get("answer")
        if answer == "switch":
            logout(request)
            return _sign_in(request, waiting)
        if answer in ("allow", "deny"):
            return _answer(request, record, waiting, chosen, at=at)
    return _ask(request, record, waiting, chosen, at=at)


def _selection(request: HttpRequest, record: Chosen, waiting: AuthorizationRequest) -> Selection:
    if request.method != "POST":
        usual = selections.STUDY if waiting.application.study_ends else selections.USUAL
        return Selection(length=usual)
    tally = counting.Tally(record.owner.pk, waiting.application.client_id, (), Terms(), within=record.bounds)
    return selections.of_form(request.POST, sources=tally.sources())


def _address(waiting: AuthorizationRequest) -> str:
    return reverse("gateway:consent", args=[waiting.pk])


def _sign_in(request: HttpRequest, waiting: AuthorizationRequest) -> HttpResponse:
    """To the sign-in, and back here; whom the app expects is filled in there (OIDC ``login_hint``)."""
    request.session.pop(forms.HINT, None)
    if "login_hint" in waiting.params:
        request.session[forms.HINT] = waiting.params["login_hint"]
    # Whose record, is asked again: who signs in may be somebody else.
    return redirect_to_login(_address(waiting))


def _opens_nothing(request: HttpRequest, waiting: AuthorizationRequest, *, at: datetime) -> HttpResponse:
    """A launch is of whoever opened the app, while she may; in other hands, or later, it is spent."""
    if not pending.claim(waiting, at=at):
        return _over(request)
    told = {"error": "invalid_request", "error_description": "This launch is somebody else's, or over."}
    return answering.see_other(redirects.answer(waiting.params["redirect_uri"], **told, state=waiting.params["state"]))


def _clinician(request: HttpRequest, person: Person, waiting: AuthorizationRequest, *, at: datetime) -> HttpResponse:
    try:
        return clinician.answered(request, person, waiting, how=circumstances(request, person), at=at)
    except AlreadyAnswered:
        return _over(request)


def circumstances(request: HttpRequest, person: Person) -> Circumstances:
    """What is written down beside an answer that is given now."""
    return Circumstances(
        authenticated=_signed_in(request, person),
        language=languages.current(),
        origin=answering.origin(request),
        session_key=request.session.session_key,
    )


def _answer(
    request: HttpRequest, record: Chosen, waiting: AuthorizationRequest, chosen: Selection, *, at: datetime
) -> HttpResponse:
    how = circumstances(request, record.person)
    try:
        if request.POST["answer"] == "deny":
            return answering.see_other(answers.deny(waiting, record, how=how, at=at))
        leads, authorization = answers.allow(waiting, record, chosen=chosen, how=how, at=at)
    except AlreadyAnswered:
        return _over(request)
    except NothingTicked:
        problem = _("Nothing is ticked that the app could use.")
        return _ask(request, record, waiting, chosen, at=at, problem=problem)
    except InvalidTime:
        return _ask(request, record, waiting, chosen, at=at)
    notices.tell(authorization, "begun")
    return answering.see_other(leads)


def _ask(
    request: HttpRequest,
    record: Chosen,
    waiting: AuthorizationRequest,
    chosen: Selection,
    *,
    at: datetime,
    problem: str = "",
) -> HttpResponse:
    """The page, also as the answer to ``count``: static/js/consent.js takes the numbers out of the same page."""
    language = languages.current()
    try:
        question = questions.ask(waiting, record, chosen, language=language, at=at)
    except InvalidTime:
        problem = _("The first and the last day must be days, and the last not before the first.")
        question = questions.ask(waiting, record, replace(chosen, first="", last=""), language=language, at=at)
    # A launch has chosen whose record it is; else whoever acts for others can choose again.
    again = "" if waiting.launch or not owners.others(record.person, waiting.application, at=at) else _address(waiting)
    context = {"question": question, "person": record.person, "problem": problem, "again": again}
    response = answering.page(request, "gateway/consent.html", context, status=400 if problem else 200)
    answering.let_forms_reach(response, [waiting.params["redirect_uri"]])
    return response


def _not_hers(request: HttpRequest) -> HttpResponse:
    """The same for a delegation of others, one that has ended, and one that never was."""
    why = _("You cannot let an app into this record, or no longer. Start again in the app.")
    return refuse_page(request, why, status=404)


def _over(request: HttpRequest) -> HttpResponse:
    why = _("This request was answered already, or it waited longer than ten minutes. Start again in the app.")
    return refuse_page(request, why, status=410)


def _signed_in_recently(request: HttpRequest, person: Person, waiting: AuthorizationRequest, *, at: datetime) -> bool:
    """What the app asked of the sign-in itself: ``prompt`` and ``max_age`` (OIDC Core 3.1.2.1).

    ``select_account`` is a sign-in as well: who is to sign in is chosen there.
    """
    signed_in = _signed_in(request, person)
    if {"login", "select_account"} & set(waiting.params.get("prompt", "").split()) and signed_in < waiting.created:
        return False
    max_age = waiting.params.get("max_age", "")
    if max_age.isascii() and max_age.isdigit() and len(max_age) < 10:
        # A sign-in made for this very request counts however long she then reads.
        return signed_in >= waiting.created or (at - signed_in).total_seconds() <= int(max_age)
    return True


def _signed_in(request: HttpRequest, person: Person) -> datetime:
    """When this session's sign-in happened; other sessions of hers do not count."""
    moments = [record["at"] for record in get_authentication_records(request, person) if "at" in record]
    if moments:
        return datetime.fromtimestamp(max(moments), tz=UTC)
    return person.last_login or timezone.now()
