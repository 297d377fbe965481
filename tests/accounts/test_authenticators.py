"""One-time codes of an authenticator app, and the recovery codes beside them."""

from __future__ import annotations

import base64
import hmac
import re
import time

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client

from tests import servers, web_role
from tests.accounts import signing
from tests.portal import people

pytestmark = pytest.mark.django_db


def code_of(secret: str, *, later: int = 0) -> str:
    """What the app shows (RFC 6238, SHA-1, six digits) ``later`` half minutes from now."""
    counter = int(time.time()) // 30 + later
    digest = hmac.digest(base64.b32decode(secret), counter.to_bytes(8), "sha1")
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 1_000_000:06}"


def set_up(browser: Client) -> tuple[str, list[str]]:
    """Turns codes on; the secret, and the recovery codes shown then."""
    page = browser.get("/accounts/factors/totp/activate/").content.decode()
    secret = re.search(r'<code class="secret">(\w+)</code>', page)[1]
    answer = browser.post("/accounts/factors/totp/activate/", {"code": code_of(secret)}, follow=True)
    return secret, re.findall(r"<li><code>(\w+)</code></li>", answer.content.decode())


def test_password_alone_no_longer_opens_an_account_with_codes():
    person = signing.sign_up()
    assert signing.sign_in(person)["Location"] == "/"
    secret, _ = set_up(signing.signed_in(person))

    browser = Client()
    answer = signing.sign_in(person, browser=browser)

    assert answer["Location"] == "/accounts/factors/authenticate/"
    assert browser.get("/account/").status_code == 302
    assert "One more step" in browser.get("/accounts/factors/authenticate/").content.decode()
    assert "did not match" in browser.post("/accounts/factors/authenticate/", {"code": "000000"}).content.decode()
    cache.clear()
    # The code of the set-up is spent; the one of the next half minute still counts.
    fresh = {"code": code_of(secret, later=1)}
    assert browser.post("/accounts/factors/authenticate/", fresh)["Location"] == "/"
    assert browser.get("/account/").status_code == 200


@pytest.mark.skipif(not servers.ROLE_URLS, reason="a server that was given has no roles of ours")
def test_the_second_step_is_asked_for_where_the_database_hides_what_is_anothers():
    """Rows that the web server cannot reach must never look as if she had no second step."""
    person, another = signing.sign_up(), signing.sign_up()
    with web_role.requests():
        secret, recovery = set_up(signing.signed_in(person))
        assert signing.sign_in(another)["Location"] == "/"

        browsers = [Client(), Client()]
        asked = [signing.sign_in(person, browser=browser)["Location"] for browser in browsers]
        given = [code_of(secret, later=1), recovery[0]]
        answers = [
            browser.post("/accounts/factors/authenticate/", {"code": code})["Location"]
            for browser, code in zip(browsers, given, strict=True)
        ]
        opened = [browser.get("/accounts/sessions/").status_code for browser in browsers]

    assert asked == ["/accounts/factors/authenticate/"] * 2
    assert answers == ["/", "/"]
    assert opened == [200, 200]


def test_recovery_code_lets_in_once():
    person = signing.sign_up()
    _, recovery = set_up(signing.signed_in(person))
    assert len(recovery) == 10

    for times, lands in ((1, "/"), (2, None)):
        browser = Client()
        signing.sign_in(person, browser=browser)
        answer = browser.post("/accounts/factors/authenticate/", {"code": recovery[0]})
        assert answer.get("Location") == lands, times


def test_guessing_codes_ends_after_five():
    person = signing.sign_up()
    _, recovery = set_up(signing.signed_in(person))
    browser = Client()
    signing.sign_in(person, browser=browser)
    for _ in range(5):
        browser.post("/accounts/factors/authenticate/", {"code": "000000"})

    page = browser.post("/accounts/factors/authenticate/", {"code": recovery[0]})

    assert page.status_code == 200
    assert "Too many" in page.content.decode()


def test_secrets_are_sealed_in_the_database():
    person = signing.sign_up()
    secret, recovery = set_up(signing.signed_in(person))

    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator WHERE user_id = %s", [person.pk])
        kept = " ".join(row[0] for row in cursor.fetchall())

    assert len(kept) > 100
    assert secret not in kept
    assert not any(code in kept for code in recovery)


@pytest.mark.django_db(transaction=True)
def test_turning_codes_on_and_off_is_told_by_mail():
    browser = signing.signed_in(signing.sign_up())
    set_up(browser)

    browser.post("/accounts/factors/totp/deactivate/")

    assert not Authenticator.objects.exists()
    assert [message.subject.rpartition(" ")[2] for message in mail.outbox] == ["Activated", "Deactivated"]
    assert all("If this was not you" in message.body for message in mail.outbox)


def test_unconfirmed_mail_gets_no_second_factor():
    person, browser = people.sign_up(), Client()
    browser.post(
        "/accounts/signup/", {"name": "A", "email": "a@example.org", "password1": people.PASSWORD, "language": "en"}
    )

    answer = browser.get("/accounts/factors/totp/activate/", follow=True)

    assert person.email != "a@example.org"
    assert "Confirm your e-mail first" in answer.content.decode()
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize(
    "address", ["", "totp/activate/", "totp/deactivate/", "recovery-codes/", "recovery-codes/generate/", "webauthn/"]
)
def test_pages_are_ours(address):
    browser = signing.signed_in(signing.sign_up())
    set_up(browser)

    page = browser.get(f"/accounts/factors/{address}", follow=True).content.decode()

    assert '<main id="content"' in page
    assert "allauth" not in page
