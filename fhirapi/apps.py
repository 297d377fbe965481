from __future__ import annotations

from django.apps import AppConfig


class FhirApiConfig(AppConfig):
    name = "fhirapi"
