"""``/organizations/<slug>/questionnaires/``: what the clinicians of an organisation can ask with."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from clinic import questionnaires, staff
from clinic.questionnaires import QuestionnaireForm
from portal.questionnaires import AnswerForm
from smartlaunch import questionnaires as offers
from smartlaunch.models import Organization

_SHOWN: Final = 100


@require_http_methods(["GET", "HEAD", "POST"])
@staff.of_organization
def listing(request: HttpRequest, organization: Organization) -> HttpResponse:
    """What is offered and what was; POST takes in another, or a new version."""
    form = QuestionnaireForm(request.POST, request.FILES) if request.method == "POST" else None
    if form is not None and form.is_valid() and _entered(request, organization, form):
        return redirect("organizations:questionnaires", organization.slug)
    withdrawn = organization.questionnaires.filter(withdrawn__isnull=False).order_by("-withdrawn")
    context = {
        "organization": organization,
        "form": form or QuestionnaireForm(),
        "offered": list(questionnaires.offered(organization)),
        "withdrawn": withdrawn[:_SHOWN],
    }
    return render(request, "clinic/questionnaires.html", context, status=400 if form and form.errors else 200)


def _entered(request: HttpRequest, organization: Organization, form: QuestionnaireForm) -> bool:
    try:
        made = offers.enter(organization, form.given, at=timezone.now(), ours=form.cleaned_data["ours"])
    except offers.VersionTaken:
        form.add_error("file", _("Under this url and version you asked something else. Give it a new version."))
        return False
    except offers.TooMany:
        form.add_error(None, _("You have 50 questionnaires. Withdraw one first."))
        return False
    staff.note(request, organization, "enter-questionnaire", questionnaire=str(made.uid))
    messages.success(request, _("Your clinicians can ask with it now."))
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@staff.of_organization
def one(request: HttpRequest, organization: Organization, uid: UUID) -> HttpResponse:
    """The questions as a patient reads them; POST withdraws it."""
    found = get_object_or_404(organization.questionnaires, uid=uid)
    if request.method == "POST":
        if offers.withdraw(organization, uid, at=timezone.now()):
            staff.note(request, organization, "withdraw-questionnaire", questionnaire=str(uid))
            messages.success(request, _("Withdrawn. Who was asked may still answer."))
        return redirect("organizations:questionnaires", organization.slug)
    asked = questionnaires.asked(found)
    context = {"organization": organization, "questionnaire": found, "asked": asked, "form": AnswerForm(asked)}
    return render(request, "clinic/questionnaire.html", context)
