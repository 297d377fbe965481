"""Signing up, in and out; passwords forgotten, changed and guessed."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client

from accounts.models import Person
from tests.portal.people import PASSWORD, sign_up

pytestmark = pytest.mark.django_db
FORM = {
    "name": "Ana Example",
    "email": "ana@example.org",
    "password1": PASSWORD,
    "language": "es",
    "time_zone": "Asia/Tokyo",
}


def sign_in(person: Person, password: str = PASSWORD, browser: Client | None = None):
    return (browser or Client()).post("/accounts/login/", {"login": person.email, "password": password})


def link_in_mail() -> str:
    (message,) = mail.outbox
    return re.search(r"http://testserver(/\S+)", message.body)[1]


def test_signing_up_keeps_what_she_said():
    answer = Client().post("/accounts/signup/", FORM)

    person = Person.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert (person.name, person.email, person.language, person.time_zone) == (
        "Ana Example",
        "ana@example.org",
        "es",
        "Asia/Tokyo",
    )
    assert person.check_password(PASSWORD)


def test_unknown_time_zone_becomes_utc():
    Client().post("/accounts/signup/", FORM | {"time_zone": "../../etc/passwd"})

    assert Person.objects.get().time_zone == "UTC"


@pytest.mark.parametrize("wrong", [{"name": ""}, {"email": "nobody"}, {"password1": "short"}, {"language": "xx"}])
def test_signing_up_with_something_wrong_makes_nobody(wrong):
    answer = Client().post("/accounts/signup/", FORM | wrong)

    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert not Person.objects.exists()


def test_pages_speak_her_language_from_sign_in_on():
    browser = Client()
    sign_in(sign_up(language="es"), browser=browser)

    assert '<html lang="es">' in browser.get("/").content.decode()


def test_session_is_a_new_one_after_signing_in():
    browser = Client()
    browser.get("/accounts/login/")
    session = browser.session
    session["planted"] = "yes"
    session.save()
    browser.cookies["session"] = planted = session.secret

    sign_in(sign_up(), browser=browser)

    assert browser.cookies["session"].value != planted
    assert Client(headers={"cookie": f"session={planted}"}).get("/account/").status_code == 302


def test_signing_out_ends_the_session_and_needs_a_form():
    browser = Client()
    sign_in(sign_up(), browser=browser)

    assert "Sign out?" in browser.get("/accounts/logout/").content.decode()
    assert browser.get("/account/").status_code == 200
    browser.post("/accounts/logout/")

    assert browser.get("/account/").status_code == 302


def test_many_tries_from_one_place_meet_a_plain_page(settings):
    settings.ACCOUNT_RATE_LIMITS = {"login": "1/m/ip"}
    sign_in(sign_up(), "wrong")

    answer = sign_in(sign_up(), "wrong")

    assert answer.status_code == 429
    assert "Too many tries" in answer.content.decode()


def test_forgotten_password_is_reset_by_mail_once():
    person, browser = sign_up(), Client()
    browser.post("/accounts/password/reset/", {"email": person.email})
    address = link_in_mail()
    assert mail.outbox[0].body.rstrip().endswith("Tributary")

    form = browser.get(address, follow=True)
    browser.post(form.redirect_chain[-1][0], {"password1": "another-long-secret", "password2": "another-long-secret"})

    person.refresh_from_db()
    assert person.check_password("another-long-secret")
    assert "This link no longer works" in Client().get(address, follow=True).content.decode()


def test_changed_password_ends_other_sessions():
    person, here, elsewhere = sign_up(), Client(), Client()
    for browser in (here, elsewhere):
        sign_in(person, browser=browser)

    new = "another-long-secret"
    here.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})

    assert here.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302
    assert "Your password has been changed" in mail.outbox[-1].subject


def test_closed_account_cannot_sign_in():
    person, browser = sign_up(is_active=False), Client()

    answer = sign_in(person, browser=browser)

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/inactive/")
    assert "This account has been closed" in browser.get("/accounts/inactive/").content.decode()
    assert browser.get("/account/").status_code == 302


def test_language_is_chosen_by_form_and_remembered():
    person, browser = sign_up(), Client()
    sign_in(person, browser=browser)

    answer = browser.post("/accounts/language/", {"language": "es", "next": "/apps/"})

    person.refresh_from_db()
    assert answer["Location"] == "/apps/"
    assert person.language == "es"
    assert '<html lang="es">' in browser.get("/apps/").content.decode()


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_language_form_leads_nowhere_else(back):
    assert Client().post("/accounts/language/", {"language": "es", "next": back})["Location"] == "/"


def test_unknown_language_changes_nothing():
    person, browser = sign_up(), Client()
    browser.force_login(person)

    answer = browser.post("/accounts/language/", {"language": "xx"})

    person.refresh_from_db()
    assert person.language == "en"
    assert "language" not in answer.cookies


def test_profile_keeps_name_language_and_zone_and_nothing_more():
    person, browser = sign_up(), Client()
    browser.force_login(person)
    form = {"name": "Ana B.", "language": "es", "time_zone": "Europe/Madrid", "role": "developer", "is_staff": "on"}

    browser.post("/account/", form)

    person.refresh_from_db()
    assert (person.name, person.language, person.time_zone) == ("Ana B.", "es", "Europe/Madrid")
    assert (person.role, person.is_staff) == ("patient", False)


@pytest.mark.parametrize(
    "address", ["login/code/", "login/code/confirm/", "signup/passkey/", "phone/verify/", "3rdparty/"]
)
def test_what_is_not_used_is_not_there(address):
    assert Client().get(f"/accounts/{address}").status_code == 404


@pytest.mark.parametrize("name", ["login", "signup", "password/reset"])
def test_pages_of_visitors_are_ours(name):
    page = Client().get(f"/accounts/{name}/").content.decode()

    assert '<html lang="en">' in page
    assert "· Tributary</title>" in page
    assert "Español" in page
    assert "testserver" not in page


@pytest.mark.parametrize("name", ["email", "password/change", "reauthenticate", "logout"])
def test_account_pages_are_ours(name):
    browser = Client()
    sign_in(sign_up(), browser=browser)

    page = browser.get(f"/accounts/{name}/").content.decode()

    assert '<main id="content"' in page
    assert "allauth" not in page
