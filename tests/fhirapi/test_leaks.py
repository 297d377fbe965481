"""Two people, every route, every word of the answers: nothing of one shows to an app of the other."""

from __future__ import annotations

import re

import pytest
from django.urls import get_resolver

from consent import ledger
from consent.terms import Terms
from fhirapi import catalogue
from records import sources
from records.labels import ACT_CODE, CONFIDENTIALITY, LABELS
from records.models import SourceKind
from tests.fhirapi import people, population

pytestmark = pytest.mark.django_db

HERS, HIS = "hers-", "his-"
VITALS = f"{population.OBSERVATION_CATEGORY}|vital-signs"
LAB = f"{population.OBSERVATION_CATEGORY}|laboratory"


def world(prefix):
    person = people.sign_up()
    resources = population.resources(person.patient_id, prefix)
    people.store_records(person, resources)
    return person, people.let_in(person, "patient/*.rs"), resources


def paths(resources):
    """A request for every route and every record: read, vread, search by id, by patient, with all includes."""
    for resource in resources:
        kind, logical_id = resource["resourceType"], resource["id"]
        yield "instance", f"/{kind}/{logical_id}"
        yield "version", f"/{kind}/{logical_id}/_history/1"
        yield "search", f"/{kind}?_id={logical_id}"
        yield "search", f"/{kind}?_id={logical_id}&_summary=count"
        yield "search", f"/{kind}?_id={logical_id}&_total=accurate&_revinclude=Provenance:target"
        yield "form-search", f"/{kind}/_search"
        yield "history", f"/{kind}/{logical_id}/_history"
    yield "search", "/MedicationRequest?_include=MedicationRequest:medication"
    yield "search", f"/Observation?patient={resources[0]['id']}&_count=1000"
    yield "search", f"/Provenance?target=Observation/{resources[1]['id']}"
    patient_id = resources[0]["id"]
    for kind in dict.fromkeys(resource["resourceType"] for resource in resources):
        yield "type-history", f"/{kind}/_history?_count=1000"
        yield "compartment", f"/Patient/{patient_id}/{kind}"
        yield "form-compartment", f"/Patient/{patient_id}/{kind}/_search"
    yield "search", "/Condition?patient.name=Ana&_include=Condition:encounter&_revinclude=Provenance:target"
    yield "whole-compartment", f"/Patient/{patient_id}/*"
    yield "everything", f"/Patient/{patient_id}/$everything"
    yield "everything-of-all", "/Patient/$everything"
    yield "summary", f"/Patient/{patient_id}/$summary"
    yield "summary-by-identifier", "/Patient/$summary?identifier=urn:oid:1.2.36|MRN%5C,7"
    yield "docref", f"/DocumentReference/$docref?patient={patient_id}&start=2000"
    yield "metadata", "/metadata"
    yield "base", "/"
    # An app of one person is no backend service: test_exports.py walks these with one.
    yield "export", "/$export"
    yield "export-patient", "/Patient/$export"
    yield "export-group", f"/Group/{resources[0]['id']}/$export"
    yield "export-status", "/_export/00000000-0000-4000-8000-000000000000"
    yield "export-file", "/_export/00000000-0000-4000-8000-000000000000/Patient.ndjson"
    yield "nowhere", f"/Observation/{resources[1]['id']}/$everything"


def ask(app, route, path):
    return app.post(path, "_count=1000&_total=accurate") if route.startswith("form-") else app.get(path)


def test_an_app_of_one_person_learns_nothing_of_another():
    her, her_app, hers = world(HERS)
    _, his_app, _ = world(HIS)
    seen = {path: ask(her_app, route, path) for route, path in paths(hers)}
    assert sum(HERS.encode() in answer.content for answer in seen.values()) > 200

    for route, path in paths(hers):
        answer = ask(his_app, route, path)
        text = answer.content.replace(path.encode(), b"")
        in_link = re.sub(rb'"link":\[.*?\]', b"", text)
        assert HERS.encode() not in in_link, path
        assert her.patient_id.encode() not in in_link, path
        if route in ("instance", "version"):
            missing = ask(his_app, route, re.sub(r"hers-[a-z]+-\d+|" + her.patient_id, "none", path))
            assert (answer.status_code, answer.content) == (404, missing.content), path
        elif route == "search" and "_id=" in path:
            assert answer.json()["total"] == 0, path


def test_the_same_logical_id_in_two_records_is_two_records():
    her, his = people.sign_up(), people.sign_up()
    people.store_records(her, [population.observation(her.patient_id, "same", status="final")])
    people.store_records(his, [population.observation(his.patient_id, "same", status="amended")])

    assert people.let_in(her, "patient/*.rs").get("/Observation/same").json()["status"] == "final"
    assert people.let_in(his, "patient/*.rs").get("/Observation/same").json()["status"] == "amended"


@pytest.mark.spec("SMART App Launch", "granular scopes", "read and search give exactly the selected category")
def test_a_granular_scope_hides_the_other_categories_everywhere():
    person = people.with_record()
    whole = people.let_in(person, "patient/*.rs")
    lab = people.let_in(person, f"patient/Observation.rs?category={LAB}", "patient/Provenance.rs")
    expected = whole.ids(f"/Observation?category={LAB}")
    hidden = sorted(set(whole.ids("/Observation")) - set(expected))
    assert len(expected) == 17
    assert len(hidden) == 55

    assert lab.ids("/Observation") == expected
    assert lab.bundle("/Observation?_summary=count")["total"] == 17
    assert lab.bundle("/Observation?_count=5&_total=accurate")["total"] == 17
    # Observation 3 is laboratory and vital-signs at once: it is the app's, the other vital signs are not.
    assert lab.ids("/Observation?category=vital-signs") == ["Observation/obs-3"]
    for path in hidden:
        assert lab.get(f"/{path}").status_code == 404
        assert lab.get(f"/{path}/_history/1").status_code == 404
        assert lab.ids(f"/Observation?_id={path.partition('/')[2]}") == []


def test_a_second_granular_scope_of_a_type_counts_too():
    person = people.with_record()
    both = people.let_in(person, f"patient/Observation.rs?category={LAB}", f"patient/Observation.rs?category={VITALS}")

    assert len(both.ids("/Observation")) == 35


def test_a_page_link_of_one_app_shows_another_only_its_own():
    person = people.with_record()
    whole = people.let_in(person, "patient/Observation.rs")
    lab = people.let_in(person, f"patient/Observation.rs?category={LAB}")
    stranger = people.with_record()
    url = people.link(whole.bundle("/Observation?_count=5"), "next").partition(people.BASE)[2]
    assert len(people.matches(whole.bundle(url))) == 5

    assert set(people.matches(lab.bundle(url))) <= set(lab.ids("/Observation"))
    his = people.let_in(stranger, "patient/Observation.rs")
    assert set(people.matches(his.bundle(url))) <= set(his.ids("/Observation"))


def test_each_page_asks_the_gate_anew():
    person = people.with_record()
    app = people.let_in(person, "patient/Observation.rs")
    url = people.link(app.bundle("/Observation?_count=5"), "next").partition(people.BASE)[2]
    assert app.get(url).status_code == 200

    ledger.withdraw(owner_id=person.id, grantee=app.application.client_id, actor=person, at=people.now())

    assert app.get(url).status_code == 401


def test_a_source_she_left_out_does_not_exist_for_the_app():
    person = people.with_record()
    other = sources.ensure(SourceKind.EHR, "Other", "https://other.example/fhir")
    whole = people.let_in(person, "patient/Observation.rs")
    none = people.let_in(person, "patient/Observation.rs", terms=Terms(sources=frozenset({other.id})))
    assert len(whole.ids("/Observation")) == 72

    assert none.ids("/Observation") == []
    assert none.bundle("/Observation?_summary=count")["total"] == 0
    assert none.get("/Observation/obs-1").status_code == 404


def test_the_catalogue_and_the_routes_know_no_type_that_is_not_searched_here():
    assert {"OperationOutcome", "Bundle", "StructureDefinition"}.isdisjoint(catalogue.SERVED)
    assert get_resolver().resolve("/fhir/r4/Observation").url_name == "search"


def test_a_search_by_label_finds_what_is_told_and_nothing_that_is_withheld():
    person = people.sign_up()
    stated = {"security": [{"system": ACT_CODE, "code": "HIV"}]}
    people.store_records(
        person,
        [
            population.observation(person.patient_id, "plain"),
            population.observation(person.patient_id, "secret", meta=stated),
        ],
    )
    whole = people.let_in(person, "patient/*.rs", terms=Terms(labels=frozenset(LABELS)))
    restricted = f"/Observation?_security={CONFIDENTIALITY}|R"
    (found,) = whole.bundle(restricted)["entry"]
    assert (CONFIDENTIALITY, "R") in [(tag["system"], tag["code"]) for tag in found["resource"]["meta"]["security"]]
    assert whole.ids(restricted) == ["Observation/secret"]

    app = people.let_in(person, "patient/*.rs")

    for path in (restricted, f"/Observation?_security={ACT_CODE}|HIV"):
        assert (app.ids(path), app.bundle(f"{path}&_summary=count")["total"]) == ([], 0)
