"""A simulated hospital opens the app of the chart in a frame and lets it in unasked; every other app is asked."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from gateway import clients
from sandbox import embedding, intake, loading, populating
from tests.portal import people

pytestmark = pytest.mark.django_db
LAUNCH, BACK = "https://tributary.example/ehr/launch", "https://tributary.example/ehr/callback/lakeside"
PATIENT = {"resourceType": "Patient", "id": "ann", "name": [{"family": "Quill"}]}


@pytest.fixture
def clinician(hospital) -> Client:
    loading.load(intake.gather([PATIENT], origin="the test"), at=timezone.now())
    return people.browser_of(Person.objects.get(email=populating.ensure_clinician().email))


@pytest.fixture
def app(hospital):
    return embedding.hand_over(hospital.VAR_DIR / "ehr-client.json", launch_uri=LAUNCH, redirect_uri=BACK)


def asked(launch: str, client_id: str, back: str = BACK) -> dict[str, str]:
    return {
        "response_type": "code", "client_id": client_id, "redirect_uri": back, "scope": embedding.SCOPE, "state": "s",
        "aud": "http://hospital.example/fhir/r4", "launch": launch, "nonce": "n", "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
    }  # fmt: skip


def test_the_chart_holds_the_app_in_a_frame_that_leads_nowhere_else(clinician: Client, app: str):
    page = clinician.post("/patients/ann/open/", {"app": app})

    policy = page["Content-Security-Policy"]
    assert page.status_code == 200
    assert '<iframe class="app-in-chart" src="https://tributary.example/ehr/launch?iss=' in page.content.decode()
    assert "frame-src 'self' https://tributary.example;" in f"{policy};"
    assert "frame-ancestors 'none'" in policy


def launch_of(page) -> str:
    address = page.content.decode().partition('<iframe class="app-in-chart" src="')[2].partition('"')[0]
    return parse_qs(urlsplit(address.replace("&amp;", "&")).query)["launch"][0]


def test_the_app_of_the_chart_gets_its_code_at_once_and_a_launch_counts_once(clinician: Client, app: str):
    launch = launch_of(clinician.post("/patients/ann/open/", {"app": app}))
    answer = clinician.get(clinician.get("/oauth/authorize", asked(launch, app))["Location"])

    assert answer.status_code == 303
    assert "code" in parse_qs(urlsplit(answer["Location"]).query)
    again = clinician.get("/oauth/authorize", asked(launch, app))
    assert "error=invalid_request" in again["Location"]


def test_whoever_did_not_open_it_is_asked_or_refused(clinician: Client, app: str):
    launch = launch_of(clinician.post("/patients/ann/open/", {"app": app}))
    other = people.browser_of(people.sign_up())

    answer = other.get(other.get("/oauth/authorize", asked(launch, app))["Location"])

    assert "code=" not in answer.get("Location", "")


def test_every_other_app_is_asked_for(clinician: Client, hospital):
    registered = clients.register(
        "Other", redirect_uris=[BACK], method="none", scopes_allowed=embedding.SCOPE.split(), launch_uri=LAUNCH
    )
    leads = clinician.post("/patients/ann/open/", {"app": registered.application.client_id})
    launch = parse_qs(urlsplit(leads["Location"]).query)["launch"][0]

    page = clinician.get(clinician.get("/oauth/authorize", asked(launch, registered.application.client_id))["Location"])

    assert leads.status_code == 303
    assert page.status_code == 200
    assert 'value="allow"' in page.content.decode()


def test_a_secret_that_is_good_stays(hospital, app: str):
    file = hospital.VAR_DIR / "ehr-client.json"
    before = json.loads(file.read_text())

    embedding.hand_over(file, launch_uri=LAUNCH, redirect_uri=BACK)

    assert json.loads(file.read_text()) == before
    assert before["secret"]
