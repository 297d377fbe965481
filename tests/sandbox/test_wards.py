"""A clinician at a sandbox hospital: patients, a chart, and an app opened for this patient and this visit."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Person, Role
from audit.models import Event
from sandbox import intake, loading, populating
from tests.gateway import parties
from tests.gateway.parties import App, query_of

pytestmark = pytest.mark.django_db

OPENS = "https://app.example/launch"
SCOPES = ("launch", "launch/encounter", "patient/*.rs", "user/*.rs", "openid", "fhirUser", "offline_access")


@pytest.fixture
def clinician(hospital):
    """The clinician of the hospital, with two patients in it."""
    charts = [resource for name in ("Ann", "Ben") for resource in chart_of(name)]
    loading.load(intake.gather(charts, origin="the test"), at=timezone.now())
    return Person.objects.get(email=populating.ensure_clinician().email)


def chart_of(name):
    subject = {"reference": f"Patient/{name.lower()}"}
    visit = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    patient = {"resourceType": "Patient", "id": name.lower(), "name": [{"given": [name], "family": "Sample"}]}
    encounter = {"resourceType": "Encounter", "id": f"visit-{name.lower()}", "status": "finished", "class": visit}
    condition = {"resourceType": "Condition", "id": f"cold-{name.lower()}", "code": {"text": "Common cold"}}
    return [patient, encounter | {"subject": subject}, condition | {"subject": subject}]


@pytest.fixture
def patients(clinician):
    return list(Person.objects.filter(role=Role.PATIENT).order_by("name", "id"))


@pytest.fixture
def ward(clinician):
    browser = Client()
    browser.force_login(clinician)
    return browser


@pytest.fixture
def app(hospital):
    return App.register(*SCOPES, launch_uri=OPENS)


def open_app(ward, app, patient, encounter="", *, scope="launch openid fhirUser patient/*.rs offline_access", **more):
    """Clinician clicks Open in the chart, then Open on the app's question; the token response."""
    leads = ward.post(f"/patients/{patient.patient_id}/open/", {"app": app.client_id, "encounter": encounter, **more})
    assert leads.status_code == 303, leads.content
    page = app.send_to_consent(ward, scope, launch=query_of(leads["Location"])["launch"])
    assert patient.name in ward.get(page).content.decode()
    code = query_of(ward.post(page, {"answer": "allow"})["Location"])["code"]
    response = app.redeem(code)
    assert response.status_code == 200, response.content
    return response.json()


def fhir(given, path):
    return Client().get(f"/fhir/r4/{path}", headers={"Authorization": f"Bearer {given['access_token']}"})


def subjects(bundle):
    return {entry["resource"]["subject"]["reference"] for entry in bundle.get("entry", [])}


def test_clinician_sees_the_patients_and_a_chart_and_the_look_is_on_record(ward, patients, clinician):
    listed = ward.get("/patients/").content.decode()
    assert all(patient.name in listed for patient in patients)

    chart = ward.get(f"/patients/{patients[0].patient_id}/")

    assert patients[0].name in chart.content.decode()
    look = Event.objects.filter(owner_id=patients[0].pk).latest("sequence")
    assert (look.agent_kind, look.agent_name, look.detail["page"]) == ("staff", clinician.name, "chart")


def test_patients_find_no_ward(patients, client):
    client.force_login(patients[0])

    for path in ("/patients/", f"/patients/{patients[1].patient_id}/"):
        assert client.get(path).status_code == 404


@pytest.mark.spec("SMART App Launch 2.2", "app-launch", "EHR launch with patient and encounter")
def test_app_opened_from_a_chart_gets_patient_encounter_and_a_practitioner(ward, patients, clinician, app):
    encounter = "visit-ann"
    assert f'value="{encounter}"' in ward.get(f"/patients/{patients[0].patient_id}/").content.decode()

    given = open_app(ward, app, patients[0], encounter, intent="reconcile")

    assert (given["patient"], given["encounter"]) == (patients[0].patient_id, encounter)
    assert given["smart_style_url"].startswith("http://hospital.example/oauth/style/")
    assert (given["need_patient_banner"], given["intent"], given["tenant"]) == (True, "reconcile", "lakeside-clinic")
    assert fhir(given, f"Encounter/{encounter}").status_code == 200
    about = app.userinfo(given["access_token"]).json()
    assert about["sub"] == str(clinician.subject)
    assert about["fhirUser"] == f"http://hospital.example/fhir/r4/Practitioner/{clinician.practitioner_id}"
    assert fhir(given, f"Practitioner/{clinician.practitioner_id}").json()["resourceType"] == "Practitioner"
    again = app.refresh(given["refresh_token"]).json()
    assert (again["patient"], again["encounter"]) == (patients[0].patient_id, encounter)


def test_patient_scopes_reach_the_patient_in_context_alone(ward, patients, app):
    given = open_app(ward, app, patients[0])
    mine, other = (patient.patient_id for patient in patients)

    assert subjects(fhir(given, f"Condition?patient={mine}").json()) == {f"Patient/{mine}"}
    assert subjects(fhir(given, f"Condition?patient={other}").json()) == set()
    assert fhir(given, f"Patient/{mine}").status_code == 200
    assert fhir(given, f"Patient/{other}").status_code == 404
    assert fhir(given, f"Patient/{other}/Condition").json().get("entry", []) == []


@pytest.mark.spec("SMART App Launch 2.2", "scopes-and-launch-context", "user/ scopes reach what the user may see")
def test_user_scopes_reach_every_patient_of_the_hospital(ward, patients, app):
    given = open_app(ward, app, patients[0], scope="launch user/*.rs")
    other = patients[1].patient_id

    found = fhir(given, f"Condition?patient={other}").json()

    assert subjects(found) == {f"Patient/{other}"}
    one = found["entry"][0]["resource"]["id"]
    assert fhir(given, f"Condition/{one}").status_code == 200
    assert fhir(given, f"Patient/{other}/Condition").json()["entry"]
    assert fhir(given, f"Patient/{other}").status_code == 200
    taken = Event.objects.filter(owner_id=patients[1].pk, interaction="search").latest("sequence")
    assert (taken.agent, taken.detail["clinician"]) == (
        app.client_id,
        str(Person.objects.get(role="clinician").subject),
    )


def test_search_without_a_patient_in_context_must_name_one(ward, patients, app):
    given = redeemed(ward, app, "user/*.rs openid")
    assert "patient" not in given

    answer = fhir(given, "Condition")

    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (400, ["http.patient"])
    assert subjects(fhir(given, f"Condition?patient={patients[1].patient_id}").json())


def test_clinician_gives_no_patient_scopes_without_a_chart_and_nothing_to_write(ward, patients, app):
    given = redeemed(ward, app, "user/*.cruds patient/*.rs launch/patient openid")

    assert given["scope"] == "user/*.rs openid"


def redeemed(ward, app, scope):
    """What an app gets that a clinician starts by himself."""
    wide = App.register("user/*.cruds", *SCOPES)
    page = wide.send_to_consent(ward, scope)
    answer = wide.redeem(query_of(ward.post(page, {"answer": "allow"})["Location"])["code"])
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_two_charts_stay_open_side_by_side(ward, patients, app):
    first = open_app(ward, app, patients[0])
    second = open_app(ward, app, patients[1])

    assert fhir(first, f"Patient/{patients[0].patient_id}").status_code == 200
    assert fhir(second, f"Patient/{patients[1].patient_id}").status_code == 200
    assert fhir(first, f"Patient/{patients[1].patient_id}").status_code == 404


def test_online_access_of_a_clinician_ends_when_he_signs_out(ward, patients, hospital):
    online = App.register(*SCOPES, "online_access", launch_uri=OPENS)
    given = open_app(ward, online, patients[0], scope="launch patient/*.rs online_access")
    assert fhir(given, "Condition").status_code == 200
    refreshed = online.refresh(given["refresh_token"]).json()

    ward.post("/accounts/logout/")

    assert fhir(refreshed, "Condition").status_code == 401
    assert online.refresh(refreshed["refresh_token"]).status_code == 400


def test_clinician_who_left_is_out_at_once(ward, patients, clinician, app):
    given = open_app(ward, app, patients[0])
    assert fhir(given, "Condition").status_code == 200

    Person.objects.filter(pk=clinician.pk).update(role=Role.DEVELOPER)

    assert fhir(given, f"Condition?patient={patients[0].patient_id}").status_code == 401


def test_question_says_what_of_this_patient_and_what_of_all(ward, patients, app):
    leads = ward.post(f"/patients/{patients[0].patient_id}/open/", {"app": app.client_id})
    launch = query_of(leads["Location"])["launch"]
    page = ward.get(app.send_to_consent(ward, "launch patient/*.rs user/Patient.rs", launch=launch)).content.decode()

    assert 'May see of this patient</dt><dd class="dots"><span>The whole chart</span>' in page
    assert 'of every patient here</dt><dd class="dots"><span>Name, birth date and address</span>' in page


def test_clinician_cancels_and_the_app_gets_nothing(ward, patients, app):
    leads = ward.post(f"/patients/{patients[0].patient_id}/open/", {"app": app.client_id})
    page = app.send_to_consent(ward, "launch patient/*.rs", launch=query_of(leads["Location"])["launch"])

    answer = ward.post(page, {"answer": "deny"})

    assert query_of(answer["Location"])["error"] == "access_denied"


def test_visit_of_another_patient_opens_no_app(ward, patients, app):
    into = f"/patients/{patients[0].patient_id}/open/"
    assert ward.post(into, {"app": app.client_id, "encounter": "visit-ann"}).status_code == 303

    assert ward.post(into, {"app": app.client_id, "encounter": "visit-ben"}).status_code == 404


def test_discovery_says_what_a_hospital_can_do(hospital, client):
    said = client.get("/fhir/r4/.well-known/smart-configuration").json()

    assert {"launch-ehr", "context-ehr-patient", "context-ehr-encounter", "permission-user"} <= set(
        said["capabilities"]
    )
    assert {"launch", "launch/encounter", "user/*.rs"} <= set(said["scopes_supported"])


def test_person_site_reaches_nobody_for_a_clinician(client):
    clinician = parties.sign_up(role=Role.CLINICIAN)
    other = parties.sign_up()
    app = App.register("user/*.rs", "openid")
    given = app.let_in(clinician, "user/*.rs openid")

    assert fhir(given, f"Condition?patient={other.patient_id}").json().get("entry", []) == []
    assert fhir(given, f"Patient/{other.patient_id}").status_code == 404
