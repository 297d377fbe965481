"""Browsers that sign in by the pages, and sessions made older than they are."""

from __future__ import annotations

from typing import Any

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.models import EmailAddress
from django.test import Client

from accounts.models import Person
from tests.portal import people


def sign_up(**fields: Any) -> Person:
    """A person whose e-mail is confirmed."""
    person = people.sign_up(**fields)
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    return person


def sign_in(person: Person, password: str = people.PASSWORD, *, browser: Client | None = None, **headers: str):
    """The answer of the sign-in page; ``REMOTE_ADDR`` and the like go with it."""
    form = {"login": person.email, "password": password}
    return (browser or Client()).post("/accounts/login/", form, **headers)


def signed_in(person: Person, **headers: str) -> Client:
    browser = Client(**headers)
    assert sign_in(person, browser=browser)["Location"] == "/"
    return browser


def grow_old(browser: Client, seconds: float) -> None:
    """As if she had signed in so much earlier."""
    session = browser.session
    session["began"] -= seconds
    for record in session.get(AUTHENTICATION_METHODS_SESSION_KEY, []):
        record["at"] -= seconds
    session.save()
