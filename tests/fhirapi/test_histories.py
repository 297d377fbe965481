"""``GET [type]/[id]/_history``: every version once, newest first, only what a reader may see (R4 http.html#history)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit import events
from standards.fhir import json, validation
from tests.fhirapi import people, population

pytestmark = pytest.mark.django_db

LAB = f"{population.OBSERVATION_CATEGORY}|laboratory"
DAY = timedelta(days=1)


@pytest.fixture
def person():
    return people.sign_up()


def write(person, number, category="laboratory", **more):
    record = population.observation(person.patient_id, "one", category, note=[{"text": f"version {number}"}], **more)
    people.store_records(person, [record], at=people.LOADED + number * DAY)


def versions(bundle):
    return [entry["response"]["etag"] for entry in bundle.get("entry", [])]


@pytest.mark.spec("FHIR R4", "http.html#history", "versions with their requests, deletions too")
def test_history_shows_every_version_and_what_was_done(person, app):
    write(person, 1)
    write(person, 2)
    people.delete_record(person, "Observation", "one")

    bundle = app.bundle("/Observation/one/_history")

    assert bundle["type"] == "history"
    assert bundle["total"] == 3
    assert [entry["request"] for entry in bundle["entry"]] == [
        {"method": "DELETE", "url": "Observation/one"},
        {"method": "PUT", "url": "Observation/one"},
        {"method": "POST", "url": "Observation"},
    ]
    assert [entry["response"]["status"] for entry in bundle["entry"]] == ["204", "200", "201"]
    assert versions(bundle) == ['W/"3"', 'W/"2"', 'W/"1"']
    assert "resource" not in bundle["entry"][0]
    assert [entry["resource"]["note"][0]["text"] for entry in bundle["entry"][1:]] == ["version 2", "version 1"]
    assert validation.problems(bundle) == []


@pytest.mark.parametrize("count", [1, 2, 5, 1000])
def test_history_in_pages_gives_each_version_once(person, app, count):
    for number in range(1, 6):
        write(person, number)

    bundle = app.bundle(f"/Observation/one/_history?_count={count}")
    found = versions(bundle)
    while url := people.link(bundle, "next"):
        bundle = app.bundle(url.partition(people.BASE)[2])
        found += versions(bundle)

    assert found == [f'W/"{number}"' for number in (5, 4, 3, 2, 1)]


def test_history_since_a_moment(person, app):
    for number in (1, 2, 3):
        write(person, number)
    second = app.bundle("/Observation/one/_history")["entry"][1]["resource"]["meta"]["lastUpdated"]

    assert versions(app.bundle(f"/Observation/one/_history?_since={second}")) == ['W/"3"', 'W/"2"']
    assert versions(app.bundle("/Observation/one/_history?_since=2030")) == []


def test_history_gives_decimals_as_the_hospital_wrote_them(person, app):
    write(person, 1, valueQuantity=json.loads(b'{"value":1.10}'))
    write(person, 2, valueQuantity=json.loads(b'{"value":1.100}'))

    content = app.get("/Observation/one/_history").content

    assert b'"value":1.10}' in content
    assert b'"value":1.100}' in content


@pytest.mark.parametrize("query", ["_count=0", "_count=x", "_since=soon", "_cursor=x", "_cursor=-1"])
def test_history_refuses_what_it_cannot_read(person, app, query):
    write(person, 1)

    answer = app.get(f"/Observation/one/_history?{query}")

    assert answer.status_code == 400
    assert people.diagnostics(answer).startswith(query.partition("=")[0])


def test_history_of_another_is_as_if_there_were_nothing(person, app):
    write(person, 1)
    other = people.let_in(people.sign_up(), "patient/*.rs")
    assert app.get("/Observation/one/_history").status_code == 200

    answer = other.get("/Observation/one/_history")

    assert (answer.status_code, answer.content) == (404, other.get("/Observation/none/_history").content)


def test_a_granular_scope_hides_a_version_of_another_category(person, app):
    write(person, 1, "vital-signs")
    write(person, 2)
    lab = people.let_in(person, f"patient/Observation.rs?category={LAB}")
    assert versions(app.bundle("/Observation/one/_history")) == ['W/"2"', 'W/"1"']

    assert versions(lab.bundle("/Observation/one/_history")) == ['W/"2"']
    write(person, 3, "vital-signs")
    assert lab.get("/Observation/one/_history").status_code == 404


def test_history_needs_a_scope_to_read(person):
    write(person, 1)

    assert people.let_in(person, "patient/Observation.s").get("/Observation/one/_history").status_code == 403


def test_history_is_one_event_with_counts(person, app):
    write(person, 1)
    write(person, 2)
    people.delete_record(person, "Observation", "one")

    app.bundle("/Observation/one/_history")

    event = events.of(person.id, 1)[0]
    assert (event.interaction, event.consent_id) == ("history", app.decision.pk)
    assert event.detail == {"status": 200, "records": 2, "types": {"Observation": 2}, "asked": "Observation"}
