"""The addresses of bulk export, below ``fhir/r4/``."""

from __future__ import annotations

from django.urls import path, re_path

from fhirapi import catalogue
from fhirapi.bulk import views

_PATTERNS = [
    re_path(r"^\$export/?\Z", views.KickOffView.as_view(), name="export"),
    re_path(r"^Patient/\$export/?\Z", views.PatientKickOffView.as_view(), name="export-patient"),
    re_path(
        r"^Group/(?P<group_id>[A-Za-z0-9\-.]{1,64})/\$export/?\Z", views.GroupKickOffView.as_view(), name="export-group"
    ),
    path("_export/<uuid:uid>", views.StatusView.as_view(), name="export-status"),
    path("_export/<uuid:uid>/<slug:name>.ndjson", views.FileView.as_view(), name="export-file"),
]
urlpatterns = _PATTERNS if catalogue.makes_exports() else []
