"""SMART's EHR launch with us as the EHR: a single-use token opens an app for its person, and for nobody else."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from gateway import launches, leftovers
from gateway.models import AuthorizationRequest, Launch
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db

OPENS = "https://app.example/launch"
SCOPES = ("launch", "patient/*.rs", "openid", "fhirUser", "launch/patient", "offline_access")
CONTEXT = {
    "encounter": "visit-1",
    "fhirContext": [{"reference": "ImagingStudy/scan-1"}],
    "need_patient_banner": True,
    "intent": "review-labs",
    "tenant": "north",
}


@pytest.fixture
def person():
    return parties.sign_up()


@pytest.fixture
def app():
    return App.register(*SCOPES, launch_uri=OPENS)


def opened(app, person, **more):
    """The launch token that the app's launch page gets."""
    url = launches.open_app(app.application, person=person, at=timezone.now(), **more)
    query = parties.query_of(url)
    assert (url.partition("?")[0], query["iss"]) == (OPENS, settings.FHIR_BASE)
    return query["launch"]


@pytest.mark.spec("SMART App Launch 2.2", "app-launch", "apps are opened from the person's own page")
def test_person_opens_an_app_from_her_page_and_the_app_gets_her_context(app, person):
    browser = Client()
    browser.force_login(person)
    assert "Open Heart Diary" in browser.get("/apps/").content.decode()

    leads = browser.post("/apps/open/", {"app": app.client_id})

    assert leads.status_code == 303
    query = parties.query_of(leads["Location"])
    assert query["iss"] == settings.FHIR_BASE
    given = app.let_in(person, "launch patient/*.rs openid fhirUser", launch=query["launch"])
    assert (given["patient"], given["need_patient_banner"]) == (person.patient_id, False)
    style = Client().get(urlsplit(given["smart_style_url"]).path)
    assert style["Access-Control-Allow-Origin"] == "*"
    assert json.loads(style.content)["color_highlight"] == "#0b5a6e"


def test_page_of_apps_lets_the_form_lead_to_the_apps_it_opens_and_nowhere_else(app, person, client):
    client.force_login(person)

    policy = client.get("/apps/")["Content-Security-Policy"]

    [sources] = [part.split()[1:] for part in policy.split(";") if part.strip().startswith("form-action")]
    assert sources == ["'self'", "https://app.example"]


def test_app_without_a_launch_address_cannot_be_opened(person, client):
    quiet = App.register(*SCOPES)
    client.force_login(person)

    assert client.post("/apps/open/", {"app": quiet.client_id}).status_code == 404


@pytest.mark.spec("SMART App Launch 2.2", "scopes-and-launch-context", "launch context arrives with every token")
def test_whole_context_reaches_the_app_and_survives_refresh(app, person):
    token = opened(app, person, context=CONTEXT)

    first = app.let_in(person, "launch patient/*.rs offline_access", launch=token)
    again = app.refresh(first["refresh_token"]).json()

    for answer in (first, again):
        assert {name: answer[name] for name in (*CONTEXT, "patient")} == CONTEXT | {"patient": person.patient_id}
        assert answer["smart_style_url"].startswith(settings.PUBLIC_URL)


@pytest.mark.spec("SMART App Launch 2.2", "app-launch", "a launch token works once")
def test_launch_token_works_once(app, person):
    token = opened(app, person)
    app.send_to_consent(Client(), "launch patient/*.rs", launch=token)

    second = Client().get("/oauth/authorize", app.request("launch patient/*.rs", launch=token))

    assert parties.query_of(second["Location"])["error"] == "invalid_request"


def test_launch_token_dies_after_five_minutes(app, person):
    token = opened(app, person)
    Launch.objects.update(expires=timezone.now())

    answer = Client().get("/oauth/authorize", app.request("launch patient/*.rs", launch=token))

    assert parties.query_of(answer["Location"])["error"] == "invalid_request"


def test_launch_of_another_app_is_unknown(app, person):
    token = opened(app, person)
    other = App.register(*SCOPES, name="Other")

    answer = Client().get("/oauth/authorize", other.request("launch patient/*.rs", launch=token))

    assert parties.query_of(answer["Location"])["error"] == "invalid_request"


def test_launch_in_the_hands_of_another_person_gives_no_code(app, person):
    token, browser = opened(app, person), Client()
    page = app.send_to_consent(browser, "launch patient/*.rs", launch=token)
    browser.force_login(parties.sign_up())

    answer = browser.get(page)

    told = parties.query_of(answer["Location"])
    assert (told["error"], told["state"], "code" in told) == ("invalid_request", app.state, False)
    browser.force_login(person)
    assert browser.get(page).status_code == 410


def test_launch_scope_without_a_launch_is_not_granted(app, person):
    given = app.let_in(person, "launch patient/*.rs")

    assert (given["scope"], "smart_style_url" in given) == ("patient/*.rs", False)


def test_launch_without_its_scope_tells_nothing_but_the_patient(app, person):
    given = app.let_in(person, "patient/*.rs", launch=opened(app, person, context=CONTEXT))

    assert not CONTEXT.keys() & given.keys()
    assert given["patient"] == person.patient_id


def test_no_usable_launch_token_is_stored(app, person):
    token = opened(app, person)

    stored = Launch.objects.values_list("digest", flat=True).get()
    assert token.encode() not in bytes(stored)


def test_what_is_no_launch_context_cannot_be_told(app, person):
    with pytest.raises(ValueError, match="SMART"):
        opened(app, person, context={"patient": "another"})


def test_sweep_takes_a_dead_launch_but_not_the_question_it_led_to(app, person):
    app.send_to_consent(Client(), "launch patient/*.rs", launch=opened(app, person))
    at = timezone.now()

    leftovers.sweep(at=at + timedelta(minutes=6))
    assert AuthorizationRequest.objects.count() == 1
    leftovers.sweep(at=at + timedelta(minutes=16))

    assert (Launch.objects.count(), AuthorizationRequest.objects.count()) == (0, 0)
