"""The site as a program meets it: over real HTTP, under the address it says of itself."""

from __future__ import annotations

import pytest


@pytest.fixture
def site(live_server, settings):
    settings.PUBLIC_URL = live_server.url.replace("localhost", "127.0.0.1")
    settings.FHIR_BASE = f"{settings.PUBLIC_URL}/fhir/r4"
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
    return settings.PUBLIC_URL
