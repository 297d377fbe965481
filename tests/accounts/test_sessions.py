"""Where one is signed in, for how long, and ending it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import devices, sessions
from tests.accounts import signing

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Mobile Safari/604.1"


def is_in(browser) -> bool:
    return browser.get("/account/").status_code == 200


def ends(browser):
    return Session.objects.get(session_key=browser.session.session_key).expire_date


def test_sign_in_without_a_page_is_over_after_the_idle_time(settings):
    browser = signing.signed_in(signing.sign_up())
    assert is_in(browser)
    assert ends(browser) - timezone.now() <= timedelta(seconds=settings.SESSION_COOKIE_AGE)

    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))

    assert not is_in(browser)


def test_what_the_tables_hold_of_a_session_opens_none():
    browser = signing.signed_in(signing.sign_up())
    kept = Session.objects.get()
    assert is_in(browser)

    secret, stolen = browser.cookies["session"].value, Client()
    stolen.cookies["session"] = kept.session_key

    assert not is_in(stolen)
    assert secret not in str((kept.session_key, sessions.told(kept), UserSession.objects.values_list()))


def test_what_one_session_says_is_worth_nothing_in_another():
    browser, visitor = signing.signed_in(signing.sign_up()), Client()
    visitor.session["lang"] = "es"
    hers, own = browser.session.session_key, visitor.session.session_key
    said = Session.objects.get(session_key=hers).session_data

    Session.objects.filter(session_key=own).update(session_data=said)

    assert not is_in(visitor)
    assert is_in(browser)


def test_opening_a_page_keeps_it(settings):
    browser = signing.signed_in(signing.sign_up())
    session = browser.session
    session["seen"] -= 61
    session.save()
    Session.objects.update(expire_date=timezone.now() + timedelta(seconds=5))

    assert is_in(browser)

    assert ends(browser) > timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE - 60)


def test_pages_within_a_minute_write_nothing():
    browser = signing.signed_in(signing.sign_up())
    is_in(browser)

    with CaptureQueriesContext(connection) as asked:
        browser.get("/account/")

    assert len(asked) > 1
    assert [query["sql"] for query in asked if not query["sql"].startswith("SELECT")] == []


def test_however_busy_a_sign_in_ends(settings):
    browser = signing.signed_in(signing.sign_up())
    lifetime = settings.SESSION_LIFETIME.total_seconds()
    signing.grow_old(browser, lifetime - 60)
    assert is_in(browser)
    assert ends(browser) < timezone.now() + timedelta(seconds=61)

    signing.grow_old(browser, 61)

    assert not is_in(browser)


def test_she_sees_her_browsers_and_signs_one_out():
    person = signing.sign_up()
    here = signing.signed_in(person, headers={"user-agent": FIREFOX})
    there = signing.signed_in(person, headers={"user-agent": PHONE})
    page = here.get("/accounts/sessions/").content.decode()
    assert "Firefox, Windows" in page
    assert "Safari, iPhone" in page
    assert is_in(there)

    other = UserSession.objects.get(session_key=there.session.session_key)
    here.post(f"/accounts/sessions/{other.pk}/end/")

    assert not is_in(there)
    assert is_in(here)


def test_everywhere_else_is_signed_out_at_once():
    person = signing.sign_up()
    here, *others = [signing.signed_in(person) for _ in range(3)]

    here.post("/accounts/sessions/end-others/")

    assert is_in(here)
    assert [is_in(other) for other in others] == [False, False]


def test_somebody_elses_session_is_not_there():
    mine, hers = signing.signed_in(signing.sign_up()), signing.signed_in(signing.sign_up())
    session = UserSession.objects.get(session_key=hers.session.session_key)

    assert mine.post(f"/accounts/sessions/{session.pk}/end/").status_code == 404
    assert is_in(hers)


def test_an_unknown_browser_has_no_name():
    assert devices.describe("curl/8") == ""
