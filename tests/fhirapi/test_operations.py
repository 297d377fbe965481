"""``Patient/$everything``, ``Patient/$summary`` and ``DocumentReference/$docref``: what they give, and to whom."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from audit import events
from consent import ledger
from consent.terms import Terms
from records import sources
from records.indexing import MAIN_DATE
from records.models import SourceKind
from standards.fhir import extraction, json, occurrence, search_parameters, validation
from tests.fhirapi import people, population
from tests.standards import ips_rules

pytestmark = pytest.mark.django_db

LAB = f"{population.OBSERVATION_CATEGORY}|laboratory"
VITALS = f"{population.OBSERVATION_CATEGORY}|vital-signs"


def held(person):
    """What was stored, by name."""
    resources = population.resources(person.patient_id)
    return {f"{one['resourceType']}/{one['id']}": one for one in resources}


def names(bundle):
    return [f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in bundle.get("entry", [])]


def everything(app, query=""):
    """The names on every page."""
    return [
        name for bundle in pages(app, f"/Patient/{app.person.patient_id}/$everything{query}") for name in names(bundle)
    ]


def pages(app, path):
    bundle = app.bundle(path)
    yield bundle
    while url := people.link(bundle, "next"):
        bundle = app.bundle(url.partition(people.BASE)[2])
        yield bundle


def times(resource):
    """The times by which records are ordered: the type's main date, else whatever tells when it happened."""
    code = MAIN_DATE.get(resource["resourceType"])
    found = extraction.dates(search_parameters.for_type(resource["resourceType"])[code], resource) if code else []
    return found or [span for span in [occurrence.occurred(resource)] if span]


# ---- $everything


@pytest.mark.spec("FHIR R4", "patient-operation-everything.html", "the whole record")
def test_everything_is_every_record_once(app, person):
    found = everything(app)

    assert sorted(found) == sorted(held(person))
    bundle = app.bundle(f"/Patient/{person.patient_id}/$everything")
    assert bundle["type"] == "searchset"
    modes = {one["resource"]["resourceType"]: one["search"]["mode"] for one in bundle["entry"]}
    assert (modes["Observation"], modes["Practitioner"]) == ("match", "include")
    assert bundle["total"] == sum(one["search"]["mode"] == "match" for one in bundle["entry"])
    assert validation.problems(bundle) == []


def test_everything_of_all_patients_is_that_of_the_one(app, person):
    bundle = app.bundle("/Patient/$everything?_count=20")

    assert names(bundle) == names(app.bundle(f"/Patient/{person.patient_id}/$everything?_count=20"))
    assert f"/Patient/{person.patient_id}/$everything?" in people.link(bundle, "next")


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_everything_in_pages_gives_each_record_once(app, person, count):
    taken = list(pages(app, f"/Patient/{person.patient_id}/$everything?_count={count}"))

    assert all(len(bundle["entry"]) <= count for bundle in taken)
    assert sorted(name for bundle in taken for name in names(bundle)) == sorted(held(person))


def test_everything_goes_on_where_it_was_although_records_came_and_changed(app, person):
    first = app.bundle(f"/Patient/{person.patient_id}/$everything?_count=20")
    people.store_records(
        person,
        [
            population.observation(person.patient_id, "newest", when="2030-01-01"),
            population.observation(person.patient_id, "obs-72", when="1990-01-01"),
        ],
    )
    people.delete_record(person, "Observation", "obs-71")

    rest = [
        name for bundle in pages(app, people.link(first, "next").partition(people.BASE)[2]) for name in names(bundle)
    ]

    assert not set(names(first)) & set(rest)
    assert set(names(first)) | set(rest) == held(person).keys() - {"Observation/obs-71"} | {"Observation/newest"}


def test_everything_ends_a_page_with_the_record_that_fills_it(app, person, monkeypatch):
    monkeypatch.setattr("fhirapi.operations.EVERYTHING_BYTES_MAX", 5_000)

    taken = list(pages(app, f"/Patient/{person.patient_id}/$everything"))

    assert len(taken) > 5
    assert sorted(name for bundle in taken for name in names(bundle)) == sorted(held(person))


def test_everything_of_some_types(app, person):
    found = everything(app, "?_type=Condition,Immunization&_count=2")

    assert sorted(found) == sorted(name for name in held(person) if name.startswith(("Condition/", "Immunization/")))


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("?start=2020", "2020-01-01", "9999-01-01"),
        ("?end=2019-03-05", "1000-01-01", "2019-03-06"),
        ("?start=2019-03-05&end=2019-03-05", "2019-03-05", "2019-03-06"),
        ("?start=2019-06&end=2020&_count=10", "2019-06-01", "2021-01-01"),
    ],
)
def test_everything_within_a_time_is_what_a_filter_finds(app, person, query, start, end):
    low, high = (int(datetime.fromisoformat(f"{text}T00:00:00+00:00").timestamp()) * 10**6 for text in (start, end))

    def within(resource):
        spans = times(resource)
        always = resource["resourceType"] in ("Patient", "Practitioner", "Organization", "Medication", "Provenance")
        return always or not spans or any(span.high > low and span.low < high for span in spans)

    expected = [name for name, resource in held(person).items() if within(resource)]
    assert sorted(everything(app, query)) == sorted(expected)
    assert 10 < len(expected) < len(held(person))


def test_everything_since_gives_what_changed_after(app, person):
    later = people.LOADED + timedelta(days=1)
    people.store_records(person, [population.observation(person.patient_id, "late")], at=later)
    said = app.get("/Observation/late").json()["meta"]["lastUpdated"]

    assert "Observation/obs-1" not in everything(app, "?_since=2026-01-02T03:04:05Z")
    assert everything(app, "?_since=2026-01-03T00:00:00Z") == ["Observation/late"]
    assert everything(app, f"?_since={said}") == []


def test_everything_by_post_with_a_form_or_parameters(app, person):
    path = f"/Patient/{person.patient_id}/$everything"
    form = app.post(path, "_type=Condition")
    resource = {
        "resourceType": "Parameters",
        "parameter": [{"name": "_type", "valueString": "Condition"}, {"name": "_count", "valueInteger": 2}],
    }
    posted = app.post_json(path, resource)

    assert len(names(form.json())) == 4
    assert len(names(posted.json())) == 2
    for wrong in (b"[]", b"{", b'{"resourceType":"Patient"}', b'{"resourceType":"Parameters","parameter":[1]}'):
        assert app.post_json(path, wrong).status_code == 400


def test_everything_gives_decimals_as_the_hospital_wrote_them(app, person):
    said = json.loads(json.dumps(population.observation(person.patient_id, "exact")))
    said["valueQuantity"] = json.loads(b'{"value":1.10}')
    people.store_records(person, [said])

    assert b'"value":1.10' in app.get(f"/Patient/{person.patient_id}/$everything?_type=Observation").content


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("_type=Nothing", "_type"),
        ("_count=0", "_count"),
        ("_count=many", "_count"),
        ("start=soon", "start"),
        ("_since=2020-13", "_since"),
        ("_cursor=x", "_cursor"),
        ("_cursor=Kz8AAAAAAAAAAQ", "_cursor"),
    ],
)
def test_everything_refuses_what_it_cannot_read(app, person, query, named):
    answer = app.get(f"/Patient/{person.patient_id}/$everything?{query}")

    assert answer.status_code == 400
    assert people.diagnostics(answer).startswith(named)


def test_everything_leaves_out_or_refuses_what_it_does_not_know(app, person):
    path = f"/Patient/{person.patient_id}/$everything?_type=Patient&colour=red"

    assert "colour" not in people.link(app.bundle(path), "self")
    assert app.get(path, Prefer="handling=strict").status_code == 400


def test_everything_of_another_is_as_if_there_were_nobody(app):
    other = people.with_record()
    assert people.let_in(other, "patient/*.rs").get(f"/Patient/{other.patient_id}/$everything").status_code == 200

    answer = app.get(f"/Patient/{other.patient_id}/$everything")

    assert (answer.status_code, answer.content) == (404, app.get("/Patient/nobody/$everything").content)


def test_everything_holds_only_what_the_scopes_reach(person, app):
    narrow = people.let_in(person, f"patient/Observation.rs?category={LAB}", "patient/Condition.rs")
    assert len([name for name in everything(app) if name.startswith("Observation/")]) == 72

    found = everything(narrow, "?_count=5")

    assert sorted(found) == sorted([*narrow.ids("/Observation"), *narrow.ids("/Condition")])
    assert len([name for name in found if name.startswith("Observation/")]) == 17
    assert narrow.get(f"/Patient/{person.patient_id}/$everything?_type=Immunization").status_code == 403
    assert people.let_in(person, "openid").get(f"/Patient/{person.patient_id}/$everything").status_code == 403


def test_everything_holds_only_what_the_terms_admit(person, app):
    other = sources.ensure(SourceKind.EHR, "Other", "https://other.example/fhir")
    low, high = (
        int(datetime.fromisoformat(f"{year}-01-01T00:00:00+00:00").timestamp()) * 10**6 for year in (2020, 2021)
    )
    none = people.let_in(person, "patient/*.rs", terms=Terms(sources=frozenset({other.id})))
    year = people.let_in(person, "patient/*.rs", terms=Terms(since=low, until=high))
    assert len(everything(app)) > 100

    assert everything(none) == []
    assert set(everything(year)) == {name for kind in people.FIRST_TYPES for name in year.ids(f"/{kind}")}


def test_everything_asks_the_gate_on_every_page(app, person):
    url = people.link(app.bundle(f"/Patient/{person.patient_id}/$everything?_count=5"), "next").partition(people.BASE)[
        2
    ]
    assert app.get(url).status_code == 200

    ledger.withdraw(owner_id=person.id, grantee=app.application.client_id, actor=person, at=people.now())

    assert app.get(url).status_code == 401


def test_a_page_link_of_everything_shows_another_app_only_its_own(app, person):
    url = people.link(app.bundle(f"/Patient/{person.patient_id}/$everything?_count=5"), "next").partition(people.BASE)[
        2
    ]
    lab = people.let_in(person, f"patient/Observation.rs?category={LAB}")
    assert len(names(app.bundle(url))) == 5

    assert set(names(lab.bundle(url))) <= set(lab.ids("/Observation"))


@pytest.mark.parametrize("operation", ["$everything", "$summary"])
def test_each_answer_is_one_event_with_counts(app, person, operation):
    answer = app.bundle(f"/Patient/{person.patient_id}/{operation}")

    event = events.of(person.id, 1)[0]
    assert (event.interaction, event.action, event.consent_id) == ("operation", "E", app.decision.pk)
    assert event.detail["asked"] == f"Patient/{operation}"
    kinds = [name.partition("/")[0] for name in names(answer)]
    assert event.detail["types"] == {kind: kinds.count(kind) for kind in kinds if kind not in ("Composition", "Device")}


# ---- $summary


@pytest.mark.spec("IPS 2.0.1", "OperationDefinition/summary", "a document of what the token may see")
def test_summary_is_a_valid_summary(app, person):
    answer = app.get(f"/Patient/{person.patient_id}/$summary")

    bundle = json.loads(answer.content)
    assert ips_rules.broken(bundle) == []
    assert validation.problems(bundle) == []
    found = {section["title"]: len(section.get("entry", [])) for section in bundle["entry"][0]["resource"]["section"]}
    assert found["Problems"] == 2
    assert found["History of Past Illness"] == 2
    assert found["Allergies and Intolerances"] == 2
    assert found["Medication Summary"] == 2
    assert found["Immunizations"] == 1


def test_summary_by_identifier_is_the_same_document(app, person):
    found = app.bundle("/Patient/$summary?identifier=urn:oid:1.2.36|MRN%5C,7")

    by_id = app.bundle(f"/Patient/{person.patient_id}/$summary")
    assert sorted(names(found)[1:-1]) == sorted(names(by_id)[1:-1])
    assert app.get("/Patient/$summary?identifier=urn:oid:1.2.36|other").status_code == 404
    assert app.get("/Patient/$summary").status_code == 400
    assert app.get(f"/Patient/{person.patient_id}/$summary?profile=http://other.example").status_code == 400


def test_summary_holds_only_what_the_scopes_reach(person, app):
    narrow = people.let_in(person, "patient/Patient.rs", f"patient/Observation.rs?category={VITALS}")
    assert "Condition/con-1" in names(app.bundle(f"/Patient/{person.patient_id}/$summary"))

    bundle = json.loads(narrow.get(f"/Patient/{person.patient_id}/$summary").content)

    assert ips_rules.broken(bundle) == []
    assert {one.partition("/")[0] for one in names(bundle)} == {"Composition", "Patient", "Observation", "Device"}
    assert set(names(bundle)) & {f"Observation/obs-{n}" for n in range(1, 19)} <= {"Observation/obs-3"}
    sections = {one["title"]: one for one in bundle["entry"][0]["resource"]["section"]}
    assert sections.keys() == {"Problems", "Allergies and Intolerances", "Medication Summary", "Vital Signs"}
    assert sections["Problems"]["emptyReason"]["coding"][0]["code"] == "unavailable"


def test_an_empty_section_and_a_hidden_one_are_told_alike(person):
    without = people.sign_up()
    people.store_records(without, [population.patient(without.patient_id)])
    empty = people.let_in(without, "patient/*.rs").bundle(f"/Patient/{without.patient_id}/$summary")
    hidden = people.let_in(person, "patient/Patient.rs").bundle(f"/Patient/{person.patient_id}/$summary")

    assert empty["entry"][0]["resource"]["section"] == hidden["entry"][0]["resource"]["section"]


def test_summary_needs_the_patient_herself(person):
    assert (
        people.let_in(person, "patient/Condition.rs").get(f"/Patient/{person.patient_id}/$summary").status_code == 403
    )


def test_summary_of_another_is_as_if_there_were_nobody(app):
    other = people.with_record()

    answer = app.get(f"/Patient/{other.patient_id}/$summary")

    assert (answer.status_code, answer.content) == (404, app.get("/Patient/nobody/$summary").content)


# ---- $docref


@pytest.mark.spec("IPA", "OperationDefinition/docref", "the documents about care in a time")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["doc-3"]),
        ("&start=2019", ["doc-3", "doc-1", "doc-2"]),
        ("&start=2019&end=2019-03-04", []),
        ("&start=2019-03-05T09:30:00Z&end=2019-03-05", ["doc-3", "doc-1", "doc-2"]),
        ("&end=2019", ["doc-3", "doc-1", "doc-2"]),
        ("&start=2019-03-06", []),
        ("&start=2019&type=11506-3", ["doc-1", "doc-2"]),
        ("&start=2019&type=http://loinc.org|18842-5", ["doc-3"]),
        ("&start=2022", []),
        ("&type=11506-3", ["doc-1"]),
    ],
)
def test_docref_gives_the_documents_in_scope(app, person, query, expected):
    bundle = app.bundle(f"/DocumentReference/$docref?patient={person.patient_id}{query}")

    assert [name.partition("/")[2] for name in people.matches(bundle)] == expected
    assert validation.problems(bundle) == []


def test_docref_in_pages_gives_each_document_once(app, person):
    found = [
        name
        for bundle in pages(app, f"/DocumentReference/$docref?patient={person.patient_id}&start=2000&_count=1")
        for name in people.matches(bundle)
    ]

    assert found == ["DocumentReference/doc-3", "DocumentReference/doc-1", "DocumentReference/doc-2"]


def test_docref_by_post(app, person):
    resource = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "valueId": person.patient_id},
            {"name": "start", "valueDate": "2019-01-01"},
            {"name": "on-demand", "valueBoolean": True},
        ],
    }

    bundle = app.post_json("/DocumentReference/$docref", resource).json()

    assert len(people.matches(bundle)) == 3
    assert bundle["entry"][-1]["search"]["mode"] == "outcome"


def test_docref_asks_for_the_patient_and_knows_only_the_own(app):
    other = people.with_record()

    assert app.get("/DocumentReference/$docref").status_code == 400
    assert "entry" not in app.bundle(f"/DocumentReference/$docref?patient={other.patient_id}&start=2000")
    narrow = people.let_in(app.person, "patient/Observation.rs")
    assert narrow.get(f"/DocumentReference/$docref?patient={app.person.patient_id}").status_code == 403
