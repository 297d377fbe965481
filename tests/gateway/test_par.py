"""Pushed authorization requests: the client sends its request itself, the browser carries a word for it (RFC 9126)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from gateway.models import PushedRequest
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db


@pytest.fixture
def app():
    return App.register(method="client_secret_basic")


def pushed(app, scope="openid patient/*.rs", **changes):
    return app.post("/oauth/par", app.request(scope, **changes))


@pytest.mark.spec("RFC 9126", "2.2", "a pushed request is answered with a request_uri that leads to consent")
def test_pushed_request_leads_to_consent_and_a_token(app):
    answer = pushed(app)
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    told = answer.json()
    person, browser = parties.sign_up(), Client()
    browser.force_login(person)

    page = browser.get("/oauth/authorize", {"client_id": app.client_id, "request_uri": told["request_uri"]})

    assert (page.status_code, told["expires_in"]) == (303, 90)
    ticked = parties.boxes(browser.get(page["Location"]))
    back = browser.post(page["Location"], {"answer": "allow", "box": ticked, "length": "90"})
    assert app.redeem(parties.query_of(back["Location"])["code"]).status_code == 200


@pytest.mark.spec("RFC 9126", "2.1", "the client authenticates as at the token endpoint")
def test_client_must_prove_itself(app):
    app.secret = "wrong"

    answer = pushed(app)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "Basic" in answer["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"aud": "https://elsewhere.example"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"client_id": "another"}, "invalid_client"),
        ({"scope": "unheard"}, "invalid_scope"),
    ],
)
def test_request_is_checked_when_it_is_pushed(app, changes, error):
    answer = pushed(app, **changes)

    assert answer.json()["error"] == error
    assert not PushedRequest.objects.exists()


@pytest.mark.spec("RFC 9126", "4", "a request_uri works once, for its own client, while it lives")
def test_request_uri_works_once_for_its_own_client_while_it_lives(app):
    named = {"client_id": app.client_id, "request_uri": pushed(app).json()["request_uri"]}
    stranger = App.register(name="Other")

    assert Client().get("/oauth/authorize", {**named, "client_id": stranger.client_id}).status_code == 400
    assert Client().get("/oauth/authorize", named).status_code == 303
    assert Client().get("/oauth/authorize", named).status_code == 400

    late = {"client_id": app.client_id, "request_uri": pushed(app).json()["request_uri"]}
    PushedRequest.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert Client().get("/oauth/authorize", late).status_code == 400


def test_what_stands_beside_a_request_uri_changes_nothing(app):
    named = {"client_id": app.client_id, "request_uri": pushed(app, scope="openid").json()["request_uri"]}
    person, browser = parties.sign_up(), Client()
    browser.force_login(person)

    page = browser.get("/oauth/authorize", {**named, "scope": "patient/*.rs", "redirect_uri": "https://evil.example/"})

    assert parties.boxes(browser.get(page["Location"])) == ["identity"]


def test_request_object_is_refused_by_name():
    app = App.register()

    answer = Client().get("/oauth/authorize", app.request("openid", request="a.b.c"))

    assert parties.query_of(answer["Location"])["error"] == "request_not_supported"
