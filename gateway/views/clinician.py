"""The consent page as a clinician of this hospital sees it: one question about the app he opened."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts.models import Person
from gateway import clinicians
from gateway.answers import Circumstances
from gateway.models import AuthorizationRequest
from gateway.views import answering


def answered(
    request: HttpRequest, clinician: Person, waiting: AuthorizationRequest, *, how: Circumstances, at: datetime
) -> HttpResponse:
    """The page, or where his answer leads. Raises AlreadyAnswered."""
    answer = request.POST.get("answer") if request.method == "POST" else None
    if answer == "deny":
        return answering.see_other(clinicians.deny(waiting, at=at))
    if answer == "allow":
        leads = clinicians.allow(waiting, clinician, how=how, at=at)
        if leads is not None:
            return answering.see_other(leads)
    problem = "" if answer is None else _("The app asks for nothing that it could have without a patient's chart.")
    context = {"question": clinicians.ask(waiting), "person": clinician, "problem": problem}
    response = answering.page(request, "gateway/clinician.html", context, status=400 if problem else 200)
    answering.let_forms_reach(response, [waiting.params["redirect_uri"]])
    return response
