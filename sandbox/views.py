"""The few pages a simulated hospital has of its own."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Person
from gateway.models import Authorization


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What this site is, that its people are made up, and for a patient who is signed in: whom she lets in."""
    person = request.user
    connected = (
        Authorization.objects.live(at=timezone.now()).filter(person=person).select_related("application")
        if isinstance(person, Person)
        else ()
    )
    return render(request, "sandbox/home.html", {"fhir_base": settings.FHIR_BASE, "connected": connected})
