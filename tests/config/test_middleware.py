"""Programs pass by the middleware of the pages, and nobody outside can tell."""

from __future__ import annotations

import re

import pytest
from django.conf import settings as configured
from django.test import Client
from django.utils import translation

from gateway import cors

pytestmark = pytest.mark.django_db

PASSED_BY = "config.middleware.ProgramsMiddleware"
# What names the languages of pages: the answer to a program is in none, so it does not vary by them.
OF_LANGUAGES = {"Content-Language"}
GET = [
    "/fhir/r4/metadata",
    "/fhir/r4/Observation?_count=1",
    "/fhir/r4/Observation/none",
    "/fhir/r4/nothing/at/all/here",
    "/fhir/r4",
    "/oauth/token",
    "/oauth/userinfo",
    "/oauth/jwks",
    "/fhir/r4/.well-known/smart-configuration",
    "/.well-known/openid-configuration",
    "/.well-known/nothing-of-ours",
]
POST = ["/fhir/r4/Observation/_search", "/fhir/r4", "/oauth/token", "/oauth/revoke", "/oauth/introspect"]


@pytest.fixture
def programs():
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def pages(settings):
    """Every request goes through all the middleware."""
    settings.MIDDLEWARE = [name for name in configured.MIDDLEWARE if name != PASSED_BY]
    client = Client(enforce_csrf_checks=True)
    client.handler.load_middleware()
    settings.MIDDLEWARE = configured.MIDDLEWARE
    return client


def said(answer):
    headers = {name: value for name, value in answer.items() if name not in OF_LANGUAGES}
    vary = {word.strip() for word in headers.pop("Vary", "").split(",")} - {"Accept-Language", "Cookie", ""}
    body = re.sub(rb'("id"|"date"):"[^"]+"|\w{64}', b"", answer.content)
    return answer.status_code, headers, vary, body


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer unknown"}, {"Origin": "https://elsewhere.example"}])
@pytest.mark.parametrize("path", GET)
def test_a_program_is_told_the_same_as_through_all_the_middleware(programs, pages, path, headers):
    assert said(programs.get(path, headers=headers)) == said(pages.get(path, headers=headers))


@pytest.mark.parametrize("path", POST)
def test_no_form_of_a_program_needs_the_token_of_a_page(programs, pages, path):
    form = {"grant_type": "authorization_code", "token": "unknown"}

    assert said(programs.post(path, form)) == said(pages.post(path, form))


def test_every_safety_header_is_there(programs):
    answer = programs.get("/fhir/r4/metadata")

    assert answer["X-Frame-Options"] == "DENY"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert int(answer["Content-Length"]) == len(answer.content)


def test_a_strange_host_is_refused(programs):
    assert programs.get("/fhir/r4/metadata").status_code == 200
    assert programs.get("/fhir/r4/metadata", headers={"Host": "evil.example"}).status_code == 400


def test_a_page_keeps_its_session_and_the_next_program_is_not_spoken_to_in_spanish(programs):
    page = programs.get("/accounts/login/", headers={"Accept-Language": "es"})
    assert page["Content-Language"] == "es"
    assert "csrf" in "".join(page.cookies)

    programs.get("/fhir/r4/metadata", headers={"Accept-Language": "es"})

    assert translation.get_language() == "en"


@pytest.mark.parametrize(
    "path", ["/", "/oauth/authorize", "/oauth/consent/1", "/accounts/login/", "/connect/", "/livez"]
)
def test_pages_are_not_taken_for_programs(path):
    assert not cors.is_called_by_programs(path)
