"""Addresses of the person's site; a sandbox hospital's are in sandbox/urls.py. Composition only."""

from __future__ import annotations

from django.urls import include, path

from fhirapi.batches import BaseView

# Tried in this order: what is called most stands first.
urlpatterns = [
    path("", include("gateway.urls")),
    path("fhir/r4/", include("fhirapi.urls")),
    # A Bundle is posted to the base as it is spelt; a redirect would lose it.
    path("fhir/r4", BaseView.as_view()),
    path("", include("config.health")),
    path("", include("sharing.urls")),
    path("", include("portal.urls")),
    path("accounts/", include("accounts.urls")),
    path("", include("developers.urls")),
    path("connect/", include("smartlaunch.urls")),
    path("", include("clinic.hook_urls")),
    path("organizations/", include("clinic.staff_urls")),
    path("ehr/", include("smartlaunch.ehr_urls")),
    path("ehr/<uuid:uid>/", include("clinic.urls")),
]
