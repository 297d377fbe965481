"""What matters is asked for again when the sign-in is older than ten minutes."""

from __future__ import annotations

import re

import pytest
from allauth.socialaccount.models import SocialAccount

from accounts.models import Person, Role
from consent import ledger
from consent.models import Grantee
from gateway.models import Application, Authorization
from records.models import Record
from records.numbering import TYPE_NUMBER
from tests.accounts import signing
from tests.architecture import addresses, possessions
from tests.developers import builders
from tests.gateway import parties
from tests.gateway.parties import App
from tests.portal.people import PASSWORD

pytestmark = pytest.mark.django_db
LATE = 601
APP = {
    "name": "Heart Diary",
    "kind": "client_secret_basic",
    "redirect_uris": "https://app.example/callback",
    "scopes": "openid patient/Observation.rs",
    "purpose": "PATRQT",
    **builders.SHOWN,
}


def ask(browser) -> str:
    return App.register().send_to_consent(browser, "patient/Observation.rs")


def allow(browser, page: str):
    return browser.post(page, {"answer": "allow", "box": parties.boxes(browser.get(page)), "length": "90"})


def test_letting_an_app_in_right_after_signing_in_asks_nothing_more():
    person = signing.sign_up()
    parties.store_observations(person, laboratory=1)
    browser = signing.signed_in(person)
    page = ask(browser)

    assert allow(browser, page)["Location"].startswith(parties.CALLBACK)


def test_letting_an_app_in_later_asks_for_the_password_first():
    person = signing.sign_up()
    parties.store_observations(person, laboratory=1)
    browser = signing.signed_in(person)
    page = ask(browser)
    boxes = parties.boxes(browser.get(page))
    signing.grow_old(browser, LATE)

    refused = browser.post(page, {"answer": "allow", "box": boxes, "length": "90"})

    assert refused["Location"] == f"/accounts/reauthenticate/?next={page.replace('/', '%2F')}"
    assert not Authorization.objects.exists()
    wrong = browser.post(refused["Location"], {"password": "not this one"})
    assert "is not your current password" in wrong.content.decode()
    assert browser.get(page).status_code == 302
    back = browser.post(refused["Location"], {"password": PASSWORD, "next": page})
    assert back["Location"] == page
    assert allow(browser, page)["Location"].startswith(parties.CALLBACK)


def test_saying_no_is_never_held_up():
    browser = signing.signed_in(signing.sign_up())
    page = ask(browser)
    signing.grow_old(browser, LATE)

    assert "access_denied" in browser.post(page, {"answer": "deny"})["Location"]


def test_a_secret_for_an_app_goes_on_by_itself_after_the_password():
    browser = signing.signed_in(signing.sign_up(role=Role.DEVELOPER))
    browser.post("/developers/apps/new/", APP)
    app = Application.objects.get(name="Heart Diary")
    before, address = app.client_secret, f"/developers/apps/{app.uid}/secret/"
    signing.grow_old(browser, LATE)

    asked = browser.post(address)

    app.refresh_from_db()
    assert asked["Location"].startswith("/accounts/reauthenticate/")
    assert app.client_secret == before
    shown = browser.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": address})
    app.refresh_from_db()
    assert app.client_secret != before
    assert re.search(r"<pre[^>]*>[^<]{100,}</pre>", shown.content.decode())


def test_a_passkey_is_not_added_to_somebody_elses_open_browser():
    browser = signing.signed_in(signing.sign_up())
    assert browser.get("/accounts/factors/webauthn/add/").status_code == 200
    signing.grow_old(browser, LATE)

    assert browser.get("/accounts/factors/webauthn/add/")["Location"].startswith("/accounts/reauthenticate/")


def test_what_lets_somebody_see_or_makes_a_secret_is_asked_for_again():
    routes, estate = {route.name: route for route in addresses.varying()}, possessions.estate()
    asker = estate.holders[""]
    # Each with what may be looked at freely before.
    guarded = {
        "portal:access_file": None,
        "portal:renew_app": "get",
        "portal:resume_app": None,
        "portal:renew_delegation": None,
        "portal:resume_delegation": None,
        "portal:let_apps_in": "get",
        "developers:renew_keys": "get",
        "developers:renew_secret": None,
        "developers:webhooks": "get",
    }
    for name, looked_at in guarded.items():
        path = routes[name].path(estate.hers(routes[name]))
        method = "get" if name == "portal:access_file" else "post"
        signing.grow_old(asker.client, LATE)

        assert asker.ask(method, path).headers["Location"].startswith("/accounts/reauthenticate/"), name

        assert looked_at is None or asker.ask(looked_at, path).status_code == 200, name
        signing.grow_old(asker.client, -LATE)
        fresh = asker.ask(method, path)
        assert fresh.status_code in (200, 302, 400), name
        assert "reauthenticate" not in fresh.headers.get("Location", ""), name


def test_what_she_kept_to_herself_is_let_out_only_by_who_shows_who_she_is():
    person = signing.sign_up()
    parties.store_observations(person, laboratory=1)
    (record,) = Record.unguarded.filter(owner_id=person.pk, resource_type=TYPE_NUMBER["Observation"])
    page, name = f"/record/Observation/{record.logical_id}/", f"Observation/{record.logical_id}"
    browser = signing.signed_in(person)
    signing.grow_old(browser, LATE)

    # To keep something back is never held up.
    assert browser.post(f"{page}hide/", {"hide": "everyone"})["Location"] == page
    assert browser.post(f"{page}sensitivity/", {"verdict": "sensitive"})["Location"] == page
    for form in ({"verdict": "ordinary"}, {"verdict": "automatic"}):
        assert browser.post(f"{page}sensitivity/", form)["Location"].startswith("/accounts/reauthenticate/")
    asked = browser.post(f"{page}hide/", {"show": "everyone"})

    assert asked["Location"].startswith("/accounts/reauthenticate/")
    assert ledger.is_hidden(person.pk, name, Grantee.EVERYONE, "")
    record.refresh_from_db()
    assert record.labels != 0
    # What she sent goes on by itself once she has shown who she is.
    done = browser.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": f"{page}hide/"})
    assert done["Location"] == page
    assert not ledger.is_hidden(person.pk, name, Grantee.EVERYONE, "")


def test_whoever_has_only_another_site_signs_in_there_again():
    person = signing.sign_up()
    browser = signing.signed_in(person)
    page = ask(browser)
    SocialAccount.objects.create(user=person, provider="provider", uid="1")
    Person.objects.filter(pk=person.pk).update(password="!")
    browser.force_login(Person.objects.get(pk=person.pk))
    signing.grow_old(browser, LATE)

    answer = browser.get(page)

    assert answer["Location"].startswith("/accounts/login/?next=/oauth/consent/")
    assert "_auth_user_id" not in browser.session
