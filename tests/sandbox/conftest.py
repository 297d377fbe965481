"""A sandbox hospital inside the test process: the other site's settings, on this run's database."""

from __future__ import annotations

import pytest
from django.conf import settings as configured

from sandbox import staff

HOSPITAL_URL = "http://hospital.example"


@pytest.fixture
def hospital(settings, tmp_path):
    """Settings as SITE=hospital makes them."""
    settings.SITE = "hospital"
    settings.SITE_NAME = staff.LAKESIDE
    settings.PUBLIC_URL = HOSPITAL_URL
    settings.FHIR_BASE = f"{HOSPITAL_URL}/fhir/r4"
    settings.ROOT_URLCONF = "sandbox.urls"
    settings.VAR_DIR = tmp_path / "hospitals" / "lakeside"
    settings.MIDDLEWARE = ["sandbox.faults.FaultMiddleware", *configured.MIDDLEWARE]
    [templates] = configured.TEMPLATES
    settings.TEMPLATES = [{**templates, "DIRS": [configured.BASE_DIR / "templates" / "sandbox", *templates["DIRS"]]}]
    return settings
