"""``_history`` of a resource and of a type: every version once, newest first, only what a reader may see.

R4 http.html#history.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from audit import events
from consent import ledger
from consent.terms import Terms
from records.labels import ACT_CODE
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


@pytest.mark.parametrize(
    "query", ["_count=0", "_count=x", "_since=soon", "_cursor=x", "_cursor=-1", "_at=2026", "_list=1"]
)
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


# ---- of a type


def observe(person, name, number, category="laboratory", **more):
    """Version ``number`` of this Observation, written on that day."""
    record = population.observation(person.patient_id, name, category, note=[{"text": f"{name} {number}"}], **more)
    people.store_records(person, [record], at=people.LOADED + number * DAY)


def changes(app, path="/Observation/_history"):
    """What the pages list: (id, version) in order."""
    found = []
    while path:
        bundle = app.bundle(path)
        found += [_version(entry) for entry in bundle.get("entry", [])]
        following = people.link(bundle, "next")
        path = following and following.partition(people.BASE)[2]
    return found


def _version(entry):
    return entry["fullUrl"].rpartition("/")[2], int(entry["response"]["etag"][3:-1])


@pytest.fixture
def busy(person):
    """Three Observations: one changed often, one changed in between, one deleted and back again."""
    for number in (1, 4, 5):
        observe(person, "a", number)
    for number in (2, 6):
        observe(person, "b", number, "vital-signs")
    observe(person, "c", 3)
    people.delete_record(person, "Observation", "c")
    observe(person, "c", 400)
    return person


@pytest.mark.spec("FHIR R4", "http.html#history", "the versions of a type with their requests, deletions too")
def test_type_history_shows_every_version_of_every_resource_and_what_was_done(person, app):
    observe(person, "a", 1)
    observe(person, "b", 2)
    observe(person, "a", 3)
    people.delete_record(person, "Observation", "b")
    people.store_records(person, [population.patient(person.patient_id)])

    bundle = app.bundle("/Observation/_history")

    assert (bundle["type"], bundle["total"]) == ("history", 4)
    assert bundle["link"] == [{"relation": "self", "url": f"{settings.FHIR_BASE}/Observation/_history"}]
    assert [entry["request"] for entry in bundle["entry"]] == [
        {"method": "DELETE", "url": "Observation/b"},
        {"method": "PUT", "url": "Observation/a"},
        {"method": "POST", "url": "Observation"},
        {"method": "POST", "url": "Observation"},
    ]
    assert [entry["response"]["status"] for entry in bundle["entry"]] == ["204", "200", "201", "201"]
    assert "resource" not in bundle["entry"][0]
    assert [entry["resource"]["note"][0]["text"] for entry in bundle["entry"][1:]] == ["a 3", "b 2", "a 1"]
    assert validation.problems(bundle) == []


@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_type_history_in_pages_gives_each_version_once(busy, app, count):
    found = changes(app, f"/Observation/_history?_count={count}")

    assert found == [("c", 3), ("c", 2), ("b", 2), ("a", 3), ("a", 2), ("c", 1), ("b", 1), ("a", 1)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_versions_of_one_moment_are_each_given_once(person, app, count):
    people.store_records(person, [population.observation(person.patient_id, name) for name in "abcde"])

    assert sorted(changes(app, f"/Observation/_history?_count={count}")) == [(name, 1) for name in "abcde"]


def test_a_version_written_between_two_pages_changes_neither(busy, app):
    first = app.bundle("/Observation/_history?_count=2")
    following = people.link(first, "next").partition(people.BASE)[2]
    rest = changes(app, following)

    observe(busy, "a", 500)
    observe(busy, "d", 500)

    assert changes(app, following) == rest


def test_type_history_agrees_with_the_histories_of_its_resources(busy):
    whole = people.let_in(busy, "patient/*.rs")
    lab = people.let_in(busy, f"patient/Observation.rs?category={LAB}")
    for app, expected in ((whole, 8), (lab, 6)):
        entries = app.bundle("/Observation/_history")["entry"]
        assert len(entries) == expected

        for name in "abc":
            answer = app.get(f"/Observation/{name}/_history")
            alone = answer.json()["entry"] if answer.status_code == 200 else []
            assert [entry for entry in entries if _version(entry)[0] == name] == alone


def test_type_history_since_a_moment(busy, app):
    moment = app.bundle("/Observation/a/_history")["entry"][0]["resource"]["meta"]["lastUpdated"]

    assert changes(app, f"/Observation/_history?_since={moment}") == [("c", 3), ("c", 2), ("b", 2), ("a", 3)]
    assert changes(app, f"/Observation/_history?_since={moment}&_count=1") == changes(
        app, f"/Observation/_history?_since={moment}"
    )
    assert changes(app, "/Observation/_history?_since=2100") == []


@pytest.mark.parametrize(
    "query",
    ["_count=0", "_since=soon", "_cursor=x", "_cursor=3", "_cursor=" + "A" * 30, "_at=2026", "_list=Observation"],
)
def test_type_history_refuses_what_it_cannot_read(busy, app, query):
    answer = app.get(f"/Observation/_history?{query}")

    assert answer.status_code == 400
    assert people.diagnostics(answer).startswith(query.partition("=")[0])


def test_type_history_of_another_person_has_nothing_of_hers(busy, app):
    stranger = people.sign_up()
    other = people.let_in(stranger, "patient/*.rs")
    first = app.bundle("/Observation/_history?_count=1")
    assert len(first["entry"]) == 1
    observe(stranger, "his", 1)

    assert changes(other) == [("his", 1)]
    assert changes(other, people.link(first, "next").partition(people.BASE)[2]) == [("his", 1)]


def test_a_granular_scope_hides_records_and_past_versions_of_another_category(busy, app):
    observe(busy, "a", 7, "vital-signs")
    observe(busy, "a", 8)
    lab = people.let_in(busy, f"patient/Observation.rs?category={LAB}")
    assert {("a", 4), ("b", 2)} < set(changes(app))

    for path in ("/Observation/_history", "/Observation/_history?_count=1"):
        assert changes(lab, path) == [("c", 3), ("c", 2), ("a", 5), ("a", 3), ("a", 2), ("c", 1), ("a", 1)]
    observe(busy, "a", 500, "vital-signs")
    assert changes(lab) == [("c", 3), ("c", 2), ("c", 1)]


def test_a_record_labelled_sensitive_later_has_no_past_in_a_type_history(person, app):
    observe(person, "a", 1)
    observe(person, "b", 1)
    assert changes(app) == [("b", 1), ("a", 1)]

    observe(person, "a", 2, meta={"security": [{"system": ACT_CODE, "code": "HIV"}]})

    assert changes(app) == [("b", 1)]
    everything = people.let_in(person, "patient/*.rs", terms=Terms(labels=frozenset({"HIV"})))
    assert changes(everything) == [("a", 2), ("b", 1), ("a", 1)]


def test_a_deletion_shows_only_to_those_who_might_have_read_the_record(person, app):
    observe(person, "a", 1, meta={"security": [{"system": ACT_CODE, "code": "HIV"}]})
    observe(person, "b", 1)
    observe(person, "c", 1, "vital-signs")
    for name in "abc":
        people.delete_record(person, "Observation", name)
    everything = people.let_in(person, "patient/*.rs", terms=Terms(labels=frozenset({"HIV"})))
    assert sorted(changes(everything)) == [(name, number) for name in "abc" for number in (1, 2)]

    assert sorted(changes(app)) == [("b", 1), ("b", 2), ("c", 1), ("c", 2)]
    lab = people.let_in(person, f"patient/Observation.rs?category={LAB}")
    assert sorted(changes(lab)) == [("b", 1), ("b", 2)]
    assert [lab.get(f"/Observation/{name}").status_code for name in "abc"] == [404, 410, 404]
    assert lab.get("/Observation/c/_history").status_code == 404


def test_a_deletion_that_is_over_shows_only_to_those_who_could_read_what_it_deleted(person, app):
    observe(person, "a", 1, "vital-signs")
    people.delete_record(person, "Observation", "a")
    observe(person, "a", 400)
    lab = people.let_in(person, f"patient/Observation.rs?category={LAB}")
    assert changes(app) == [("a", 3), ("a", 2), ("a", 1)]

    assert changes(lab) == [("a", 3)]
    assert versions(lab.bundle("/Observation/a/_history")) == ['W/"3"']


def test_within_a_time_window_each_version_is_asked_when_it_happened(busy):
    observe(busy, "a", 7, effectiveDateTime="1999-01-01")
    observe(busy, "a", 8)
    observe(busy, "d", 8, effectiveDateTime="1999-01-01")
    moment = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    recent = people.let_in(busy, "patient/*.rs", terms=Terms(since=moment))
    past = people.let_in(busy, "patient/*.rs", terms=Terms(until=moment))
    ever = people.let_in(busy, "patient/*.rs")

    assert changes(recent) == [one for one in changes(ever) if one not in (("a", 4), ("d", 1))]
    assert changes(recent, "/Observation/_history?_count=1") == changes(recent)
    assert changes(past) == [("d", 1)]


def test_type_history_needs_a_scope_to_search(busy):
    assert people.let_in(busy, "patient/Observation.r").get("/Observation/_history").status_code == 403
    assert people.let_in(busy, "patient/Condition.rs").get("/Observation/_history").status_code == 403
    assert people.let_in(busy, "patient/Observation.s").get("/Observation/_history").status_code == 200


def test_each_page_of_a_type_history_asks_the_gate_anew(busy, app):
    following = people.link(app.bundle("/Observation/_history?_count=1"), "next").partition(people.BASE)[2]
    assert app.get(following).status_code == 200

    ledger.withdraw(owner_id=busy.id, grantee=app.application.client_id, actor=busy, at=people.now())

    assert app.get(following).status_code == 401


def test_a_type_that_is_not_searched_has_no_history_of_its_own(app):
    assert app.get("/Binary/_history").status_code == 404
    assert app.get("/Bundle/_history").status_code == 404


def test_type_history_is_one_event_with_counts(busy, app):
    app.bundle("/Observation/_history?_since=2000")

    event = events.of(busy.id, 1)[0]
    assert (event.interaction, event.consent_id) == ("history", app.decision.pk)
    assert event.detail == {
        "status": 200,
        "records": 7,
        "types": {"Observation": 7},
        "asked": "Observation",
        "parameters": ["_since"],
    }


def test_type_history_inside_a_batch(busy, app):
    asked = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": "Observation/_history"}}],
    }

    entry = app.post_json("/", asked).json()["entry"][0]

    assert entry["response"]["status"].startswith("200")
    assert entry["resource"]["total"] == 8
