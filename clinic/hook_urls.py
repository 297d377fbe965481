"""``/cds-services``: for the EHRs of organisations (CDS Hooks 2.0)."""

from __future__ import annotations

from django.urls import path

from clinic import hooks

app_name = "hooks"

urlpatterns = [
    path("cds-services", hooks.services, name="services"),
    path(f"cds-services/{hooks.SERVICE}", hooks.patient_view, name="patient-view"),
]
