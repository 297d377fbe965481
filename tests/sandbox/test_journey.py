"""A client connects to a sandbox hospital as any app does: sign-in there, consent, code, token, records."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from sandbox import clients, faults, populating
from sandbox.clients import SCOPE

pytestmark = pytest.mark.django_db

CALLBACK = "http://127.0.0.1:8000/connect/lakeside/callback"
VERIFIER = "a verifier that is long enough to be one, forty-three at least".replace(" ", "-").replace(",", "")


def _fields(page):
    """Every named form field of the page that would be sent as it stands."""
    inputs = re.findall(r"<input\b[^>]*>", page)
    found = []
    for text in inputs:
        attributes = dict(re.findall(r'(\w[\w-]*)="([^"]*)"', text))
        if attributes.get("type") in {"checkbox", "radio"} and not re.search(r"\bchecked\b", text):
            continue
        if "name" in attributes:
            found.append((attributes["name"], html.unescape(attributes.get("value", "on"))))
    return found


@pytest.fixture
def person(hospital):
    report = populating.populate(at=datetime(2026, 11, 21, 12, tzinfo=UTC))
    return report.people[0]


def _token(client, person, secret):
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code", "client_id": clients.TRIBUTARY, "redirect_uri": CALLBACK, "scope": SCOPE,
        "state": "s" * 40, "aud": "http://hospital.example/fhir/r4", "code_challenge": challenge,
        "code_challenge_method": "S256", "nonce": "n" * 40,
    }  # fmt: skip
    where = client.get("/oauth/authorize", asked)["Location"]
    sign_in = client.get(where)["Location"]
    client.post(sign_in, {"login": person.email, "password": person.password})
    fields = {}
    for name, value in _fields(client.get(where).content.decode()):
        fields.setdefault(name, []).append(value)
    answer = client.post(where, {**fields, "length": "90", "answer": "allow"})
    code = parse_qs(urlsplit(answer["Location"]).query)["code"][0]
    basic = base64.b64encode(f"{clients.TRIBUTARY}:{secret}".encode()).decode()
    given = client.post(
        "/oauth/token",
        urlencode(
            {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        ),
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": f"Basic {basic}"},
    )
    return given.json()


def test_connected_client_reads_what_the_hospital_holds_and_meets_its_faults(hospital, client, person):
    _, secret = clients.register_tributary(CALLBACK)
    token = _token(client, person, secret)
    bearer = {"Authorization": f"Bearer {token['access_token']}"}

    assert token["patient"] == person.patient_id
    own = client.get(f"/fhir/r4/Patient/{person.patient_id}", headers=bearer)
    assert own.json()["name"][0]["family"] == "Testwell"
    page = client.get("/fhir/r4/Observation", {"patient": person.patient_id, "_count": 20}, headers=bearer).json()
    assert len(page["entry"]) == 20
    assert "Tributary" in client.get("/").content.decode()

    faults.switch_on("stranger", path="/fhir/r4/Observation", times=1)
    spoilt = client.get("/fhir/r4/Observation", {"patient": person.patient_id, "_count": 20}, headers=bearer)

    subjects = {entry["resource"]["subject"]["reference"] for entry in json.loads(spoilt.content)["entry"]}
    assert subjects == {f"Patient/{person.patient_id}", f"Patient/{faults.STRANGER_ID}"}


def test_faults_can_be_of_one_connection_alone(hospital, client, person):
    _, secret = clients.register_tributary(CALLBACK)
    bearer = {"Authorization": f"Bearer {_token(client, person, secret)['access_token']}"}

    def ask():
        return client.get("/fhir/r4/Observation", {"patient": person.patient_id, "_count": 5}, headers=bearer)

    faults.switch_on("error", patient="somebody-else")
    assert ask().status_code == 200
    faults.switch_on("error", patient=person.patient_id, times=1)
    assert ask().status_code == 500
    assert client.get("/fhir/r4/metadata").status_code == 200


def test_a_page_comes_twice_and_then_the_listing_goes_on(hospital, client, person):
    _, secret = clients.register_tributary(CALLBACK)
    bearer = {"Authorization": f"Bearer {_token(client, person, secret)['access_token']}"}
    address = f"/fhir/r4/Observation?patient={person.patient_id}&_count=5"
    faults.switch_on("repeated", path="/fhir/r4/Observation", times=1)

    pages = []
    while len(pages) < 3:
        pages.append(client.get(address, headers=bearer).json())
        address = next(link["url"] for link in pages[-1]["link"] if link["relation"] == "next")

    first, again, second = ([entry["resource"]["id"] for entry in page["entry"]] for page in pages)
    assert first == again
    assert not set(first) & set(second)


def test_what_she_allowed_is_taken_back_for_good(hospital, client, person):
    _, secret = clients.register_tributary(CALLBACK)
    token = _token(client, person, secret)
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    assert client.get(f"/fhir/r4/Patient/{person.patient_id}", headers=bearer).status_code == 200
    faults.switch_on("revoked", times=1)

    statuses = [client.get(f"/fhir/r4/Patient/{person.patient_id}", headers=bearer).status_code for _ in range(2)]

    assert statuses == [401, 401]
    basic = base64.b64encode(f"{clients.TRIBUTARY}:{secret}".encode()).decode()
    refresh = urlencode({"grant_type": "refresh_token", "refresh_token": token["refresh_token"]})
    answer = client.post(
        "/oauth/token",
        refresh,
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": f"Basic {basic}"},
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
