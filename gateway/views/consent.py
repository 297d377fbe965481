"""``/oauth/consent/<uuid>``: she reads who asks for what, and answers."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from allauth.account.authentication import get_authentication_records
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import forms, languages, stepup
from accounts.models import Person
from consent import clinicians
from consent.terms import Terms
from gateway import answers, counting, pending, questions, redirects, selections
from gateway.answers import AlreadyAnswered, Circumstances, NothingTicked
from gateway.models import AuthorizationRequest
from gateway.selections import InvalidTime, Selection
from gateway.views import answering, clinician
from gateway.views.authorize import refuse_page
from records import patient


@require_http_methods(["GET", "POST"])
def consent(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
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
        return _opened_by_another(request, waiting, at=at)
    answer = _clinician if clinicians.is_one(request.user) else _owner
    with timezone.override(request.user.zone):
        return answer(request, request.user, waiting, at=at)


def _owner(request: HttpRequest, person: Person, waiting: AuthorizationRequest, *, at: datetime) -> HttpResponse:
    # Letting an app in is hers alone, whoever finds her browser open; saying no is anybody's.
    if request.POST.get("answer", "allow") == "allow" and not stepup.is_fresh(request):
        return stepup.ask(request)
    # The app is told which Patient she is: that one has to be there, and counted, before her first hospital too.
    patient.ensure(person.pk, at=at)
    chosen = _selection(request, person, waiting)
    if request.method == "POST":
        answer = request.POST.get("answer")
        if answer == "switch":
            logout(request)
            return _sign_in(request, waiting)
        if answer in ("allow", "deny"):
            return _answer(request, person, waiting, chosen, at=at)
    return _ask(request, person, waiting, chosen, at=at)


def _selection(request: HttpRequest, person: Person, waiting: AuthorizationRequest) -> Selection:
    if request.method != "POST":
        usual = selections.STUDY if waiting.application.study_ends else selections.USUAL
        return Selection(length=usual)
    offered = counting.Tally(person.pk, waiting.application.client_id, (), Terms()).sources()
    return selections.of_form(request.POST, sources=offered)


def _sign_in(request: HttpRequest, waiting: AuthorizationRequest) -> HttpResponse:
    """To the sign-in, and back here; whom the app expects is filled in there (OIDC ``login_hint``)."""
    request.session.pop(forms.HINT, None)
    if "login_hint" in waiting.params:
        request.session[forms.HINT] = waiting.params["login_hint"]
    return redirect_to_login(request.get_full_path())


def _opened_by_another(request: HttpRequest, waiting: AuthorizationRequest, *, at: datetime) -> HttpResponse:
    """A launch is of whoever opened the app; in other hands it is spent and opens nothing."""
    if not pending.claim(waiting, at=at):
        return _over(request)
    told = {"error": "invalid_request", "error_description": "This launch is somebody else's."}
    return answering.see_other(redirects.answer(waiting.params["redirect_uri"], **told, state=waiting.params["state"]))


def _clinician(request: HttpRequest, person: Person, waiting: AuthorizationRequest, *, at: datetime) -> HttpResponse:
    try:
        return clinician.answered(request, person, waiting, how=_circumstances(request, person), at=at)
    except AlreadyAnswered:
        return _over(request)


def _circumstances(request: HttpRequest, person: Person) -> Circumstances:
    return Circumstances(
        authenticated=_signed_in(request, person),
        language=languages.current(),
        origin=answering.origin(request),
        session_key=request.session.session_key,
    )


def _answer(
    request: HttpRequest, person: Person, waiting: AuthorizationRequest, chosen: Selection, *, at: datetime
) -> HttpResponse:
    how = _circumstances(request, person)
    try:
        if request.POST["answer"] == "deny":
            return answering.see_other(answers.deny(waiting, person, how=how, at=at))
        return answering.see_other(answers.allow(waiting, person, chosen=chosen, how=how, at=at))
    except AlreadyAnswered:
        return _over(request)
    except NothingTicked:
        problem = _("Nothing is ticked that the app could use.")
        return _ask(request, person, waiting, chosen, at=at, problem=problem)
    except InvalidTime:
        return _ask(request, person, waiting, chosen, at=at)


def _ask(
    request: HttpRequest,
    person: Person,
    waiting: AuthorizationRequest,
    chosen: Selection,
    *,
    at: datetime,
    problem: str = "",
) -> HttpResponse:
    """The page, also as the answer to ``count``: static/js/consent.js takes the numbers out of the same page."""
    language = languages.current()
    try:
        question = questions.ask(waiting, person, chosen, language=language, at=at)
    except InvalidTime:
        problem = _("The first and the last day must be days, and the last not before the first.")
        question = questions.ask(waiting, person, replace(chosen, first="", last=""), language=language, at=at)
    context = {"question": question, "person": person, "problem": problem}
    response = answering.page(request, "gateway/consent.html", context, status=400 if problem else 200)
    # Browsers hold the redirect after the form to form-action as well, so the app's address must be in it.
    response._csp_update = {"form-action": [redirects.form_action(waiting.params["redirect_uri"])]}  # type: ignore[attr-defined]
    return response


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
