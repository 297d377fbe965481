"""RFC 8693: a service inside an EHR exchanges its token for a short one of ours, under the same consent."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from audit import events
from consent import ledger
from consent.models import Grantee
from gateway import clients
from gateway.models import SharedToken
from smartlaunch import clinicians, exchanges, organizations
from smartlaunch.models import Clinician, Ehr
from tests.clinic import charts
from tests.fakes.ehr import FakeEHR
from tests.portal import people
from tests.smartlaunch import clinics
from tests.smartlaunch.test_arrivals import launching

pytestmark = pytest.mark.django_db
SERVICE = "cedar-service"


@pytest.fixture
def fake() -> Iterator[FakeEHR]:
    with launching().running() as running:
        running.introspected["good"] = said(running)
        yield running


def said(fake: FakeEHR, **changes: Any) -> dict[str, Any]:
    claims = {
        "active": True,
        "iss": fake.issuer,
        "sub": "rivera",
        "fhirUser": f"{fake.base}/Practitioner/dr-rivera",
        "name": "Dr. Ana Rivera",
        "patient": charts.PATIENT,
        "exp": int(time.time()) + 3600,
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


@pytest.fixture
def ehr(fake: FakeEHR) -> Ehr:
    made = clinics.ehr("Cedar Hospital", iss=fake.base, slug="cedar", secret="s3cret")
    Ehr.objects.filter(pk=made.pk).update(service_client_id=SERVICE)
    return made


@pytest.fixture
def owner(ehr: Ehr) -> Person:
    person = people.sign_up(name="Zenobia Quillfeather")
    people.store_records(person, [people.observation(person, "hb"), people.condition(person, "problem")])
    charts.link(person, ehr)
    charts.share(person, ehr.organization, "patient/Observation.rs")
    return person


@pytest.fixture
def service() -> dict[str, str]:
    made = clients.register(
        "Cedar service",
        redirect_uris=[],
        method="client_secret_basic",
        scopes_allowed=[],
        introspects=True,
        client_id=SERVICE,
    )
    basic = base64.b64encode(f"{SERVICE}:{made.secret}".encode()).decode()
    return {"Authorization": f"Basic {basic}"}


def ask(service: dict[str, str], subject: str = "good", **changes: str) -> Any:
    form = {
        "grant_type": exchanges.GRANT,
        "subject_token": subject,
        "subject_token_type": exchanges.ACCESS_TOKEN,
    } | changes
    return post(form, **service)


def post(form: dict[str, str], **headers: str) -> Any:
    """As OAuth has it."""
    return Client().post(
        "/ehr/token", urlencode(form), content_type="application/x-www-form-urlencoded", headers=headers
    )


def given(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200, answer.content
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def read(bearer: dict[str, str], path: str) -> Any:
    return Client().get(f"/fhir/r4/{path}", headers=bearer)


def test_the_token_reads_what_is_shared_and_nothing_else(owner: Person, service: dict[str, str]):
    answer = ask(service)
    bearer = given(answer)

    told = answer.json()
    assert (told["token_type"], told["issued_token_type"]) == ("Bearer", exchanges.ACCESS_TOKEN)
    assert (told["scope"], told["patient"]) == ("patient/Observation.rs", owner.patient_id)
    assert 0 < told["expires_in"] <= 300
    assert [entry["resource"]["id"] for entry in read(bearer, "Observation").json()["entry"]] == ["hb"]
    assert read(bearer, "Observation/hb").status_code == 200
    assert read(bearer, "Condition").status_code == 403
    assert read(bearer, "Condition/problem").status_code == 403


def test_it_never_writes(owner: Person, ehr: Ehr, service: dict[str, str]):
    charts.share(owner, ehr.organization, "patient/*.cruds")
    bearer = given(ask(service, scope="patient/Observation.rs"))

    body = '{"resourceType": "Observation"}'
    answer = Client().post("/fhir/r4/Observation", body, content_type="application/fhir+json", headers=bearer)

    assert answer.status_code == 403
    assert ask(service, scope="patient/Observation.cruds").json()["error"] == "invalid_scope"


def test_what_it_read_stands_in_her_log_with_the_clinicians_name(owner: Person, service: dict[str, str]):
    read(given(ask(service)), "Observation")

    event = events.of(owner.pk)[0]
    assert event.agent_name == "Dr. Ana Rivera, Cedar Hospital"
    assert event.detail["clinician"] == str(Clinician.objects.get().uid)
    assert event.consent_id == ledger.current(owner.pk, event_grantee(owner), kind=Grantee.ORGANIZATION).pk


def event_grantee(owner: Person) -> str:
    return str(Ehr.objects.get().organization.uid)


def test_withdrawing_ends_it_with_the_next_read(owner: Person, ehr: Ehr, service: dict[str, str]):
    bearer = given(ask(service))
    assert read(bearer, "Observation").status_code == 200

    ledger.withdraw(
        owner_id=owner.pk, grantee=str(ehr.organization.uid), kind=Grantee.ORGANIZATION, actor=owner, at=timezone.now()
    )

    assert read(bearer, "Observation").status_code in (401, 403)
    assert ask(service).status_code == 400


def test_shutting_the_clinician_out_ends_it_at_once(owner: Person, service: dict[str, str]):
    bearer = given(ask(service))
    assert read(bearer, "Observation").status_code == 200

    clinicians.deactivate(Clinician.objects.get(), at=timezone.now())

    assert read(bearer, "Observation").status_code == 401
    assert ask(service).status_code == 400


def test_new_rules_end_it_at_once(owner: Person, ehr: Ehr, service: dict[str, str]):
    bearer = given(ask(service))
    assert read(bearer, "Observation").status_code == 200

    organizations.set_rules(ehr.organization, organizations.USUAL, at=timezone.now())

    assert read(bearer, "Observation").status_code == 401
    assert read(given(ask(service)), "Observation").status_code == 200


def test_stopping_the_ehr_ends_it_at_once(owner: Person, ehr: Ehr, service: dict[str, str]):
    bearer = given(ask(service))
    assert read(bearer, "Observation").status_code == 200
    manager = people.sign_up()
    ehr.organization.staff.add(manager)

    people.browser_of(manager).post(f"/organizations/{ehr.organization.slug}/ehrs/{ehr.slug}/", {"order": "stop"})

    assert read(bearer, "Observation").status_code == 401
    assert ask(service).json()["error"] == "unauthorized_client"


def test_it_lives_no_longer_than_the_ehrs_token(owner: Person, fake: FakeEHR, service: dict[str, str]):
    fake.introspected["short"] = said(fake, exp=int(time.time()) + 60)

    assert ask(service, "short").json()["expires_in"] <= 60


def test_not_shared_not_known_and_not_good_are_told_alike(
    owner: Person, ehr: Ehr, fake: FakeEHR, service: dict[str, str]
):
    fake.introspected["stranger"] = said(fake, patient="never-heard-of")
    fake.introspected["late"] = said(fake, exp=int(time.time()) - 1)
    fake.introspected["other"] = said(fake, iss="https://evil.example")
    fake.introspected["relative"] = said(fake, fhirUser=f"{fake.base}/RelatedPerson/x")
    fake.introspected["nobody"] = said(fake, fhirUser=None)
    fake.introspected["odd"] = said(fake, patient="../x")
    fake.introspected["endless"] = said(fake, exp=10**18)
    fake.introspected["list"] = ["active"]
    given(ask(service))
    names = ("stranger", "late", "other", "relative", "nobody", "odd", "endless", "list", "made-up")
    answers = [ask(service, name) for name in names]
    ledger.withdraw(
        owner_id=owner.pk, grantee=str(ehr.organization.uid), kind=Grantee.ORGANIZATION, actor=owner, at=timezone.now()
    )
    answers.append(ask(service))

    assert {(answer.status_code, answer.content) for answer in answers} == {(400, answers[0].content)}


def test_only_the_service_that_the_ehr_named_may_ask(owner: Person, ehr: Ehr, service: dict[str, str]):
    assert post({"grant_type": exchanges.GRANT}).status_code == 401
    wrong = base64.b64encode(f"{SERVICE}:wrong".encode()).decode()
    assert ask({"Authorization": f"Basic {wrong}"}).status_code == 401
    Ehr.objects.update(service_client_id="")
    assert ask(service).json()["error"] == "unauthorized_client"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"subject_token": ""}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"audience": "https://elsewhere.example"}, "invalid_request"),
        ({"resource": "https://elsewhere.example"}, "invalid_request"),
        ({"scope": "patient/Condition.rs"}, "invalid_scope"),
        ({"scope": "nonsense"}, "invalid_scope"),
    ],
)
def test_what_is_not_given_is_told_in_oauths_words(owner: Person, service: dict[str, str], changes: Any, error: str):
    answer = ask(service, **changes)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_an_old_token_is_unknown(owner: Person, service: dict[str, str]):
    bearer = given(ask(service))
    SharedToken.objects.update(expires=timezone.now() - timedelta(seconds=1))

    assert read(bearer, "Observation").status_code == 401
