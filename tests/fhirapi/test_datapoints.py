"""What a phone app sends under its own token: data points one by one or many, known again, each answered by itself."""

from __future__ import annotations

import pytest

from audit import events
from audit.models import Outcome
from consent import ledger
from fhirapi import datapoints as sent
from standards.fhir import json
from tests.fhirapi import people, population
from tests.fhirapi.datapoints import AT, DURING, PULSE, STEPS, point
from tests.fhirapi.writing import entry, let_write

pytestmark = pytest.mark.django_db
JSON = "application/json"


@pytest.fixture
def person():
    person = people.sign_up()
    people.store_records(person, [population.observation(person.patient_id, "one")])
    return person


@pytest.fixture
def app(person):
    return let_write(person, "patient/Observation.c", "patient/Observation.rs", "patient/Provenance.rs")


def send(app, points, **headers):
    return app.send("POST", "/Observation/$open-mhealth", points, kind=JSON, **headers)


def statuses(answer):
    assert answer.status_code == 200, answer.content
    return [one["response"]["status"].partition(" ")[0] for one in answer.json()["entry"]]


def observations(app):
    return [each["resource"] for each in app.get("/Observation?_count=100").json().get("entry", [])]


def issues(answer, index):
    return answer.json()["entry"][index]["response"]["outcome"]["issue"]


def test_point_becomes_an_observation_of_the_app_with_provenance_of_app_and_device(app, person):
    answer = send(app, point())

    (told,) = answer.json()["entry"]
    name = told["response"]["location"].split("/r4/")[1].partition("/_history")[0]
    kept = app.get(f"/{name}").json()
    assert statuses(answer) == ["201"]
    assert kept["subject"] == {"reference": f"Patient/{person.patient_id}"}
    assert kept["valueQuantity"]["code"] == "/min"
    (provenance,) = [each["resource"] for each in app.get(f"/Provenance?target={name}").json()["entry"]]
    assert [agent["type"]["coding"][0]["code"] for agent in provenance["agent"]] == ["author", "performer"]
    assert provenance["agent"][1]["who"] == {"display": "Pulse Makers"}


def test_same_points_sent_again_add_nothing(app):
    points = [point(f"p{number}") for number in range(3)]
    first = send(app, points)
    before = observations(app)

    again = send(app, [*points, point("p3")])

    assert (statuses(first), statuses(again)) == (["201"] * 3, ["200", "200", "200", "201"])
    assert len(observations(app)) == len(before) + 1 == 5
    assert {each["meta"]["versionId"] for each in observations(app)} == {"1"}
    locations = [[one["response"]["location"] for one in each.json()["entry"]] for each in (first, again)]
    assert locations[1][:3] == locations[0]


def test_each_point_is_kept_or_refused_by_itself(app):
    points = [
        point("a"),
        point("b", body={**AT, "heart_rate": {"value": 61, "unit": "bpm"}}),
        point("c", name="geoposition"),
        7,
        point("d"),
    ]

    answer = send(app, points)

    assert statuses(answer) == ["201", "422", "422", "422", "201"]
    assert issues(answer, 1) == [
        {
            "severity": "error",
            "code": "invalid",
            "diagnostics": "[1].body.heart_rate.unit: is one of beats/min",
            "expression": ["[1].body.heart_rate.unit"],
        }
    ]
    assert issues(answer, 2)[0]["code"] == "not-supported"
    assert issues(answer, 2)[0]["expression"] == ["[2].header.schema_id"]
    assert issues(answer, 3)[0]["code"] == "required"
    assert len(observations(app)) == 3


def test_same_id_twice_in_one_request_is_kept_once(app):
    answer = send(app, [point("a"), point("b"), point("a")])

    assert statuses(answer) == ["201", "201", "200"]
    assert len(observations(app)) == 3


def test_series_is_kept_whole_and_known_again(app):
    series = point("a", body=[PULSE | AT, PULSE | DURING])

    first, again = send(app, series), send(app, series)

    assert (statuses(first), statuses(again)) == (["201"], ["200"])
    assert issues(first, 0)[0]["diagnostics"] == "2 observations, 2 of them new."
    assert len(observations(app)) == 3


def test_app_that_may_not_read_the_other_learns_nothing_of_its_points(app, person):
    blind, seeing = let_write(person, "patient/Observation.c"), let_write(person, "patient/Observation.crs")
    assert statuses(send(app, point("a"))) == ["201"]

    assert statuses(send(blind, point("a"))) == ["201"]
    assert statuses(send(blind, point("a"))) == ["200"]
    assert statuses(send(seeing, point("b"))) == ["201"]


def test_scope_of_one_category_keeps_that_and_refuses_the_rest(person):
    vitals = "category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"
    app = let_write(person, f"patient/Observation.c?{vitals}")

    answer = send(app, [point("a"), point("b", body=STEPS | DURING, name="step-count")])

    assert statuses(answer) == ["201", "403"]
    assert issues(answer, 1)[0]["code"] == "forbidden"


@pytest.mark.parametrize(
    ("scope", "status"),
    [("patient/Observation.rs", 403), ("patient/Condition.c", 403), ("patient/Observation.c", 200)],
)
def test_only_a_scope_to_create_observations_lets_points_in(person, scope, status):
    app = let_write(person, scope)

    answer = send(app, point())

    assert answer.status_code == status
    if status == 403:
        assert 'error="insufficient_scope"' in answer["WWW-Authenticate"]


def test_withdrawn_consent_ends_it_at_the_next_call(app, person):
    assert statuses(send(app, point("a"))) == ["201"]

    ledger.withdraw(owner_id=person.pk, grantee=app.app.application.client_id, actor=person, at=people.now())

    assert send(app, point("b")).status_code == 401


def test_what_a_hospital_said_is_untouched(app, person):
    hospital = observations(app)

    send(app, [point("one"), point("two")])

    kept = {each["id"]: each for each in observations(app)}
    assert [kept[each["id"]] for each in hospital] == hospital


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", JSON, 400),
        (b"[]", "application/fhir+json", 415),
        (b"[]", "text/plain", 415),
        (json.dumps([point(str(number)) for number in range(sent.POINTS_MAX + 1)]), JSON, 413),
        (json.dumps([point(str(number), body=[PULSE | AT] * 500) for number in range(3)]), JSON, 413),
        (b'"' + b"x" * 3_000_000 + b'"', JSON, 413),
        (b"[]", JSON, 200),
        (b"null", JSON, 200),
    ],
)
def test_request_as_a_whole_is_refused_for_what_is_wrong_with_it(app, body, kind, status):
    answer = app.send("POST", "/Observation/$open-mhealth", body, kind=kind)

    assert answer.status_code == status
    assert answer.json()["resourceType"] == ("Bundle" if status == 200 else "OperationOutcome")


def test_it_is_only_posted_to(app):
    assert app.get("/Observation/$open-mhealth").status_code == 405


def test_access_log_has_what_was_kept_and_what_was_refused(app, person):
    before = {event.pk for event in events.of(person.pk)}

    send(app, [point("a"), point("b"), point("c", name="geoposition")])

    told = [event for event in events.of(person.pk) if event.pk not in before]
    assert sorted((event.interaction, event.outcome, event.detail["records"]) for event in told) == [
        ("create", Outcome.SUCCESS, 2),
        ("create", Outcome.REFUSED, 0),
    ]


# ---- the same as FHIR: HealthKit and Health Connect


def test_batch_of_fhir_is_known_again_by_its_identifiers(person):
    """A Device and Observations that refer to it, sent twice; each entry is answered by itself."""
    app = let_write(person, "patient/Observation.cs", "patient/Device.cs")
    watch = {
        "resourceType": "Device",
        "identifier": [{"system": "urn:example:devices", "value": "watch-1"}],
        "patient": {"reference": f"Patient/{person.patient_id}"},
        "deviceName": [{"name": "Watch", "type": "user-friendly-name"}],
    }
    asked = "identifier=urn:example:devices|watch-1"
    sent_device = app.bundle("batch", [entry("POST", "Device", watch, ifNoneExist=asked)]).json()
    device = sent_device["entry"][0]["response"]["location"].split("/r4/")[1].partition("/_history")[0]

    def sample(number, **more):
        value = f"urn:uuid:00000000-0000-4000-8000-{number:012}"
        resource = {
            "resourceType": "Observation",
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": value}],
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
            "subject": {"reference": f"Patient/{person.patient_id}"},
            "device": {"reference": device},
            "effectiveDateTime": "2026-05-01T08:00:00+02:00",
            "valueQuantity": {"value": 61, "system": "http://unitsofmeasure.org", "code": "/min"},
            **more,
        }
        return entry("POST", "Observation", resource, ifNoneExist=f"identifier=urn:ietf:rfc:3986|{value}")

    first = app.bundle("batch", [sample(1), sample(2, status="guessed"), sample(3)])
    again = app.bundle("batch", [sample(1), sample(2), sample(3)])

    assert (statuses(first), statuses(again)) == (["201", "422", "201"], ["200", "201", "200"])
