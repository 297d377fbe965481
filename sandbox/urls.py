"""Addresses of a sandbox hospital: the same gateway, FHIR API and sign-in as the person's site, and its own home."""

from __future__ import annotations

from django.urls import include, path

from fhirapi.batches import BaseView
from sandbox import views

urlpatterns = [
    path("", include("config.health")),
    path("", views.home, name="home"),
    path("patients/", views.patients, name="patients"),
    path("patients/<str:patient_id>/", views.chart, name="chart"),
    path("patients/<str:patient_id>/open/", views.open_app, name="open-app"),
    # In front of the gateway's: whoever opened the app of the chart is not asked again.
    path("oauth/consent/<uuid:uid>", views.consent, name="answer"),
    path("accounts/", include("accounts.urls")),
    path("", include("gateway.urls")),
    # A Bundle is posted to the base as it is spelt; a redirect would lose it.
    path("fhir/r4", BaseView.as_view()),
    path("fhir/r4/", include("fhirapi.urls")),
]
