"""After a whole journey no table holds a secret that anybody could use: not in plain, not as a guessable digest."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from gateway import clients, launches
from sync import connections, hospitals
from sync.tokens import Tokens
from tests.fhirapi.backends import Service
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-enough-secret"
UPSTREAM = {"access_token": "upstream-access-3f9", "refresh_token": "upstream-refresh-8b2"}


def dump() -> str:
    """Every row of every table as text; bytea stands in it as hex."""
    with connection.cursor() as cursor:
        text = ""
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608 - names from the catalogue
            text += "\n".join(row[0] for row in cursor.fetchall())
    return text


def written(secret: str) -> set[str]:
    """The ways in which a usable secret could stand in a table."""
    raw = secret.encode()
    return {secret, raw.hex(), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode().rstrip("=")}


def unsalted(secret: str) -> set[str]:
    """Digests that a list of likely secrets would find."""
    digests = [hashlib.new(name, secret.encode()) for name in ("md5", "sha1", "sha256", "sha384", "sha512")]
    return {way for digest in digests for way in (digest.hexdigest(), base64.b64encode(digest.digest()).decode())}


def journey() -> tuple[list[str], list[str]]:
    """Everything secret that came up: what was made at random, and what somebody chose or keeps for long."""
    person, app = parties.sign_up(), App.register(method="client_secret_post", launch_uri="https://app.example/launch")
    browser = Client()
    assert browser.login(email=person.email, password=PASSWORD)
    code = app.ask(person, "openid patient/Observation.rs offline_access")
    told = app.redeem(code).json()
    renewed = app.refresh(told["refresh_token"]).json()
    old_secret, app.secret = app.secret, clients.renew_secret(app.application, keep_old_until=timezone.now())
    pushed = app.post("/oauth/par", app.request("openid") | app.proof()).json()["request_uri"]
    opened = launches.open_app(app.application, person=person, at=timezone.now())
    (launch,) = parse_qs(urlsplit(opened).query)["launch"]
    hospital = hospitals.register(
        "https://ehr.example/fhir", name="Riverside", client_id="tributary", secret="secret-at-the-hospital-1d4"
    )
    at = timezone.now()
    connections.connect(
        person,
        hospital=hospital,
        patient="p1",
        tokens_given=Tokens(**UPSTREAM, expires=at, scope="patient/*.rs"),
        token_endpoint="https://ehr.example/token",
        at=at,
    )
    made = [code, launch, pushed.rpartition(":")[2], Service.register().token()]
    made += [told[name] for name in ("access_token", "refresh_token", "id_token")]
    made += [renewed[name] for name in ("access_token", "refresh_token")]
    return made, [old_secret, app.secret, PASSWORD, "secret-at-the-hospital-1d4", *UPSTREAM.values()]


def test_no_table_holds_a_usable_secret():
    made, kept = journey()

    found = dump()

    assert "Riverside" in found  # the dump does see what is stored
    assert [one for one in (*made, *kept) if any(way in found for way in written(one))] == []
    assert [one for one in kept if any(way in found for way in unsalted(one))] == []
    assert b'"dp":'.hex() not in found  # the private half of a signing key
