"""Guessing passwords: it ends soon, locks nobody else out, and learns nothing of who has an account."""

from __future__ import annotations

import re
import time
from statistics import median

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core import mail
from django.test import Client

from accounts.models import Person
from tests.accounts import signing
from tests.portal.people import PASSWORD

pytestmark = pytest.mark.django_db
HERS, THEIRS = {"REMOTE_ADDR": "192.0.2.1"}, {"REMOTE_ADDR": "198.51.100.7"}


@pytest.fixture(autouse=True)
def _an_hour_to_guess_in(settings):
    """Five guesses from one place, as always, but on a slow machine they may take longer than five minutes."""
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "10/h/ip,5/h/key"}


def guess(person: Person, *, times: int = 5, **place: str) -> None:
    for _ in range(times):
        assert "is not right" in signing.sign_in(person, "wrong", **place).content.decode()


def test_who_guesses_is_locked_out_even_with_the_right_password():
    person = signing.sign_up()
    guess(person, **THEIRS)

    answer = signing.sign_in(person, **THEIRS)

    assert "Too many wrong passwords" in answer.content.decode()
    assert "_auth_user_id" not in answer.client.session


def test_nobody_locks_out_somebody_else():
    person = signing.sign_up()
    guess(person, **THEIRS)

    assert signing.sign_in(person, **HERS)["Location"] == "/"


def test_a_household_of_ipv6_is_one_place():
    person = signing.sign_up()
    for number in range(5):
        guess(person, times=1, REMOTE_ADDR=f"2001:db8:1:2::{number}")

    assert "Too many" in signing.sign_in(person, REMOTE_ADDR="2001:db8:1:2:ffff::1").content.decode()
    assert signing.sign_in(person, REMOTE_ADDR="2001:db8:1:3::1")["Location"] == "/"


def test_at_the_same_place_a_mail_lets_her_in_again():
    person = signing.sign_up()
    guess(person, **HERS)
    browser = Client(**HERS)
    browser.post("/accounts/password/reset/", {"email": person.email})
    address = re.search(r"http://testserver(/\S+)", mail.outbox[-1].body)[1]

    form = browser.get(address, follow=True).redirect_chain[-1][0]
    browser.post(form, {"password1": "lantern-otter-9-dune", "password2": "lantern-otter-9-dune"})

    assert signing.sign_in(person, "lantern-otter-9-dune", **HERS)["Location"] == "/"


def test_wrong_and_unknown_get_the_same_page():
    person = signing.sign_up()
    known = signing.sign_in(person, "wrong").content.decode().replace(person.email, "")
    unknown = signing.sign_in(Person(email="nobody@example.org"), "wrong").content.decode()

    assert strip(known) == strip(unknown.replace("nobody@example.org", ""))


def test_wrong_and_unknown_cost_the_same_hashes(settings, monkeypatch):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    person, asked = signing.sign_up(), []
    real = PBKDF2PasswordHasher.encode
    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", lambda *args, **more: asked.append(1) or real(*args, **more))

    def hashes(email: str) -> int:
        asked.clear()
        signing.sign_in(Person(email=email), "wrong")
        return len(asked)

    assert hashes(person.email) == hashes("nobody@example.org") == 1


def test_wrong_and_unknown_take_the_same_time(settings, monkeypatch):
    """Medians of five, hashed as in production, if less often; a missing hash would be most of it."""
    monkeypatch.setattr(PBKDF2PasswordHasher, "iterations", 100_000)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "1000/h/ip", "login": "1000/h/ip"}
    person = signing.sign_up()

    def seconds(email: str) -> float:
        began = time.thread_time()
        signing.sign_in(Person(email=email), "wrong")
        return time.thread_time() - began

    pairs = [(seconds(person.email), seconds("nobody@example.org")) for _ in range(5)]
    known, unknown = (median(times) for times in zip(*pairs, strict=True))

    assert 0.5 < known / unknown < 2


def test_asking_for_a_new_password_says_and_does_the_same_for_all():
    person = signing.sign_up()
    answers = [
        Client().post("/accounts/password/reset/", {"email": email}) for email in (person.email, "nobody@example.org")
    ]

    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, "/accounts/password/reset/done/")}
    assert [message.to for message in mail.outbox] == [[person.email], ["nobody@example.org"]]
    assert "http" not in mail.outbox[1].body.replace("http://testserver/accounts/signup/", "")


def test_signing_up_with_a_known_mail_says_the_same_where_mail_is_confirmed(settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    person = signing.sign_up()
    form = {"name": "A", "password1": "lantern-otter-9-dune", "language": "en"}

    known = Client().post("/accounts/signup/", form | {"email": person.email})
    unknown = Client().post("/accounts/signup/", form | {"email": "new@example.org"})

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert known["Location"] == "/accounts/confirm-email/"
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


def test_mail_is_confirmed_by_a_code(settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
    browser = Client()
    form = {"name": "A", "password1": "lantern-otter-9-dune", "language": "en", "email": "new@example.org"}
    browser.post("/accounts/signup/", form)
    assert browser.get("/account/").status_code == 302
    page = browser.get("/accounts/confirm-email/").content.decode()
    assert "We have sent a code to new@example.org" in page
    code = re.search(r"^\s*([A-Z0-9]{3,4}-?[A-Z0-9]{3,4})\s*$", mail.outbox[-1].body, re.MULTILINE)[1]

    assert browser.post("/accounts/confirm-email/", {"code": code}).status_code == 302

    assert browser.get("/account/").status_code == 200


def strip(page: str) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)
