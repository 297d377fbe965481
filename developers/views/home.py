"""``/developers/``: what there is for developers, and becoming one."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Person, Role
from developers import pages, registrations


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    user = request.user
    developer = user if isinstance(user, Person) and pages.is_developer(user) else None
    apps = registrations.of(developer) if developer else None
    return render(request, "developers/home.html", {"apps": apps, "fhir_base": settings.FHIR_BASE})


@require_POST
def join(request: HttpRequest) -> HttpResponse:
    """She asked for these pages; nothing she has changes. Made-up people and clinicians stay what they are."""
    if not isinstance(request.user, Person):
        return redirect("account_login")
    Person.objects.filter(pk=request.user.pk, role=Role.PATIENT, is_synthetic=False).update(role=Role.DEVELOPER)
    return redirect("developers:home")
