"""Who came in by the door, and who tried to, stands in the access log of the account."""

from __future__ import annotations

import pytest
from django.test import Client

from audit import events
from audit.models import Agent, Outcome
from tests.portal.people import PASSWORD, sign_up

pytestmark = pytest.mark.django_db


def logged(owner_id: int) -> list[tuple[str, str, str, str]]:
    """Oldest first."""
    return [
        (event.interaction, event.outcome, event.agent_kind, event.origin) for event in reversed(events.of(owner_id))
    ]


def test_signing_in_and_out_are_events_of_hers():
    person, browser = sign_up(), Client()

    browser.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    browser.post("/accounts/logout/")

    assert logged(person.pk) == [
        ("sign-in", Outcome.SUCCESS, Agent.OWNER, "127.0.0.1"),
        ("sign-out", Outcome.SUCCESS, Agent.OWNER, "127.0.0.1"),
    ]


def test_a_wrong_password_is_an_event_that_names_nobody():
    person = sign_up()

    Client().post("/accounts/login/", {"login": person.email.upper(), "password": "not hers"})

    assert logged(person.pk) == [("sign-in", Outcome.REFUSED, Agent.UNKNOWN, "127.0.0.1")]
    assert events.of(person.pk)[0].agent_name == ""


def test_an_email_that_nobody_has_is_written_nowhere():
    before = len(logged(events.NOBODY))

    Client().post("/accounts/login/", {"login": "nobody@example.org", "password": "whatever"})

    assert logged(events.NOBODY)[before:] == [("sign-in", Outcome.REFUSED, Agent.UNKNOWN, "127.0.0.1")]
    assert "nobody@" not in str(vars(events.of(events.NOBODY, 1)[0]))


def test_a_new_password_is_an_event():
    person, browser = sign_up(), Client()
    browser.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    given = {"oldpassword": PASSWORD, "password1": "another-long-secret-1", "password2": "another-long-secret-1"}

    assert browser.post("/accounts/password/change/", given).status_code == 302

    assert [each[0] for each in logged(person.pk)][:2] == ["sign-in", "password"]
