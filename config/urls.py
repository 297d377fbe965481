"""Addresses of the person's site; a sandbox hospital's are in sandbox/urls.py. Composition only."""

from __future__ import annotations

from django.urls import include, path

from fhirapi.batches import BaseView

urlpatterns = [
    path("", include("config.health")),
    path("", include("portal.urls")),
    path("accounts/", include("accounts.urls")),
    path("", include("gateway.urls")),
    path("connect/", include("smartlaunch.urls")),
    # A Bundle is posted to the base as it is spelt; a redirect would lose it.
    path("fhir/r4", BaseView.as_view()),
    path("fhir/r4/", include("fhirapi.urls")),
]
