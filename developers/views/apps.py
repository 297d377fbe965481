"""A developer's apps: registered, changed, given secrets, submitted; and what they did."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import stepup
from developers import checks, complaints, pages, registrations, reviews, statistics
from developers.forms import AppForm, ChangeForm, KeysForm
from developers.models import State
from gateway import logos
from gateway.errors import InvalidRegistration
from gateway.models import Application


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_developer
@stepup.required
@sensitive_variables("made")
def register(request: HttpRequest) -> HttpResponse:
    form = AppForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                described = form.description_of_app()
                made = registrations.register(described, by=pages.person(request), at=timezone.now())
                _keep_logo(made.application, form)
        except InvalidRegistration as error:
            form.add_error(None, complaints.told(error))
        else:
            return _told(request, made.application, made.secret)
    return render(request, "developers/app_form.html", {"form": form}, status=400 if form.is_bound else 200)


@require_safe
@pages.of_developer
def one(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    return render(request, "developers/app.html", _context(_own(request, uid)))


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_developer
def change(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    application = _own(request, uid)
    form = ChangeForm(application, request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                registrations.change(application, form.description_of_app())
                _keep_logo(application, form)
        except InvalidRegistration as error:
            form.add_error(None, complaints.told(error))
        else:
            messages.success(request, _("Changed. The app is being tried out again until it is reviewed."))
            return redirect("developers:app", uid)
    context = {"form": form, "app": application}
    return render(request, "developers/app_form.html", context, status=400 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_developer
@stepup.required_to_send
def renew_keys(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    application = _own(request, uid)
    initial = {"jwks": application.client_jwks, "jwks_uri": application.client_jwks_uri}
    form = KeysForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            registrations.renew_keys(application, **form.cleaned_data)
        except InvalidRegistration as error:
            form.add_error(None, complaints.told(error))
        else:
            messages.success(request, _("The keys are replaced."))
            return redirect("developers:app", uid)
    context = {"form": form, "app": application}
    return render(request, "developers/keys.html", context, status=400 if form.is_bound else 200)


@require_POST
@pages.of_developer
@stepup.required
@sensitive_variables("secret")
def renew_secret(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    application = _own(request, uid)
    try:
        secret = registrations.renew_secret(application, at=timezone.now())
    except InvalidRegistration:
        return redirect("developers:app", uid)
    return _told(request, application, secret)


@require_POST
@pages.of_developer
def submit(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    try:
        reviews.submit(_own(request, uid), at=timezone.now())
        messages.success(request, _("Submitted. You see here what the reviewer says."))
    except reviews.OutOfTurn:
        messages.error(request, _("This app cannot be submitted now."))
    return redirect("developers:app", uid)


@require_safe
@pages.of_developer
def usage(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    application = _own(request, uid)
    shown = statistics.of(application, at=timezone.now())
    return render(request, "developers/usage.html", {"app": application, "statistics": shown})


def _own(request: HttpRequest, uid: uuid.UUID) -> Application:
    """Raises Http404 for an app of somebody else."""
    return get_object_or_404(registrations.of(pages.person(request)), uid=uid)


def _context(application: Application) -> dict[str, Any]:
    state = application.review.state
    return {
        "app": application,
        "review": application.review,
        "checks": checks.of(application),
        "has_secret": registrations.has_secret(application),
        "signs": registrations.signs(application),
        "may_submit": state in (State.DRAFT, State.RETURNED),
        "may_change": state != State.SUSPENDED,
    }


def _told(request: HttpRequest, application: Application, secret: str | None) -> HttpResponse:
    """The app's page with its new secret, which is shown this once; without one, the page itself."""
    if secret is None:
        return redirect("developers:app", application.uid)
    fresh = registrations.of(pages.person(request)).get(pk=application.pk)
    return render(request, "developers/app.html", {**_context(fresh), "secret": secret})


def _keep_logo(application: Application, form: AppForm) -> None:
    """Raises InvalidRegistration."""
    uploaded = form.cleaned_data["logo"]
    if uploaded:
        logos.keep(application, uploaded.read(logos.BYTES_MAX + 1))
