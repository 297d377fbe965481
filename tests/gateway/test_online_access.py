"""``online_access``: a refresh token that works while she is signed in, and no longer (SMART App Launch 2.2)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from gateway.models import Authorization
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db
ONLINE = "openid patient/Observation.rs online_access"


def let_in(app: App, browser: Client, scope: str = ONLINE) -> dict:
    """The token response after she said yes in this browser, where she stays signed in."""
    page = app.send_to_consent(browser, scope)
    ticked = parties.boxes(browser.get(page))
    answer = browser.post(page, {"answer": "allow", "box": ticked, "length": "90"})
    told = app.redeem(parties.query_of(answer["Location"])["code"])
    assert told.status_code == 200, told.content
    return told.json()


@pytest.fixture
def browser() -> Client:
    browser = Client()
    browser.force_login(parties.sign_up())
    return browser


def test_it_renews_while_she_is_signed_in(browser):
    app = App.register("patient/*.rs", "openid", "online_access")
    told = let_in(app, browser)
    assert "online_access" in told["scope"].split()

    again = app.refresh(told["refresh_token"])

    assert again.status_code == 200
    assert app.refresh(again.json()["refresh_token"]).status_code == 200


def test_signing_out_ends_it_at_once(browser):
    app = App.register("patient/*.rs", "openid", "online_access", method="client_secret_basic")
    told = let_in(app, browser)
    assert app.userinfo(told["access_token"]).status_code == 200

    browser.post("/accounts/logout/")

    assert app.userinfo(told["access_token"]).status_code == 401
    assert app.refresh(told["refresh_token"]).json()["error"] == "invalid_grant"
    assert app.post("/oauth/introspect", {"token": told["refresh_token"]}).json() == {"active": False}


def test_being_away_for_too_long_ends_it(browser):
    app = App.register("patient/*.rs", "openid", "online_access")
    told = let_in(app, browser)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))

    assert app.refresh(told["refresh_token"]).json()["error"] == "invalid_grant"
    assert app.userinfo(told["access_token"]).status_code == 401


def test_another_sign_in_of_hers_is_not_this_one(browser):
    app = App.register("patient/*.rs", "openid", "online_access")
    told = let_in(app, browser)
    elsewhere = Client()
    elsewhere.force_login(Authorization.objects.get().person)
    browser.post("/accounts/logout/")

    assert app.refresh(told["refresh_token"]).json()["error"] == "invalid_grant"


def test_offline_access_beside_it_outlives_the_sign_in(browser):
    app = App.register("patient/*.rs", "openid", "online_access", "offline_access")
    told = let_in(app, browser, ONLINE + " offline_access")

    browser.post("/accounts/logout/")

    assert app.refresh(told["refresh_token"]).status_code == 200


def test_she_can_refuse_it(browser):
    app = App.register("patient/*.rs", "openid", "online_access")
    page = app.send_to_consent(browser, ONLINE)
    ticked = [box for box in parties.boxes(browser.get(page)) if box != "online"]

    answer = browser.post(page, {"answer": "allow", "box": ticked, "length": "90"})

    told = app.redeem(parties.query_of(answer["Location"])["code"]).json()
    assert "refresh_token" not in told
    assert "online_access" not in told["scope"].split()


def test_the_session_is_kept_as_a_digest(browser):
    let_in(App.register("patient/*.rs", "openid", "online_access"), browser)

    kept = Authorization.objects.get().session

    assert len(kept) == 64
    assert browser.session.session_key not in kept
