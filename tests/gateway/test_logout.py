"""Signing out through an app (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db
AFTER = "https://app.example/bye"


@pytest.fixture
def app():
    return App.register(logout_uris=[AFTER])


@pytest.fixture
def person():
    return parties.sign_up()


@pytest.fixture
def browser(person):
    signed_in = Client()
    signed_in.force_login(person)
    return signed_in


def is_signed_in(browser):
    return browser.get("/account/").status_code == 200


@pytest.mark.spec("OIDC RP-Initiated Logout 1.0", "2", "her id_token signs her out, and she comes back to the app")
@pytest.mark.parametrize("method", ["get", "post"])
def test_her_id_token_signs_her_out_and_leads_back(app, person, browser, method):
    given = app.let_in(person, "openid patient/*.rs offline_access")
    assert is_signed_in(browser)
    asked = {"id_token_hint": given["id_token"], "post_logout_redirect_uri": AFTER, "state": "s"}
    form = {"content_type": "application/x-www-form-urlencoded"} if method == "post" else {}
    sent = "&".join(f"{name}={value}" for name, value in asked.items()) if method == "post" else asked

    answer = getattr(browser, method)("/oauth/logout", sent, **form)

    assert (answer.status_code, answer["Location"]) == (303, f"{AFTER}?state=s")
    assert not is_signed_in(browser)
    assert app.refresh(given["refresh_token"]).status_code == 200


@pytest.mark.spec("OIDC RP-Initiated Logout 1.0", "2", "without her id_token she is asked")
def test_without_an_id_token_she_is_asked(app, browser):
    asked = {"client_id": app.client_id, "post_logout_redirect_uri": AFTER, "state": "s"}

    page = browser.get("/oauth/logout", asked)

    assert "Heart Diary asks to sign you out" in page.content.decode()
    assert is_signed_in(browser)
    answer = browser.post("/oauth/logout/confirm", asked)
    assert answer["Location"] == f"{AFTER}?state=s"
    assert not is_signed_in(browser)


def test_id_token_of_somebody_else_asks_too(app, browser):
    given = app.let_in(parties.sign_up(), "openid")

    assert browser.get("/oauth/logout", {"id_token_hint": given["id_token"]}).status_code == 200
    assert is_signed_in(browser)


@pytest.mark.parametrize(
    "changes",
    [
        {"post_logout_redirect_uri": "https://app.example/bye/"},
        {"post_logout_redirect_uri": "https://evil.example/"},
        {"client_id": "nobody"},
        {"id_token_hint": "a.b.c"},
    ],
)
@pytest.mark.spec("OIDC RP-Initiated Logout 1.0", "3", "nobody is sent to an address that was not registered")
def test_what_was_not_registered_leads_nowhere(app, browser, changes):
    asked = {"client_id": app.client_id, "post_logout_redirect_uri": AFTER, **changes}

    answer = browser.get("/oauth/logout", asked)

    assert (answer.status_code, "Location" in answer) == (400, False)
    assert is_signed_in(browser)


def test_address_without_a_client_is_refused(browser):
    assert browser.get("/oauth/logout", {"post_logout_redirect_uri": AFTER}).status_code == 400


def test_strangers_form_cannot_confirm(app, person):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person)

    assert strict.post("/oauth/logout/confirm", {"client_id": app.client_id}).status_code == 403
    assert is_signed_in(strict)
