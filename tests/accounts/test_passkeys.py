"""Passkeys, made and used in Chromium with an authenticator of its own (CDP WebAuthn)."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from playwright.sync_api import expect

from tests import browser
from tests.accounts import signing
from tests.portal.people import PASSWORD

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def site(live_server, settings):
    """Passkeys are for names, never for bare addresses."""
    settings.ALLOWED_HOSTS = ["localhost", "testserver"]
    return live_server.url.replace("127.0.0.1", "localhost")


def give_device(page) -> tuple[object, str]:
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return session, made["authenticatorId"]


def sign_in(page, site: str, person) -> None:
    page.goto(f"{site}/accounts/login/")
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{site}/")


def make_passkey(page, site: str) -> None:
    page.goto(f"{site}/accounts/factors/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("What to call it").fill("My laptop")
    page.get_by_role("button", name="Make the passkey").click()
    page.wait_for_url(re.compile("/recovery-codes/"))


def sign_out(page, site: str) -> None:
    page.goto(f"{site}/account/")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{site}/**")


def test_passkey_is_made_signs_in_alone_and_is_shown_again_for_what_matters(open_page, site):
    person, page = signing.sign_up(), open_page(**browser.PHONE)
    device, number = give_device(page)
    sign_in(page, site, person)

    make_passkey(page, site)

    assert len(page.locator("li code").all()) == 10
    made = Authenticator.objects.get(type=Authenticator.Type.WEBAUTHN)
    assert (made.user_id, made.wrap().name, made.wrap().is_passwordless) == (person.pk, "My laptop", True)
    (kept,) = device.send("WebAuthn.getCredentials", {"authenticatorId": number})["credentials"]
    assert (kept["isResidentCredential"], kept["rpId"]) == (True, "localhost")

    sign_out(page, site)
    page.goto(f"{site}/accounts/login/?next=/apps/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{site}/apps/")

    later(page, site)
    page.goto(f"{site}/accounts/factors/webauthn/add/")
    page.get_by_role("link", name="Use a passkey").click()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{site}/accounts/factors/webauthn/add/")


def test_password_needs_the_passkey_too_and_no_other_device_will_do(open_page, site):
    person, page = signing.sign_up(), open_page(**browser.DESKTOP)
    give_device(page)
    sign_in(page, site, person)
    make_passkey(page, site)
    sign_out(page, site)

    page.goto(f"{site}/accounts/login/")
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{site}/accounts/factors/authenticate/")
    assert Client().get("/account/").status_code == 302
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{site}/")

    stranger = open_page(**browser.DESKTOP)
    give_device(stranger)
    stranger.goto(f"{site}/accounts/login/")
    stranger.get_by_role("button", name="Sign in with a passkey").click()
    expect(stranger.get_by_text("The passkey was not used")).to_be_visible()


def test_removed_passkey_opens_nothing(open_page, site):
    person, page = signing.sign_up(), open_page(**browser.DESKTOP)
    give_device(page)
    sign_in(page, site, person)
    make_passkey(page, site)
    page.goto(f"{site}/accounts/factors/webauthn/")
    page.get_by_role("link", name="Remove it").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("You have no passkey.")).to_be_visible()
    sign_out(page, site)

    page.goto(f"{site}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()

    expect(page.get_by_text("That did not match")).to_be_visible()
    assert page.url == f"{site}/accounts/login/"


def test_without_javascript_the_page_says_so_and_the_password_works(open_page, site):
    person, page = signing.sign_up(), open_page(**browser.PHONE, java_script_enabled=False)
    page.goto(f"{site}/accounts/login/")

    expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
    assert not page.get_by_role("button", name="Sign in with a passkey").is_visible()
    sign_in(page, site, person)


@pytest.mark.parametrize("credential", ["", "{}", "[]", "null", '{"id": 1}', '{"id":"AA","rawId":"AA","response":{}}'])
def test_nonsense_in_place_of_a_passkey_is_refused(credential):
    answer = Client().post("/accounts/factors/webauthn/login/", {"credential": credential})
    added = signing.signed_in(signing.sign_up()).post("/accounts/factors/webauthn/add/", {"credential": credential})

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")
    assert added.status_code == 200
    assert not Authenticator.objects.exists()


def later(page, site: str) -> None:
    """As if she had signed in eleven minutes ago."""
    client = Client()
    client.cookies["session"] = next(c["value"] for c in page.context.cookies() if c["name"] == "session")
    signing.grow_old(client, 660)
