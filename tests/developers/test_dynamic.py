"""RFC 7591 and RFC 7592: apps that register themselves, and wait until somebody has looked."""

from __future__ import annotations

import json
import secrets
from itertools import count

import pytest
from django.test import Client
from django.utils import timezone

from developers import dynamic, reviews
from developers.models import InitialToken, Review, State
from gateway.models import Application
from tests.developers import builders
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db
METADATA = {
    "client_name": "Self Made",
    "redirect_uris": [builders.REDIRECT],
    "token_endpoint_auth_method": "none",
    "scope": "openid patient/Observation.rs",
}


_hosts = count(1)


def address() -> str:
    """Another one each time: what one address does too often must not stop the others."""
    return f"2001:db8::{secrets.token_hex(2)}:{next(_hosts):x}"


def register(metadata: object, *, token: str = "", **options):
    options.setdefault("REMOTE_ADDR", address())
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client().post(
        "/oauth/register", json.dumps(metadata), content_type="application/json", headers=headers, **options
    )


def manage(body: dict, method: str, metadata: object = None, *, token: str | None = None):
    held = body["registration_access_token"] if token is None else token
    return Client().generic(
        method,
        "/oauth/" + body["registration_client_uri"].partition("/oauth/")[2],
        json.dumps(metadata) if metadata is not None else "",
        content_type="application/json",
        headers={"Authorization": f"Bearer {held}"},
        REMOTE_ADDR=address(),
    )


def test_unknown_app_sleeps_until_it_is_approved():
    person = parties.sign_up()
    answer = register(METADATA)
    body = answer.json()
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    assert {name: body[name] for name in METADATA} == METADATA
    app = App(Application.objects.get(client_id=body["client_id"]), None, builders.REDIRECT)
    browser = builders.browser(person)
    assert browser.get("/oauth/authorize", app.request("openid")).status_code == 400

    reviews.decide(app.application, "approve", by=builders.staff(), note="", at=timezone.now())

    assert app.let_in(person, "openid patient/Observation.rs")["patient"] == person.patient_id


def test_developers_token_puts_the_app_among_hers_on_trial():
    person = builders.developer()
    page = builders.browser(person).post("/developers/initial-token/").content.decode()
    token = page.partition('<pre tabindex="0">')[2].partition("<")[0]
    assert token not in str(InitialToken.objects.values_list())

    body = register(METADATA, token=token).json()

    made = Application.objects.get(client_id=body["client_id"])
    assert (made.user, made.active, made.on_trial) == (person, True, True)
    assert App(made, None, builders.REDIRECT).let_in(
        parties.sign_up(is_synthetic=True), "openid patient/Observation.rs"
    )
    InitialToken.objects.update(expires=timezone.now())
    assert register(METADATA, token=token).status_code == 401
    assert register(METADATA, token="nonsense").status_code == 401


def test_open_site_approves_at_once(settings):
    settings.REGISTRATION_OPEN = True

    body = register({**METADATA, "token_endpoint_auth_method": "client_secret_basic"}).json()

    made = Application.objects.get(client_id=body["client_id"])
    assert (made.active, made.on_trial, made.review.state) == (True, False, State.APPROVED)
    assert body["client_secret_expires_at"] == 0
    assert App(made, body["client_secret"], builders.REDIRECT).let_in(
        parties.sign_up(), "openid patient/Observation.rs"
    )


def test_no_token_of_it_is_stored():
    body = register({**METADATA, "token_endpoint_auth_method": "client_secret_post"}).json()

    stored = str(list(Application.objects.values())) + str(list(Review.objects.values()))

    assert body["client_id"] in stored
    assert body["registration_access_token"] not in stored
    assert body["client_secret"] not in stored


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"redirect_uris": ["https://app.example/#fragment"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://app.example/"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": "https://app.example/"}, "invalid_client_metadata"),
        ({"client_name": 7}, "invalid_client_metadata"),
        ({"client_name": ""}, "invalid_client_metadata"),
        ({"grant_types": ["implicit"]}, "invalid_client_metadata"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"scope": "patient/Nonsense.rs"}, "invalid_client_metadata"),
        ({"scope": "system/*.rs"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "tls_client_auth"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"jwks": {"keys": []}, "jwks_uri": "https://app.example/jwks"}, "invalid_client_metadata"),
        ({"client_uri": "javascript:alert(1)"}, "invalid_client_metadata"),
    ],
)
def test_unacceptable_metadata_is_refused_by_its_name(change, error):
    answer = register({**METADATA, **change})

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert not Application.objects.exists()


@pytest.mark.parametrize("body", ["", "[]", "7", "{", '{"client_name": "\\u0000"}', "[" * 40_000])
def test_what_is_no_object_is_refused(body):
    answer = Client().post("/oauth/register", body, content_type="application/json", REMOTE_ADDR=address())

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


def test_app_reads_changes_and_ends_its_own_registration():
    body = register(METADATA, token=dynamic.issue_initial_token(builders.developer(), at=timezone.now())).json()
    other = register({**METADATA, "client_name": "Another"}).json()
    assert manage(body, "GET").json()["client_name"] == "Self Made"
    assert manage(body, "GET", token=other["registration_access_token"]).status_code == 401
    assert manage(body, "GET", token="").status_code == 401
    made = Application.objects.get(client_id=body["client_id"])
    Application.objects.filter(pk=made.pk).update(on_trial=False)
    Review.objects.filter(application=made).update(state=State.APPROVED, decided=timezone.now())

    changed = manage(body, "PUT", {**METADATA, "client_id": body["client_id"], "client_name": "Renamed"})

    assert (changed.status_code, changed.json()["client_name"]) == (200, "Renamed")
    made.refresh_from_db()
    assert (made.on_trial, Review.objects.get(application=made).state) == (True, State.DRAFT)
    assert manage(body, "PUT", {**METADATA, "client_id": "another"}).status_code == 400
    assert manage(body, "DELETE").status_code == 204
    assert manage(body, "GET").status_code == 401
    made.refresh_from_db()
    assert not made.active


def test_registering_is_throttled():
    host = address()

    statuses = [register(METADATA, REMOTE_ADDR=host).status_code for _ in range(31)]

    assert statuses == [201] * 30 + [429]


def test_endpoint_is_advertised(settings):
    found = Client().get("/fhir/r4/.well-known/smart-configuration").json()

    assert found["registration_endpoint"] == settings.PUBLIC_URL + "/oauth/register"


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_name": "\ud800"},
        {"client_name": "\x00"},
        {"client_uri": "https://app.example/\ud800"},
        {"jwks_uri": "https://app.example/\ud800", "token_endpoint_auth_method": "private_key_jwt"},
    ],
)
def test_characters_that_no_text_has_are_refused(wrong):
    assert register(METADATA).status_code == 201

    answer = register({**METADATA, **wrong})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


def test_registration_of_an_impossible_id_is_not_there():
    assert Client().get("/oauth/register/a%00b", headers={"Authorization": "Bearer x"}).status_code == 404
