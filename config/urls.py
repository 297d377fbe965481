"""Addresses of the person's site; a sandbox hospital's are in sandbox/urls.py. Composition only."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("config.health")),
    path("", include("portal.urls")),
    path("accounts/", include("accounts.urls")),
    path("", include("gateway.urls")),
    path("connect/", include("smartlaunch.urls")),
    path("fhir/r4/", include("fhirapi.urls")),
]
