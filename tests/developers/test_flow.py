"""The flow that shows itself, over real HTTP; the scope builder beside it."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts import sessions
from developers import building, flow
from gateway.models import Application, Authorization
from records import patient
from tests.developers import builders
from tests.gateway import parties


@pytest.mark.django_db(transaction=True)
def test_every_step_is_shown_and_nothing_secret_stays(site):
    person = builders.developer()
    parties.store_observations(person, laboratory=1)
    patient.ensure(person.pk, at=timezone.now())
    browser = builders.browser(person)
    asked = browser.post("/developers/try/", {"scope": flow.USUAL})["Location"]
    consent = browser.get(asked)["Location"]
    ticked = parties.boxes(browser.get(consent))
    back = browser.post(consent, {"answer": "allow", "box": ticked, "length": "90"})["Location"]
    code = parties.query_of(back)["code"]

    page = browser.get(back.removeprefix(site)).content.decode()

    assert re.findall(r'<span class="mark[^"]*">(\w+)</span>', page) == [
        "200", "303", "200", "200", "200", "200", "200", "200", "401",
    ]  # fmt: skip
    assert "Introspection" in page
    assert code not in page
    assert not re.search(r'"(?:access|refresh|id)_token": "[^"…]{8,}', page.replace("&quot;", '"'))
    assert code not in str([sessions.told(session) for session in Session.objects.all()])
    assert not Authorization.objects.live(at=timezone.now()).exists()
    assert browser.get(back.removeprefix(site))["Location"] == "/developers/try/"


@pytest.mark.django_db(transaction=True)
def test_a_no_is_shown_too(site):
    browser = builders.browser(builders.developer())
    asked = browser.post("/developers/try/", {"scope": "patient/Observation.rs"})["Location"]
    back = browser.post(browser.get(asked)["Location"], {"answer": "deny"})["Location"]

    page = browser.get(back.removeprefix(site)).content.decode()

    assert "access_denied" in page
    assert "The code for tokens" not in page


@pytest.mark.django_db
def test_explorer_is_one_app_that_follows_the_site(settings):
    first = flow.explorer()
    settings.PUBLIC_URL = "https://record.example"

    second = flow.explorer()

    assert (first.pk, second.redirect_uris) == (second.pk, "https://record.example/developers/try/back")
    assert Application.objects.count() == 1


@pytest.mark.django_db
def test_server_that_is_away_is_said(settings, monkeypatch):
    settings.PUBLIC_URL, settings.FHIR_BASE = "http://127.0.0.1:1", "http://127.0.0.1:1/fhir/r4"
    begun = flow.begin("openid")[1]

    exchanges = flow.finish(begun, {"code": "c" * 20, "state": begun.state})

    assert [(each.status, each.answered) for each in exchanges if each.status == 0] == [
        (0, "ConnectionError"),
        (0, "ConnectionError"),
    ]


@pytest.mark.parametrize(
    ("text", "supported"),
    [
        ("patient/Observation.rs", True),
        (f"patient/Observation.rs?category={parties.LAB}", True),
        ("patient/Immunization.cud", True),
        ("patient/Encounter.c", False),
        ("system/*.rs", True),
        ("openid", True),
        ("patient/Observation.sr", False),
        ("nonsense", False),
        ("patient/Observation.", False),
    ],
)
def test_scope_is_told_in_words_and_whether_it_is_supported(text, supported):
    assert building.meaning(text).supported is supported


@pytest.mark.django_db
def test_builder_puts_scopes_together_without_script():
    browser = builders.browser(builders.developer())
    chosen = {"have": "openid", "level": "patient", "kind": "Condition", "letter": ["s", "r"], "category": ""}

    page = browser.get(f"/developers/scopes/?{urlencode(chosen, doseq=True)}").content.decode()

    assert ">openid patient/Condition.rs</pre>" in page
    chosen["category"] = f"Observation {parties.LAB}"
    page = browser.get(f"/developers/scopes/?{urlencode(chosen, doseq=True)}").content.decode()
    assert f">openid patient/Observation.rs?category={parties.LAB}</pre>" in page
