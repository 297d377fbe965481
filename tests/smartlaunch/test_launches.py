"""The standalone launch: our pages in a browser's place, the hospital over real HTTP."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
import requests
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from accounts.models import Person
from smartlaunch.models import Launch
from sync import hospitals, runs, tokens
from sync.models import Connection, ConnectionState, Hospital, Run, RunKind
from tests.fakes.ehr import CLIENT_ID, FakeEHR

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser(owner: Person) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def leave(browser: Client, hospital: Hospital) -> str:
    """Press the button; the address the page sends the browser on to."""
    response = browser.post(reverse("smartlaunch:begin", args=[hospital.slug]))
    assert response.status_code == 200
    return response["Refresh"].removeprefix("0; url=")


def approve(address: str) -> str:
    """Say yes at the hospital; where its redirect leads, without our host."""
    response = requests.get(address, allow_redirects=False, timeout=10)
    back = urlsplit(response.headers["Location"])
    return f"{back.path}?{back.query}"


def changed(path: str, **changes: str | None) -> str:
    """The same callback with some parameters changed, or left out."""
    parts = urlsplit(path)
    given = dict(parse_qsl(parts.query)) | changes
    return f"{parts.path}?{urlencode({name: value for name, value in given.items() if value is not None})}"


def connect(browser: Client, hospital: Hospital) -> Any:
    return browser.get(approve(leave(browser, hospital)))


def refused(response: Any, words: str) -> None:
    assert response.status_code == 400
    assert words in response.content.decode()
    assert not Connection.objects.exists()


# --- what is sent


def test_the_request_carries_pkce_state_nonce_and_the_exact_aud(browser: Client, hospital: Hospital, ehr: FakeEHR):
    asked = {name: values[0] for name, values in parse_qs(urlsplit(leave(browser, hospital)).query).items()}

    assert asked.pop("state") != asked.pop("nonce")
    assert len(asked.pop("code_challenge")) == 43
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": f"http://127.0.0.1:8000/connect/{hospital.slug}/callback",
        "scope": hospitals.SCOPES,
        "aud": ehr.base,
        "code_challenge_method": "S256",
    }


def test_neither_state_nor_verifier_nor_nonce_is_kept_in_clear(browser: Client, hospital: Hospital):
    asked = dict(parse_qsl(urlsplit(leave(browser, hospital)).query))

    launch = Launch.objects.get()

    assert asked["state"].encode() not in bytes(launch.state_hash)
    assert asked["nonce"].encode() not in bytes(launch.sealed)


def test_leaving_needs_a_sign_in_and_a_form(browser: Client, hospital: Hospital):
    address = reverse("smartlaunch:begin", args=[hospital.slug])

    assert Client().post(address).status_code == 302
    assert browser.get(address).status_code == 405
    assert Client(enforce_csrf_checks=True).post(address).status_code in {302, 403}


# --- coming back


def test_a_connection_is_made_and_its_first_run_queued(browser: Client, hospital: Hospital, owner: Person):
    response = connect(browser, hospital)

    assert (response.status_code, response["Location"]) == (302, reverse("portal:hospitals"))
    connection = Connection.objects.get(owner=owner, hospital=hospital, patient="p1")
    assert connection.state == ConnectionState.ACTIVE
    assert Run.objects.get(connection=connection).kind == RunKind.FIRST


def test_reconnecting_swaps_the_tokens_in_place(browser: Client, hospital: Hospital):
    connect(browser, hospital)
    first = Connection.objects.get()
    runs.perform(Run.objects.get().pk)
    before = tokens.opened(first).access_token

    connect(browser, hospital)

    again = Connection.objects.get()
    assert again.pk == first.pk
    assert tokens.opened(again).access_token != before
    assert [run.kind for run in Run.objects.order_by("id")] == [RunKind.FIRST, RunKind.UPDATE]


def test_another_account_at_the_same_hospital_is_another_connection(browser: Client, hospital: Hospital, ehr: FakeEHR):
    connect(browser, hospital)
    ehr.patient = "p2"

    connect(browser, hospital)

    assert sorted(Connection.objects.values_list("patient", flat=True)) == ["p1", "p2"]


def test_an_answer_serves_once(browser: Client, hospital: Hospital):
    back = approve(leave(browser, hospital))
    assert browser.get(back).status_code == 302

    again = browser.get(back)

    assert again.status_code == 400
    assert "This attempt to connect has ended" in again.content.decode()
    assert Connection.objects.count() == 1


def test_two_tabs_do_not_mix(browser: Client, hospital: Hospital):
    first, second = leave(browser, hospital), leave(browser, hospital)

    assert browser.get(approve(second)).status_code == 302
    assert browser.get(approve(first)).status_code == 302


def test_an_answer_is_taken_only_from_the_person_who_began(browser: Client, hospital: Hospital, transactional_db: None):
    back = approve(leave(browser, hospital))
    other = Client()
    other.force_login(Person.objects.create_user("eve@example.org", "a long enough password"))

    refused(other.get(back), "does not belong to an attempt that you began here")
    assert browser.get(back).status_code == 302


def test_an_answer_too_late_is_refused(browser: Client, hospital: Hospital):
    back = approve(leave(browser, hospital))
    Launch.objects.update(created=timezone.now() - timedelta(hours=1), expires=timezone.now() - timedelta(seconds=1))

    refused(browser.get(back), "This attempt to connect has ended")


@pytest.mark.parametrize("state", ["", "guessed", None])
def test_a_wrong_state_is_refused(browser: Client, hospital: Hospital, state: str | None):
    back = approve(leave(browser, hospital))

    refused(browser.get(changed(back, state=state)), "does not belong to an attempt that you began here")


def test_an_answer_for_one_hospital_is_not_taken_by_another(browser: Client, hospital: Hospital):
    back = approve(leave(browser, hospital))
    with FakeEHR().running() as elsewhere:
        other = hospitals.register(elsewhere.base, name="Harbor Clinic", client_id=CLIENT_ID)

        refused(browser.get(back.replace(hospital.slug, other.slug)), "does not belong to an attempt")
        assert elsewhere.targets("/auth/token") == []


@pytest.mark.parametrize("issuer", ["https://evil.example", None, ""])
def test_an_answer_of_another_issuer_is_refused(browser: Client, hospital: Hospital, ehr: FakeEHR, issuer: str | None):
    back = approve(leave(browser, hospital))

    refused(browser.get(changed(back, iss=issuer)), "did not come from Cedar Hospital")
    assert ehr.targets("/auth/token") == []  # the code went nowhere


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "You did not allow the connection at Cedar Hospital"),
        ("invalid_scope", "does not accept our registration"),
        ("temporarily_unavailable", "could not reach Cedar Hospital"),
        ("server_error", "answered with an error of its own"),
        ("<script>alert(1)</script>", "answered with an error of its own"),
    ],
)
def test_a_refusal_at_the_hospital_is_explained(browser: Client, hospital: Hospital, error: str, words: str):
    back = approve(leave(browser, hospital))

    response = browser.get(changed(back, code=None, error=error))

    refused(response, words)
    assert "<script>alert" not in response.content.decode()


def test_a_code_the_hospital_does_not_know_is_refused(browser: Client, hospital: Hospital):
    back = approve(leave(browser, hospital))

    refused(browser.get(changed(back, code="stolen")), "no longer lets us in for you")


@pytest.mark.parametrize("patient", [None, "", 17, "p1/../p2", "x" * 65])
def test_without_a_patient_nothing_is_connected(browser: Client, hospital: Hospital, ehr: FakeEHR, patient: object):
    ehr.token_extra["patient"] = patient

    refused(connect(browser, hospital), "did not say whose record it is")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-app"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": int(time.time()) - 3600},
        {"at_hash": "wrong"},
        {"sub": None},
    ],
)
def test_an_id_token_with_a_wrong_claim_is_refused(
    browser: Client, hospital: Hospital, ehr: FakeEHR, claims: dict[str, Any]
):
    ehr.claims_changes = claims

    refused(connect(browser, hospital), "did not come from Cedar Hospital")


def test_an_id_token_signed_by_somebody_else_is_refused(browser: Client, hospital: Hospital, ehr: FakeEHR):
    ehr.signing_key = RSAKey.generate_key(2048, {"kid": "k1"})

    refused(connect(browser, hospital), "did not come from Cedar Hospital")


@pytest.mark.parametrize("raw", [None, "", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
def test_an_id_token_that_is_none_is_refused(browser: Client, hospital: Hospital, ehr: FakeEHR, raw: str | None):
    def change(answer: dict[str, Any]) -> None:
        answer["id_token"] = raw

    ehr.edit("/auth/token", change)

    refused(connect(browser, hospital), "did not come from Cedar Hospital")


# --- hospitals that are not there, or not what they should be


def test_a_hospital_that_is_down_is_explained(browser: Client, transactional_db: None):
    with FakeEHR().running() as gone:
        base = gone.base
    hospital = hospitals.register(base, name="Cedar Hospital", client_id=CLIENT_ID)

    refused(browser.post(reverse("smartlaunch:begin", args=[hospital.slug])), "could not reach Cedar Hospital")


@pytest.mark.parametrize(
    "changes",
    [
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": 7},
        {"code_challenge_methods_supported": ["plain"]},
        {"code_challenge_methods_supported": None},
    ],
)
def test_a_hospital_without_what_is_needed_is_explained(
    browser: Client, hospital: Hospital, ehr: FakeEHR, changes: dict[str, Any]
):
    ehr.metadata_changes = changes

    refused(browser.post(reverse("smartlaunch:begin", args=[hospital.slug])), "has not turned on the kind of access")


@pytest.mark.parametrize("body", ["truncate", "answer_404"])
def test_a_wrong_address_is_explained(browser: Client, hospital: Hospital, ehr: FakeEHR, body: str):
    if body == "truncate":
        ehr.truncate("smart-configuration")
    else:
        ehr.answer_with("smart-configuration", 404)

    refused(browser.post(reverse("smartlaunch:begin", args=[hospital.slug])), "or its address is wrong")


def test_an_issuer_whose_document_names_another_is_refused(browser: Client, hospital: Hospital, ehr: FakeEHR):
    ehr.edit("openid-configuration", lambda document: document.update(issuer="https://evil.example"))

    refused(browser.post(reverse("smartlaunch:begin", args=[hospital.slug])), "did not come from Cedar Hospital")


def test_an_inactive_hospital_is_not_there(browser: Client, hospital: Hospital):
    Hospital.objects.update(active=False)

    assert browser.post(reverse("smartlaunch:begin", args=[hospital.slug])).status_code == 404


# --- how we prove who we are


def test_a_client_with_a_secret_uses_basic(browser: Client, ehr: FakeEHR, transactional_db: None):
    hospital = hospitals.register(ehr.base, name="Cedar Hospital", client_id=CLIENT_ID, secret="a-secret")

    assert connect(browser, hospital).status_code == 302
    (asked,) = (asked for asked in ehr.asked if asked.target == "/auth/token")
    assert asked.authorization.startswith("Basic ")
    assert b"a-secret" not in bytes(hospital.sealed_secret or b"")


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSAKey.generate_key(2048, {"kid": "us"}), "RS384"), (ECKey.generate_key("P-384", {"kid": "us"}), "ES384")],
    ids=["RSA", "EC"],
)
def test_a_client_with_a_key_signs_a_fresh_assertion(
    browser: Client, ehr: FakeEHR, transactional_db: None, key: Any, algorithm: str, monkeypatch: pytest.MonkeyPatch
):
    private = json.dumps(key.as_dict(private=True))
    hospital = hospitals.register(ehr.base, name="Cedar Hospital", client_id=CLIENT_ID, private_jwk=private)
    forms: list[dict[str, str]] = []
    answer = FakeEHR._token
    monkeypatch.setattr(FakeEHR, "_token", lambda self, form, auth: forms.append(form) or answer(self, form, auth))

    for _ in range(2):
        assert connect(browser, hospital).status_code == 302

    public = KeySet.import_key_set({"keys": [key.as_dict(private=False)]})
    signed = [jwt.decode(form["client_assertion"], public, algorithms=[algorithm]) for form in forms]
    assert {token.header["kid"] for token in signed} == {"us"}
    assert len({token.claims["jti"] for token in signed}) == 2
    for token in signed:
        assert token.claims["iss"] == token.claims["sub"] == CLIENT_ID
        assert token.claims["aud"] == f"{ehr.issuer}/token"
        assert token.claims["exp"] - token.claims["iat"] <= 300
