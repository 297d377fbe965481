"""A developer at her pages, with an app on trial, and staff who reviews."""

from __future__ import annotations

from itertools import count
from typing import Any
from urllib.parse import urlsplit

from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from accounts.models import Person, Role
from developers import registrations
from developers.registrations import Description
from gateway.clients import Registered
from tests.gateway import parties

REDIRECT = "https://app.example/callback"
SCOPES = ("openid", "fhirUser", "launch/patient", "offline_access", "patient/Observation.rs")
SHOWN: dict[str, Any] = {
    "description": "Draws your laboratory results as lines over time.",
    "maker": "Example Works",
    "homepage_uri": "https://app.example/",
    "policy_uri": "https://app.example/privacy",
    "retention": "session",
    "resale": "never",
    "deletion": "itself",
}
_numbers = count(1)


def developer(**fields: Any) -> Person:
    person = Person.objects.create_user(
        f"developer{next(_numbers)}@example.org", "a-long-enough-secret", **{"role": Role.DEVELOPER, **fields}
    )
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    return person


def staff() -> Person:
    return developer(role=Role.PATIENT, is_staff=True)


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def let_in(address: str, person: Person) -> str:
    """She says yes in her browser to all that is ticked at this authorization request; where that leads."""
    client, parts = browser(person), urlsplit(address)
    page = client.get(f"{parts.path}?{parts.query}")["Location"]
    ticked = parties.boxes(client.get(page))
    return client.post(page, {"answer": "allow", "box": ticked, "length": "90"})["Location"]


def app(person: Person, *, method: str = "none", name: str = "", **more: Any) -> Registered:
    """An app on trial with which nothing is wrong."""
    description = Description(
        name=name or f"Heart Diary {next(_numbers)}",
        method=method,
        redirect_uris=(REDIRECT,),
        scopes=SCOPES,
        shown=SHOWN,
        **more,
    )
    return registrations.register(description, by=person, at=timezone.now())
