"""What holds for every page: the policy, plain error pages, no code inside the markup, health."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import path

from config import urls
from tests.portal import people

TEMPLATES = sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)", re.IGNORECASE)


def broken(request):
    raise RuntimeError("broken on purpose")


def closed(request):
    from django.core.exceptions import PermissionDenied

    raise PermissionDenied


urlpatterns = [*urls.urlpatterns, path("broken/", broken), path("closed/", closed)]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_no_code_inside_the_markup(template):
    assert INLINE.findall(template.read_text()) == []


@pytest.mark.django_db
def test_policy_allows_our_own_files_only():
    policy = Client().get("/")["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.django_db
@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/nothing/", 404, "There is nothing here"),
        ("/closed/", 403, "That is not open to you"),
        ("/broken/", 500, "Something went wrong on our side"),
    ],
)
def test_errors_are_plain_pages(address, status, words):
    answer = Client(raise_request_exception=False).get(address)

    assert answer.status_code == status
    assert words in answer.content.decode()
    assert "broken on purpose" not in answer.content.decode()


@pytest.mark.django_db
def test_form_without_its_token_is_explained():
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(people.sign_up())

    answer = browser.post("/account/", {"name": "Mallory", "language": "en", "time_zone": "UTC"})

    assert answer.status_code == 403
    assert "Please try that again" in answer.content.decode()


@pytest.mark.django_db
def test_navigation_names_the_current_place():
    page = people.browser_of(people.sign_up()).get("/hospitals/").content.decode()

    assert re.findall(r'href="([^"]+)" aria-current="page"', page) == ["/hospitals/"]


@pytest.mark.django_db
def test_health_answers():
    live, ready = Client().get("/livez"), Client().get("/readyz")

    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "database": True, "broker": True})


@pytest.mark.django_db
def test_not_ready_without_the_broker(settings):
    settings.BROKER_URL = "redis://127.0.0.1:9/0"

    answer = Client().get("/readyz")

    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable", "database": True, "broker": False})
