"""Bundles: a batch is many requests, a transaction is one; neither lets through what would not pass alone."""

from __future__ import annotations

import base64
import json
import time

import pytest

from audit import events
from audit.models import Action
from fhirapi import batches
from records.models import Record
from standards.fhir import json as fhir_json
from tests.fhirapi import people, population, writing
from tests.fhirapi.writing import LAB, VITALS, entry, let_write, observation, path

pytestmark = pytest.mark.django_db

HERE, THERE = "urn:uuid:0c0a6a1e-8f0e-4f0b-b0a4-6f1f3c52a001", "urn:uuid:0c0a6a1e-8f0e-4f0b-b0a4-6f1f3c52a002"


@pytest.fixture
def person():
    person = people.sign_up()
    people.store_records(person, [population.observation(person.patient_id, "one")])
    return person


@pytest.fixture
def app(person):
    return let_write(person)


def statuses(answer):
    return [one["response"]["status"].partition(" ")[0] for one in answer.json()["entry"]]


def holding(person):
    return Record.unguarded.filter(owner=person, deleted=False).count()


# ---- batch


@pytest.mark.spec("FHIR R4", "http.html#transaction", "a batch answers each entry by itself, in order")
def test_a_batch_does_each_entry_by_itself(app, person):
    made = app.created(observation(person))
    patch = base64.b64encode(json.dumps([{"op": "replace", "path": "/status", "value": "amended"}]).encode()).decode()
    binary = {"resourceType": "Binary", "contentType": writing.PATCH, "data": patch}

    answer = app.bundle(
        "batch",
        [
            entry("POST", "Observation", observation(person)),
            entry("POST", "Observation", {"resourceType": "Observation"}),
            entry("PATCH", path(made)[1:], binary, ifMatch='W/"1"'),
            entry("GET", path(made)[1:]),
            entry("GET", path(made)[1:], ifNoneMatch='W/"2"'),
            entry("GET", "Observation?_summary=count"),
            entry("HEAD", "Observation/one"),
            entry("DELETE", path(made)[1:]),
            entry("GET", path(made)[1:]),
            entry("GET", f"{path(made)[1:]}/_history/1"),
            entry("GET", "Observation/one/_history"),
            entry("GET", f"Patient/{person.patient_id}/Observation?status=final"),
        ],
    )

    assert answer.status_code == 200
    assert answer.json()["type"] == "batch-response"
    assert statuses(answer) == ["201", "422", "200", "200", "304", "200", "200", "204", "410", *["200"] * 3]
    entries = answer.json()["entry"]
    assert entries[0]["response"]["location"].endswith("/_history/1")
    assert entries[0]["response"]["etag"] == 'W/"1"'
    assert entries[0]["response"]["lastModified"].startswith("2026")
    assert entries[1]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert entries[3]["resource"]["status"] == "amended"
    assert entries[5]["resource"]["total"] == 3


def test_each_entry_of_a_batch_is_gated_and_told_by_itself(person):
    narrow = let_write(person, f"patient/Observation.rs?category={LAB}", "patient/Condition.c")
    people.store_records(person, [observation(person, VITALS, id="vital"), observation(person, LAB, id="lab")])

    answer = narrow.bundle(
        "batch",
        [
            entry("GET", "Observation/lab"),
            entry("GET", "Observation/vital"),
            entry("GET", "Observation"),
            entry("GET", "Condition"),
            entry("POST", "Observation", observation(person)),
            entry("DELETE", "Observation/lab"),
        ],
    )

    assert statuses(answer) == ["200", "404", "200", "403", "403", "403"]
    assert b"vital" not in answer.content.replace(b"vital-signs", b"")
    told = [(event.interaction, event.action) for event in events.of(person.id, 6)]
    assert told == [
        ("delete", Action.DELETE),
        ("create", Action.CREATE),
        ("search", Action.EXECUTE),
        ("search", Action.EXECUTE),
        ("read", Action.READ),
        ("read", Action.READ),
    ]


def test_no_entry_reaches_another_person(app, person):
    hers = people.sign_up()
    people.store_records(hers, [population.observation(hers.patient_id, "hers", status="amended")])
    about_her = {**observation(person), "subject": {"reference": f"Patient/{hers.patient_id}"}}
    entries = [
        entry("GET", "Observation/hers"),
        entry("GET", f"Observation?patient={hers.patient_id}"),
        entry("GET", f"Patient/{hers.patient_id}"),
        entry("PUT", "Observation/hers", observation(person, id="hers")),
        entry("DELETE", "Observation/hers"),
        entry("POST", "Observation", about_her),
    ]

    answer = app.bundle("batch", entries)

    assert statuses(answer) == ["404", "200", "404", "405", "404", "422"]
    assert b"amended" not in answer.content
    for one in entries:
        if one["request"]["url"].startswith("Observation?"):
            continue
        assert app.bundle("transaction", [one]).status_code in (404, 405, 422)
    assert writing.of_hospitals(hers)[0][1] == 1


# ---- transaction


@pytest.mark.spec("FHIR R4", "http.html#trules", "references between entries become those of what was created")
def test_a_transaction_resolves_what_its_entries_call_each_other(app, person):
    device = {"resourceType": "Device", "patient": {"reference": f"Patient/{person.patient_id}"}}
    reading = observation(person, device={"reference": HERE}, derivedFrom=[{"reference": THERE}])

    answer = app.bundle(
        "transaction",
        [
            {**entry("POST", "Observation", reading), "fullUrl": "urn:uuid:0c0a6a1e-8f0e-4f0b-b0a4-6f1f3c52a003"},
            {**entry("POST", "Observation", observation(person)), "fullUrl": THERE},
            {**entry("POST", "Device", device), "fullUrl": HERE},
            entry("GET", "Observation?_summary=count"),
        ],
    )

    assert answer.status_code == 200, answer.content
    assert statuses(answer) == ["201", "201", "201", "200"]
    entries = [one["resource"] for one in answer.json()["entry"]]
    assert entries[0]["device"]["reference"] == path(entries[2])[1:]
    assert entries[0]["derivedFrom"][0]["reference"] == path(entries[1])[1:]
    assert entries[3]["total"] == 3
    found = app.app.bundle(f"/Provenance?target={path(entries[0])[1:]}")["entry"]
    assert len(found) == 1
    assert len(found[0]["resource"]["target"]) == 3


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        (entry("POST", "Observation", {"resourceType": "Observation", "status": "final"}), 422),
        (entry("POST", "Encounter", {"resourceType": "Encounter"}), 405),
        (entry("PUT", "Observation/one", {"resourceType": "Observation", "id": "one"}), 403),
        (entry("DELETE", "Observation/one"), 403),
        (entry("DELETE", "Observation/none"), 404),
        (entry("GET", "Observation/none"), 404),
        (entry("GET", "Observation?status:odd=1"), 400),
        (entry("GET", "Nothing"), 404),
        (entry("POST", "Observation?x=1", {}), 400),
        (entry("DELETE", "Observation?code=1"), 400),
        (entry("PUT", "Observation", {}), 405),
        (entry("POST", "Observation/one", {}), 405),
        (entry("POST", "Observation/_search", {}), 400),
        (entry("GET", "https://other.example/fhir/Observation"), 400),
        (entry("GET", "http://[bad"), 400),
        (entry("GET", "metadata"), 400),
        (entry("POST", "", {}), 400),
        (entry("TRACE", "Observation"), 400),
        (entry("PATCH", "Observation/one", {"resourceType": "Binary"}), 400),
        ({"resource": {}}, 400),
        ("x", 400),
        ({"request": {"method": "GET", "url": 7}}, 400),
        ({"request": {"method": "GET", "url": "Observation", "ifMatch": 7}}, 400),
        ({"request": {"method": [], "url": "Observation"}}, 400),
    ],
)
def test_one_wrong_entry_undoes_the_whole_transaction(app, person, wrong, status):
    own = app.created(observation(person))
    before = holding(person), app.get(path(own)).json()
    good = [
        entry("POST", "Observation", observation(person)),
        entry("PUT", path(own)[1:], {**own, "status": "amended"}),
    ]
    assert statuses(app.bundle("batch", [wrong])) == [str(status)]

    for entries in ([*good, wrong], [wrong, *good]):
        answer = app.bundle("transaction", entries)

        assert answer.status_code == status
        assert people.diagnostics(answer)
        assert (holding(person), app.get(path(own)).json()) == before


def test_every_problem_of_every_entry_is_told_with_its_place(app, person):
    bad = {"resourceType": "Observation", "status": "odd"}

    answer = app.bundle("transaction", [entry("POST", "Observation", bad), entry("POST", "Observation", bad)])

    places = {issue["expression"][0] for issue in answer.json()["issue"]}
    assert answer.status_code == 422
    assert places == {f"Bundle.entry[{n}].resource.{element}" for n in (0, 1) for element in ("status", "code")}


def test_two_entries_of_the_same_resource_are_refused(app, person):
    own = app.created(observation(person))
    change = entry("PUT", path(own)[1:], {**own, "status": "amended"})
    new = {**entry("POST", "Observation", observation(person)), "fullUrl": HERE}
    conditional = entry("POST", "Observation", observation(person), ifNoneExist="code=1")

    for pair in ([change, entry("DELETE", path(own)[1:])], [change, change], [new, new], [conditional, conditional]):
        assert app.bundle("transaction", pair).status_code == 400
    assert app.get(path(own)).json() == own


def test_conditions_hold_inside_a_transaction(app, person):
    own = app.created(observation(person, identifier=[{"system": "urn:x", "value": "1"}]))
    change = {**own, "status": "amended"}

    stale = app.bundle("transaction", [entry("PUT", path(own)[1:], change, ifMatch='W/"9"')])
    there = app.bundle("transaction", [entry("POST", "Observation", own, ifNoneExist="identifier=urn:x|1")])

    assert stale.status_code == 412
    assert stale.json()["issue"][0]["expression"] == ["Bundle.entry[0]"]
    assert statuses(there) == ["200"]


def test_a_transaction_is_one_event_for_each_kind_of_change(app, person):
    own, old = app.created(observation(person)), app.created(observation(person))

    app.bundle(
        "transaction",
        [
            entry("POST", "Observation", observation(person)),
            entry("POST", "Observation", observation(person)),
            entry("PUT", path(own)[1:], {**own, "status": "amended"}),
            entry("DELETE", path(old)[1:]),
        ],
    )

    told = {event.action: event.detail["records"] for event in events.of(person.id, 3)}
    assert told == {Action.CREATE: 2, Action.UPDATE: 1, Action.DELETE: 1}


def test_prefer_and_decimals_reach_the_entries(app, person):
    body = {"resourceType": "Bundle", "type": "batch", "entry": [entry("POST", "Observation", observation(person))]}
    exact = fhir_json.dumps(body).replace(b'"value":61', b'"value":61.50')

    whole = app.send("POST", "/", exact)
    minimal = app.send("POST", "", exact, Prefer="return=minimal")

    assert b'"value":61.50' in whole.content
    assert "resource" not in minimal.json()["entry"][0]
    assert (
        b'"value":61.50'
        in app.get(minimal.json()["entry"][0]["response"]["location"].partition(people.BASE)[2]).content
    )


# ---- hostile


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_too_many_entries_are_413_at_once(app, kind):
    started = time.monotonic()

    for body in (
        {"resourceType": "Bundle", "type": kind, "entry": [{}] * 100_000},
        {"resourceType": "Bundle", "type": kind, "entry": [entry("GET", "Observation")] * (batches.ENTRIES_MAX + 1)},
    ):
        assert app.send("POST", "/", body).status_code == 413
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Observation"},
        {"resourceType": "Bundle"},
        {"resourceType": "Bundle", "type": "document"},
        {"resourceType": "Bundle", "type": "batch", "entry": {}},
        {"resourceType": "Bundle", "type": "transaction", "entry": "x"},
        [],
    ],
)
def test_a_bundle_that_is_none_is_400(app, body):
    assert app.send("POST", "/", body).status_code == 400


def test_an_empty_bundle_is_answered(app):
    for kind in ("batch", "transaction"):
        assert app.send("POST", "/", {"resourceType": "Bundle", "type": kind}).status_code == 200


def test_a_bundle_needs_a_token_and_its_entries_use_it(app, person):
    body = {"resourceType": "Bundle", "type": "batch", "entry": [entry("GET", "Observation")]}
    app.app.token = "made-up"

    assert app.send("POST", "/", body).status_code == 401


def test_an_answer_does_not_grow_without_bound(app, person, monkeypatch):
    monkeypatch.setattr(batches, "ANSWER_BYTES_MAX", 500)
    entries = [entry("GET", "Observation")] * 3

    assert statuses(app.bundle("batch", entries)) == ["200", "413", "413"]
    assert app.bundle("transaction", entries).status_code == 413
