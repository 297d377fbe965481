"""Native apps in a real browser (RFC 8252): a loopback listener, a private-use scheme, and a launch from her page."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client
from playwright.sync_api import expect

from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "a-long-enough-secret"


@pytest.fixture
def site(live_server, settings):
    settings.PUBLIC_URL, settings.FHIR_BASE = live_server.url, f"{live_server.url}/fhir/r4"
    return live_server.url


@pytest.fixture
def listener():
    """The app's own little server on a port of the system's choice; ``visited`` are the addresses it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            visited.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Back</title><h1>Back in the app</h1>")

        def log_message(self, *_):
            pass

    visited = []
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.visited = visited
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def authorize(page, site, app, person, scope, **changes):
    """Opens the system browser at our authorization page and signs in there; the hinted address is filled in."""
    page.goto(f"{site}/oauth/authorize?{urlencode(app.request(scope, login_hint=person.email, **changes))}")
    expect(page.get_by_label("E-mail")).to_have_value(person.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.mark.spec("RFC 8252", "7.3", "a loopback redirect on any port brings the code to a native app")
def test_native_app_with_a_loopback_listener_gets_its_tokens(site, open_page, listener):
    person = parties.sign_up()
    app = App.register(redirect_uri="http://127.0.0.1/callback")
    app.redirect_uri = f"http://127.0.0.1:{listener.server_port}/callback"
    page = open_page(width=390, height=844)

    authorize(page, site, app, person, "openid patient/*.rs offline_access")
    page.get_by_role("button", name="Yes, let it in").click()
    expect(page.get_by_role("heading", name="Back in the app")).to_be_visible()

    told = parties.query_of(next(path for path in listener.visited if path.startswith("/callback")))
    assert (told["state"], told["iss"]) == (app.state, site)
    given = app.redeem(told["code"]).json()
    assert given["patient"] == person.patient_id
    assert app.refresh(given["refresh_token"]).status_code == 200


@pytest.mark.spec("RFC 8252", "7.1", "a private-use scheme brings the code to a native app")
def test_native_app_with_a_scheme_of_its_own_gets_its_code(site, open_page):
    person = parties.sign_up()
    app = App.register(redirect_uri="com.example.app:/callback")
    page = open_page(width=390, height=844)

    authorize(page, site, app, person, "openid patient/*.rs")
    with page.expect_response(lambda answer: answer.status == 303 and "consent" in answer.url) as sent:
        page.get_by_role("button", name="Yes, let it in").click()

    leads = sent.value.headers["location"]
    assert urlsplit(leads).scheme == "com.example.app"
    assert app.redeem(parties.query_of(leads)["code"]).status_code == 200


def test_app_opened_from_her_page_starts_with_our_address_and_a_token(site, open_page, listener):
    person = parties.sign_up()
    opens = f"http://127.0.0.1:{listener.server_port}/launch"
    App.register("launch", "patient/*.rs", launch_uri=opens)
    page = open_page()
    page.goto(f"{site}/accounts/login/?next=/apps/")
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()

    page.get_by_role("button", name="Open Heart Diary").click()
    expect(page.get_by_role("heading", name="Back in the app")).to_be_visible()

    told = parties.query_of(next(path for path in listener.visited if path.startswith("/launch")))
    assert (told["iss"], len(told["launch"])) == (f"{site}/fhir/r4", 43)


@pytest.mark.spec("SMART App Launch 2.2", "app-launch", "no cookie takes part when an app uses its tokens")
def test_tokens_need_no_cookie_and_set_none(site):
    person, app = parties.sign_up(), App.register()
    given = app.let_in(person, "openid patient/*.rs offline_access")
    refreshed = app.refresh(given["refresh_token"])
    read = Client().get("/fhir/r4/Condition", headers={"Authorization": f"Bearer {given['access_token']}"})

    assert refreshed.status_code == 200
    assert not refreshed.cookies
    assert not read.cookies
    assert not app.http.cookies
