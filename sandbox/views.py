"""The few pages a simulated hospital has of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Person
from consent import clinicians
from gateway import launches, pending, redirects
from gateway.models import Application, Authorization
from gateway.views import answering
from gateway.views import consent as asking
from sandbox import embedding, staff, wards

ClinicianView = Callable[..., HttpResponse]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this site is, that its people are made up, and for a patient who is signed in: whom she lets in."""
    person = request.user
    connected = (
        Authorization.objects.live(at=timezone.now()).filter(person=person).select_related("application")
        if isinstance(person, Person)
        else ()
    )
    works_here = isinstance(person, Person) and clinicians.is_one(person)
    context = {"fhir_base": settings.FHIR_BASE, "connected": connected, "works_here": works_here}
    return render(request, "sandbox/home.html", context)


def of_clinician(view: ClinicianView) -> ClinicianView:
    """For clinicians of this hospital alone; to everybody else the page does not exist."""

    @wraps(view)
    @login_required
    @never_cache
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not isinstance(request.user, Person) or not clinicians.is_one(request.user):
            raise Http404
        return view(request, request.user, *args, **kwargs)

    return guarded


@require_safe
@of_clinician
def patients(request: HttpRequest, clinician: Person) -> HttpResponse:
    return render(request, "sandbox/patients.html", {"patients": clinicians.patients()})


@require_safe
@of_clinician
def chart(request: HttpRequest, clinician: Person, patient_id: str) -> HttpResponse:
    """A patient's chart, and the apps that can be opened from it."""
    opened = wards.opened(
        _patient(patient_id), clinician=clinician, origin=answering.origin(request), at=timezone.now()
    )
    apps = launches.apps(clinician)
    response = render(request, "sandbox/chart.html", {"chart": opened, "apps": apps})
    _let_lead_to(response, apps)
    return response


@require_POST
@of_clinician
def open_app(request: HttpRequest, clinician: Person, patient_id: str) -> HttpResponse:
    """Opens an app for this patient and, if one was chosen, this visit."""
    patient, at = _patient(patient_id), timezone.now()
    application = _app(clinician, request.POST.get("app", ""))
    encounter = request.POST.get("encounter", "")
    context: dict[str, object] = {"need_patient_banner": True, "tenant": staff.slugify(settings.SITE_NAME)}
    if encounter:
        if not wards.has_visit(patient, encounter, clinician=clinician, at=at):
            raise Http404
        context["encounter"] = encounter
    if request.POST.get("intent"):
        context["intent"] = request.POST["intent"][:100]
    leads = launches.open_app(application, person=clinician, about=patient, context=context, at=at)
    if not embedding.is_of_the_chart(application):
        return answering.see_other(leads)
    return _in_the_chart(request, patient, application, leads)


def _in_the_chart(request: HttpRequest, patient: Person, application: Application, leads: str) -> HttpResponse:
    """The app inside the chart's page. The frame goes to the app, to our own sign-in and back."""
    context = {"patient": patient, "app": application, "address": leads}
    response = render(request, "sandbox/inside.html", context)
    response._csp_update = {"frame-src": ["'self'", embedding.origin(application)]}  # type: ignore[attr-defined]
    return response


@require_http_methods(["GET", "POST"])
def consent(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The gateway's page, but for the app of the chart: which one that is, the hospital decided."""
    at, person = timezone.now(), request.user
    waiting = pending.waiting(uid, at=at)
    if waiting is not None and isinstance(person, Person):
        leads = embedding.let_in(waiting, person, how=asking.circumstances(request, person), at=at)
        if leads is not None:
            return answering.see_other(leads)
    return asking.consent(request, uid)


def _patient(patient_id: str) -> Person:
    patient = wards.find(patient_id)
    if patient is None:
        raise Http404
    return patient


def _app(clinician: Person, client_id: str) -> Application:
    for application in launches.apps(clinician):
        if application.client_id == client_id:
            return application
    raise Http404


def _let_lead_to(response: HttpResponse, apps: Iterable[Application]) -> None:
    """Browsers hold the redirect after a form to form-action as well, so the apps' addresses must be in it."""
    leads = sorted({redirects.form_action(app.launch_uri) for app in apps})
    response._csp_update = {"form-action": leads}  # type: ignore[attr-defined]
