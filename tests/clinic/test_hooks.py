"""CDS Hooks 2.0: discovery, who may call, and a card that tells nothing without her leave."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from accounts.models import Person
from audit import events
from audit.models import Event
from consent import ledger
from consent.models import Grantee
from smartlaunch.models import ClinicRole, Ehr
from sync.models import Message
from tests.clinic import charts
from tests.portal import people
from tests.smartlaunch import clinics

pytestmark = pytest.mark.django_db
ISSUER = "https://ehr.example/cds-client"
SERVICE = "http://127.0.0.1:8000/cds-services/home-readings"
PATH = "/cds-services/home-readings"


class Keys:
    """An EHR's key set, served at an address."""

    def __init__(self) -> None:
        self.key: Any = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
        self.asked = 0
        keys = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys.asked += 1
                body = json.dumps(KeySet([keys.key]).as_dict(private=False)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/jwks"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def keys() -> Iterator[Keys]:
    served = Keys()
    yield served
    served.server.shutdown()
    served.server.server_close()


@pytest.fixture
def ehr(keys: Keys) -> Ehr:
    made = clinics.ehr()
    Ehr.objects.filter(pk=made.pk).update(cds_issuer=ISSUER, cds_jwks_uri=keys.address)
    made.refresh_from_db()
    return made


@pytest.fixture
def owner(ehr: Ehr) -> Person:
    """Masked: fine in the clinic, high at home; linked to the chart, and shared with the clinic."""
    person = people.sign_up(name="Zenobia Quillfeather")
    today = timezone.now().replace(hour=8, minute=0, second=0, microsecond=0)
    home = [
        pressure(
            person, f"h{day}-{hours}-{minutes}", today - timedelta(days=day, hours=-hours, minutes=-minutes), (150, 95)
        )
        for day in range(2, 9)
        for hours in (0, 12)
        for minutes in (0, 2)
    ]
    clinic = [
        pressure(person, f"c{day}", today - timedelta(days=day, hours=-2), (122, 76), at_home=False)
        for day in (10, 20, 30)
    ]
    people.store_records(person, home + clinic)
    charts.link(person, ehr)
    charts.share(person, ehr.organization)
    return person


def pressure(person: Person, logical_id: str, at: datetime, value: tuple[int, int], *, at_home: bool = True) -> Any:
    parts = [
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": {"value": number, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
        }
        for code, number in zip(("8480-6", "8462-4"), value, strict=True)
    ]
    taken = (
        {"performer": [{"reference": f"Patient/{person.patient_id}"}]} if at_home else {"encounter": {"display": "V"}}
    )
    return people.observation(
        person,
        logical_id,
        category="vital-signs",
        code={"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
        effectiveDateTime=at.isoformat(),
        component=parts,
        **taken,
    )


def signed(keys: Keys, *, key: Any = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": SERVICE, "iat": now, "exp": now + 240, "jti": uuid.uuid4().hex} | changes
    used = key or keys.key
    alg = "ES384" if used.key_type == "EC" else "RS384"
    return jwt.encode(
        {"alg": alg, "typ": "JWT", "kid": used.kid, **(header or {})},
        {name: value for name, value in claims.items() if value is not None},
        used,
        algorithms=["ES384", "RS384"],
    )


def call(token: str, *, patient: str = charts.PATIENT, **changes: Any) -> Any:
    body = {
        "hook": "patient-view",
        "hookInstance": str(uuid.uuid4()),
        "context": {"userId": "Practitioner/ada", "patientId": patient},
    } | changes
    return Client().post(
        PATH, json.dumps(body), content_type="application/json", headers={"Authorization": f"Bearer {token}"}
    )


def cards(answer: Any) -> list[Any]:
    assert answer.status_code == 200, answer.content
    return list(answer.json()["cards"])


def test_discovery_names_the_service_to_anybody_from_any_page(client: Client):
    answer = client.get("/cds-services", headers={"Origin": "https://ehr.example"})

    [service] = answer.json()["services"]
    assert (service["hook"], service["id"]) == ("patient-view", "home-readings")
    assert {"title", "description"} <= service.keys()
    assert answer["Access-Control-Allow-Origin"] == "*"


def test_a_card_tells_the_pattern_and_links_to_the_app(ehr: Ehr, keys: Keys, owner: Person):
    [card] = cards(call(signed(keys)))

    assert card["summary"].startswith("Blood pressure at home: 150/95 mmHg")
    assert len(card["summary"]) <= 140
    assert card["indicator"] == "warning"
    assert "masked pattern" in card["detail"]
    assert card["source"]["label"]
    [link] = card["links"]
    assert (link["type"], link["url"]) == ("smart", "http://127.0.0.1:8000/ehr/launch")


def test_what_the_card_read_stands_in_her_log(ehr: Ehr, keys: Keys, owner: Person):
    clinics.clinician(ehr, fhir_user="Practitioner/ada", name="Dr. Ada")

    cards(call(signed(keys)))

    event = events.of(owner.pk)[0]
    assert (event.agent_kind, event.agent_name) == ("staff", f"Dr. Ada, {ehr.organization.name}")
    assert event.detail["types"]["Observation"] > 12
    assert event.consent_id is not None


def test_without_her_leave_the_same_nothing_as_for_nobody(ehr: Ehr, keys: Keys, owner: Person):
    assert cards(call(signed(keys)))
    nobody = call(signed(keys), patient="never-heard-of")

    ledger.withdraw(
        owner_id=owner.pk, grantee=str(ehr.organization.uid), kind=Grantee.ORGANIZATION, actor=owner, at=timezone.now()
    )
    withdrawn = call(signed(keys))

    assert (withdrawn.content, dict(withdrawn.headers)) == (nobody.content, dict(nobody.headers))
    assert cards(withdrawn) == []


def test_a_card_says_how_many_messages_wait_and_nothing_of_them(ehr: Ehr, keys: Keys, owner: Person):
    charts.write(owner, ehr.organization, "Am I HIV positive?")

    answered = cards(call(signed(keys)))

    card = answered[-1]
    assert (card["summary"], card["indicator"]) == ("1 new message from the patient", "info")
    assert "HIV" not in json.dumps(answered)
    told = Event.objects.get(owner_id=owner.pk, interaction="told-of-messages")
    assert (told.agent_kind, told.detail["messages"]) == ("staff", 1)
    Message.objects.filter(owner=owner).update(seen=timezone.now())
    assert "message" not in json.dumps(cards(call(signed(keys))))


def test_another_clinic_gets_nothing_of_what_is_shared_with_this_one(ehr: Ehr, keys: Keys, owner: Person):
    other = clinics.ehr("Elm Clinic")
    Ehr.objects.filter(pk=ehr.pk).update(cds_issuer="https://moved.example")
    Ehr.objects.filter(pk=other.pk).update(cds_issuer=ISSUER, cds_jwks_uri=keys.address)
    charts.link(owner, other)

    assert cards(call(signed(keys))) == []


def test_who_is_no_clinician_or_was_shut_out_gets_none(ehr: Ehr, keys: Keys, owner: Person):
    context = {"userId": "Patient/p1", "patientId": charts.PATIENT}
    clinics.clinician(ehr, fhir_user="Practitioner/ada", active=False)

    assert cards(call(signed(keys), context=context)) == []
    assert cards(call(signed(keys))) == []


@pytest.mark.parametrize("barred", [{"active": False}, {"role": ClinicRole.NONE}])
def test_whom_the_organisation_does_not_let_in_gets_none_whoever_else_has_his_id(
    ehr: Ehr, keys: Keys, owner: Person, barred: dict[str, Any]
):
    clinics.clinician(ehr, name="Aaron at the other EHR")
    assert cards(call(signed(keys)))

    clinics.clinician(ehr, name="Zoe", **barred)

    assert cards(call(signed(keys))) == []


def test_of_two_with_one_id_neither_is_named_in_her_log(ehr: Ehr, keys: Keys, owner: Person):
    clinics.clinician(ehr, name="Aaron at the other EHR")
    clinics.clinician(ehr, name="Zoe")

    assert cards(call(signed(keys)))

    (event,) = Event.objects.filter(owner_id=owner.pk, agent_kind="staff")
    assert event.agent_name == f"Practitioner/ada, {ehr.organization.name}"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example/cds-services/home-readings"},
        {"aud": None},
        {"iss": "https://unknown.example"},
        {"iss": None},
        {"exp": 1_700_000_000},
        {"exp": 4_000_000_000},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"iat": None},
        {"jti": None},
        {"jti": ""},
    ],
)
def test_a_token_that_claims_too_little_is_refused(ehr: Ehr, keys: Keys, owner: Person, changes: dict[str, Any]):
    answer = call(signed(keys, **changes))

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("issuer", ["\ud800", "\x00"])
def test_an_issuer_that_no_text_can_be_is_refused(issuer: str):
    parts = (json.dumps(each).encode() for each in ({"alg": "ES384", "kid": "k"}, {"iss": issuer}))
    token = ".".join([*(base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in parts), "AAAA"])

    assert call(token).status_code == 401


def test_a_token_counts_once(ehr: Ehr, keys: Keys, owner: Person):
    token = signed(keys)

    assert call(token).status_code == 200
    assert call(token).status_code == 401


def test_a_token_of_another_key_or_with_another_jku_is_refused(ehr: Ehr, keys: Keys, owner: Person):
    stranger = ECKey.generate_key("P-384", {"kid": keys.key.kid})

    assert call(signed(keys, key=stranger)).status_code == 401
    assert call(signed(keys, header={"jku": "https://evil.example/jwks"})).status_code == 401
    assert call(signed(keys, header={"jku": keys.address})).status_code == 200
    unsigned = signed(keys).split(".")
    assert call(f"{unsigned[0]}.{unsigned[1]}.").status_code == 401
    for nothing in ("", "x", "a.b.c", "é"):
        assert call(nothing).status_code == 401


def test_a_new_key_is_fetched_when_it_is_first_used(ehr: Ehr, keys: Keys, owner: Person):
    assert call(signed(keys)).status_code == 200
    keys.key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS384"}, auto_kid=True)

    assert call(signed(keys)).status_code == 200
    assert call(signed(keys)).status_code == 200
    assert keys.asked == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"hook": "order-sign"},
        {"hookInstance": "no uuid"},
        {"hookInstance": None},
        {"context": {}},
        {"context": []},
        {"context": {"userId": "Practitioner/ada", "patientId": "../x"}},
        {"context": {"userId": 7, "patientId": "x"}},
        {"fhirServer": "https://evil.example/fhir"},
    ],
)
def test_a_call_that_is_none_is_told_so(ehr: Ehr, keys: Keys, changes: dict[str, Any]):
    assert call(signed(keys), **changes).status_code == 400


def test_no_json_and_no_post_are_told_so(ehr: Ehr, keys: Keys):
    headers = {"Authorization": f"Bearer {signed(keys)}"}

    assert Client().post(PATH, b"{", content_type="application/json", headers=headers).status_code == 400
    assert Client().get(PATH).status_code == 405
