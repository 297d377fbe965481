"""A Provenance names to an app only what the app may see (docs/adr/0009)."""

from __future__ import annotations

import pytest

from consent.terms import Terms
from records.labels import ACT_CODE, LABELS
from tests.fhirapi import people, population
from tests.fhirapi.test_leaks import LAB

pytestmark = pytest.mark.django_db

HIV = {"security": [{"system": ACT_CODE, "code": "HIV"}]}
ALL = Terms(labels=frozenset(LABELS))


def provenance(logical_id, *named, **more):
    return {
        "resourceType": "Provenance",
        "id": logical_id,
        "target": [{"reference": name} if isinstance(name, str) else name for name in named],
        "recorded": "2024-01-01T00:00:00Z",
        "agent": [{"who": {"display": "Riverside"}}],
        **more,
    }


@pytest.fixture
def person():
    """A plain Observation, a sensitive one and a Condition; Provenances of one, two and all of them."""
    person = people.sign_up()
    condition = {
        "resourceType": "Condition",
        "id": "ill",
        "subject": {"reference": f"Patient/{person.patient_id}"},
        "code": {"text": "Illness"},
    }
    entity = [{"role": "source", "what": {"reference": name}} for name in ("Observation/secret", "Observation/plain")]
    whole = ("Observation/plain", "Observation/secret", "Condition/ill/_history/1", {"display": "another"})
    people.store_records(
        person,
        [
            population.observation(person.patient_id, "plain"),
            population.observation(person.patient_id, "secret", meta=HIV),
            condition,
            provenance("of-plain", "Observation/plain"),
            provenance("of-secret", "Observation/secret"),
            provenance("of-ill", "Condition/ill"),
            provenance("of-elsewhere", "https://elsewhere.example/fhir/Observation/1"),
            provenance("of-whole", *whole, text={"status": "generated", "div": "<div>all</div>"}, entity=entity),
        ],
    )
    return person


@pytest.fixture
def whole(person):
    return people.let_in(person, "patient/*.rs", terms=ALL)


@pytest.fixture
def app(person):
    return people.let_in(person, "patient/Observation.rs", "patient/Provenance.rs")


def named(resource):
    return [one.get("reference", one.get("display")) for one in resource["target"]]


def test_who_may_see_everything_gets_it_as_it_was_said(whole):
    said = whole.get("/Provenance/of-whole").json()

    assert named(said) == ["Observation/plain", "Observation/secret", "Condition/ill/_history/1", "another"]
    assert {"text", "entity"} <= set(said)
    assert len(whole.ids("/Provenance")) == 5


def test_only_what_may_be_seen_is_named(app):
    told = app.get("/Provenance/of-whole").json()

    assert named(told) == ["Observation/plain"]
    assert [one["what"]["reference"] for one in told["entity"]] == ["Observation/plain"]
    assert "text" not in told
    assert told["recorded"] == "2024-01-01T00:00:00Z"


def test_a_provenance_of_hidden_records_alone_is_not_there(app, whole):
    for name in ("of-secret", "of-ill"):
        assert whole.get(f"/Provenance/{name}").status_code == 200
        for path in ("", "/_history", "/_history/1"):
            hidden, absent = (app.get(f"/Provenance/{one}{path}") for one in (name, "none"))
            assert (hidden.status_code, hidden.content) == (404, absent.content)


def test_no_search_finds_a_provenance_by_what_it_may_not_name(app, whole):
    assert sorted(whole.ids("/Provenance?target=Observation/secret")) == ["Provenance/of-secret", "Provenance/of-whole"]

    for asked in ("Observation/secret", "Condition/ill"):
        assert app.bundle(f"/Provenance?target={asked}&_total=accurate")["total"] == 0
        assert app.bundle(f"/Provenance?target={asked}&_summary=count")["total"] == 0
    found = ["Provenance/of-elsewhere", "Provenance/of-plain", "Provenance/of-whole"]
    assert sorted(app.ids("/Provenance")) == sorted(app.ids("/Provenance?_count=1")) == found
    assert app.bundle("/Provenance?_summary=count")["total"] == 3
    assert sorted(app.ids("/Provenance?target=Observation/plain")) == found[1:]
    assert app.ids("/Provenance?entity=Observation/secret") == []


@pytest.mark.parametrize(
    "path",
    [
        "/Provenance",
        "/Provenance/_history",
        "/Provenance/of-whole/_history",
        "/Provenance/of-whole/_history/1",
        "/Observation?_revinclude=Provenance:target",
        "/Provenance?_include=Provenance:target",
    ],
)
def test_no_answer_names_a_hidden_record(app, whole, path):
    assert b"Observation/secret" in whole.get(path).content

    answer = app.get(path)

    assert (answer.status_code, b"of-whole" in answer.content) == (200, True)
    assert b"secret" not in answer.content
    assert b"ill" not in answer.content


def test_everything_names_no_hidden_record(person, whole):
    plain = people.let_in(person, "patient/*.rs")
    people.store_records(person, [population.patient(person.patient_id)])
    path = f"/Patient/{person.patient_id}/$everything"
    assert b"Observation/secret" in whole.get(path).content

    content = plain.get(path).content

    assert b"of-whole" in content
    assert b"secret" not in content
    assert b"Condition/ill" in content


def test_a_granular_scope_names_its_category_only(person):
    people.store_records(
        person,
        [
            population.observation(person.patient_id, "vital", "vital-signs"),
            provenance("of-two", "Observation/plain", "Observation/vital"),
        ],
    )
    lab = people.let_in(person, f"patient/Observation.rs?category={LAB}", "patient/Provenance.rs")

    assert named(lab.get("/Provenance/of-two").json()) == ["Observation/plain"]


def test_a_record_labelled_later_is_named_no_more(person, app):
    assert named(app.get("/Provenance/of-plain").json()) == ["Observation/plain"]

    people.store_records(person, [population.observation(person.patient_id, "plain", meta=HIV)], at=people.now())

    assert app.get("/Provenance/of-plain").status_code == 404


def test_a_deleted_provenance_is_told_to_whom_it_was_there(person, app, whole):
    for name in ("of-whole", "of-secret"):
        people.delete_record(person, "Provenance", name)
    assert [whole.get(f"/Provenance/{name}").status_code for name in ("of-whole", "of-secret")] == [410, 410]

    assert [app.get(f"/Provenance/{name}").status_code for name in ("of-whole", "of-secret")] == [410, 404]
    content = app.get("/Provenance/_history").content
    assert content.count(b'"url":"Provenance/of-whole"') == 1
    assert b"secret" not in content
