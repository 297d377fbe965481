"""``GET /[type]/[id]`` and its versions (R4 http.html#read, #vread)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.fhirapi import people, population

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    return people.with_observation()


@pytest.fixture
def app(person):
    return people.let_in(person, "patient/Observation.rs")


@pytest.mark.spec("FHIR R4", "http.html#read", "200, ETag, Last-Modified, FHIR JSON")
def test_read_gives_the_stored_version_with_its_tags(app):
    answer = app.get("/Observation/one")

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/fhir+json"
    assert answer["ETag"] == 'W/"1"'
    assert answer["Last-Modified"] == "Fri, 02 Jan 2026 03:04:05 GMT"
    assert answer["Cache-Control"] == "no-store"
    assert answer.json()["meta"] == {"versionId": "1", "lastUpdated": "2026-01-02T03:04:05.000Z"}


def test_read_gives_decimals_as_the_hospital_wrote_them(person, app):
    from standards.fhir import json

    said = json.loads(json.dumps(population.observation(person.patient_id, "two")))
    said["valueQuantity"] = json.loads(b'{"value":1.10}')
    people.store_records(person, [said])

    assert b'"value":1.10' in app.get("/Observation/two").content


@pytest.mark.parametrize(
    "headers",
    [
        {"If_None_Match": 'W/"1"'},
        {"If_None_Match": '"0", "1"'},
        {"If_None_Match": "*"},
        {"If_Modified_Since": "Fri, 02 Jan 2026 03:04:05 GMT"},
    ],
)
def test_read_of_what_the_client_has_already_is_304(app, headers):
    answer = app.get("/Observation/one", **headers)

    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize(
    "headers",
    [
        {"If_None_Match": 'W/"2"'},
        {"If_Modified_Since": "Thu, 01 Jan 2026 03:04:05 GMT"},
        {"If_Modified_Since": "yesterday"},
        {"If_None_Match": 'W/"2"', "If_Modified_Since": "Fri, 02 Jan 2026 03:04:05 GMT"},
    ],
)
def test_read_of_what_the_client_has_not_is_200(app, headers):
    assert app.get("/Observation/one", **headers).status_code == 200


def test_head_says_what_get_would_without_the_body(app):
    got, asked = app.get("/Observation/one"), app.head("/Observation/one")

    assert asked.content == b""
    assert (asked.status_code, asked["ETag"], asked["Content-Length"]) == (200, got["ETag"], str(len(got.content)))


def test_a_trailing_slash_changes_nothing(app):
    assert app.get("/Observation/one/").content == app.get("/Observation/one").content


@pytest.mark.spec("FHIR R4", "http.html#vread", "an older version stays readable")
def test_vread_gives_each_version(person, app):
    changed = population.observation(person.patient_id, "one", status="amended")
    people.store_records(person, [changed], at=people.LOADED + timedelta(days=1))

    assert app.get("/Observation/one/_history/1").json()["status"] == "final"
    assert app.get("/Observation/one/_history/2").json()["status"] == "amended"
    assert app.get("/Observation/one").json()["meta"]["versionId"] == "2"


@pytest.mark.parametrize("version", ["0", "3", "x", "1" * 40])
def test_vread_of_no_version_is_404(app, version):
    assert app.get(f"/Observation/one/_history/{version}").status_code == 404


@pytest.mark.spec("FHIR R4", "http.html#read", "a deleted resource is 410")
def test_a_deleted_record_is_gone_for_those_who_could_read_it(person, app):
    stranger = people.let_in(people.sign_up(), "patient/Observation.rs")
    lab_only = people.let_in(
        person,
        "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs",
    )
    assert app.get("/Observation/one").status_code == 200

    people.delete_record(person, "Observation", "one")

    assert app.get("/Observation/one").status_code == 410
    assert stranger.get("/Observation/one").status_code == 404
    assert lab_only.get("/Observation/one").status_code == 404
    assert app.ids("/Observation") == []


def test_hidden_and_missing_answer_alike(person, app):
    vitals = people.let_in(
        person,
        "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs",
    )
    assert app.get("/Observation/one").status_code == 200

    hidden, missing = vitals.get("/Observation/one"), vitals.get("/Observation/none")

    assert (hidden.status_code, hidden.content) == (missing.status_code, missing.content)
    assert hidden.status_code == 404


@pytest.mark.spec("FHIR R4", "http.html#parameters", "_summary and _elements on read")
@pytest.mark.parametrize("path", ["/Observation/one", "/Observation/one/_history/1"])
def test_read_gives_as_much_of_the_resource_as_is_asked_for(app, path):
    assert app.get(path).json().keys() > {"category", "effectiveDateTime"}

    cut = app.get(f"{path}?_elements=subject")

    assert cut.json().keys() == {"resourceType", "id", "meta", "status", "code", "subject"}
    assert cut.json()["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert "category" not in app.get(f"{path}?_summary=true").json()
    assert app.get(f"{path}?_summary=data").json().keys() == app.get(path).json().keys()
    assert app.get(f"{path}?_summary=count").status_code == 400
    assert app.get(f"{path}?_elements=colour", Prefer="handling=strict").status_code == 400
