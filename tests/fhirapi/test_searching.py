"""``GET /[type]?…`` and ``POST /[type]/_search`` (R4 search.html)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.conf import settings

from benchmarks import walk
from standards.fhir import json
from tests.fhirapi import people, population

pytestmark = pytest.mark.django_db

LAB = f"{population.OBSERVATION_CATEGORY}|laboratory"


def used(bundle, relation="self"):
    return parse_qsl(urlsplit(people.link(bundle, relation)).query)


def test_search_gives_a_searchset(app):
    bundle = app.bundle("/Immunization?_count=1")

    assert bundle["type"] == "searchset"
    assert bundle["entry"][0]["fullUrl"] == f"{settings.FHIR_BASE}/Immunization/imm-2"
    assert bundle["entry"][0]["search"] == {"mode": "match"}
    assert people.link(bundle, "self") == f"{settings.FHIR_BASE}/Immunization?_count=1"


def test_links_never_follow_the_host_header(app):
    bundle = app.bundle("/Observation?_count=1", X_Forwarded_Host="evil.example")

    assert all(one["url"].startswith(settings.FHIR_BASE) for one in bundle["link"])


@pytest.mark.spec("FHIR R4", "search.html", "GET and POST give equal results")
@pytest.mark.parametrize(
    "query",
    ["category=laboratory", "code=718-7,2345-7&status=final", "date=ge2019-03&date=lt2020", "_id=obs-1,obs-2", ""],
)
def test_post_finds_what_get_finds(app, query):
    got, posted = app.get(f"/Observation?{query}").json(), app.post("/Observation/_search", query).json()

    assert posted["entry"] == got["entry"]
    assert posted["link"][0] == got["link"][0]  # self
    assert [one["relation"] for one in posted["link"]] == [one["relation"] for one in got["link"]]
    for one, same in zip(posted["link"][1:], got["link"][1:], strict=True):
        assert _ids_from(app, one) == _ids_from(app, same)


def _ids_from(app, link):
    return app.ids(link["url"].removeprefix(settings.FHIR_BASE))


def test_post_takes_parameters_from_address_and_form_alike(app):
    posted = app.post("/Observation/_search?status=final", "code=718-7").json()

    assert people.matches(posted) == app.ids("/Observation?status=final&code=718-7")[: len(posted["entry"])]


@pytest.mark.spec(
    "US Core 6.1.0", "general requirements", "reference with and without type, token with and without system"
)
def test_the_forms_of_a_reference_and_a_token_are_alike(app, person):
    expected = app.ids(f"/Observation?patient={person.patient_id}&category=laboratory")

    assert len(expected) == 17
    for patient in (f"Patient/{person.patient_id}", f"{settings.FHIR_BASE}/Patient/{person.patient_id}"):
        assert app.ids(f"/Observation?patient={patient}&category={LAB}") == expected
    assert app.ids(f"/Observation?subject:Patient={person.patient_id}&category={LAB}") == expected
    assert app.ids("/Observation?patient=someone-else") == []


def test_newest_first_and_each_match_once_over_all_pages(app):
    whole = app.bundle("/Observation?_count=1000")

    assert app.ids("/Observation?_count=7") == people.matches(whole)
    assert len(set(people.matches(whole))) == whole["total"] == 72


def test_sort_by_date_turns_the_order_round(app):
    newest_first = app.ids("/Observation?_sort=-date&_count=10")

    assert newest_first == app.ids("/Observation")
    assert app.ids("/Observation?_sort=date&_count=10") == newest_first[::-1]


def test_a_sort_we_do_not_have_is_left_out_or_refused(app):
    assert used(app.bundle("/Observation?_sort=status")) == []
    assert app.get("/Observation?_sort=status", Prefer="handling=strict").status_code == 400
    assert people.diagnostics(app.get("/Observation?_sort=nonsense")).startswith("_sort:")


def test_comma_is_or_and_repetition_is_and(app):
    either = set(app.ids("/Observation?code=718-7,2345-7"))

    assert either == set(app.ids("/Observation?code=718-7")) | set(app.ids("/Observation?code=2345-7"))
    both = set(app.ids("/Observation?category=laboratory&category=vital-signs"))
    assert both == {"Observation/obs-3"}


def test_an_escaped_comma_is_part_of_the_value(app, person):
    assert app.ids("/Patient?identifier=MRN\\,7") == [f"Patient/{person.patient_id}"]
    assert app.ids("/Patient?identifier=MRN,7") == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("Observation?date:missing=true", ["Observation/obs-2"]),
        ("Condition?clinical-status:not=active", ["Condition/con-4", "Condition/con-2"]),
        ("Patient?family:exact=Alvarez", []),
        ("Patient?name=alv&gender=female&birthdate=1984", ["Patient"]),
        ("Patient?given:contains=ari", ["Patient"]),
        ("Procedure?date=2019-03-05", ["Procedure/pro-1"]),
        ("Procedure?date=ge2020", ["Procedure/pro-3"]),
        ("Encounter?date=2019-12-30", []),
        ("Encounter?date=le2019-12-31", ["Encounter/enc-2", "Encounter/enc-1"]),
        ("AllergyIntolerance?clinical-status=active", ["AllergyIntolerance/all-1", "AllergyIntolerance/all-3"]),
        ("MedicationRequest?intent=order&status=active", ["MedicationRequest/med-1"]),
        ("DiagnosticReport?category=LAB&status=final", ["DiagnosticReport/rep-1"]),
        ("DocumentReference?type=11506-3&status=current", ["DocumentReference/doc-1"]),
        ("Observation?value-quantity=gt13.4&status=final&category=survey&date=2021-02-28", ["Observation/obs-70"]),
    ],
)
def test_modifiers_and_comparisons(app, query, found):
    assert sorted(
        one.partition("/")[0] if one.startswith("Patient") else one for one in app.ids(f"/{query}")
    ) == sorted(found)


@pytest.mark.parametrize("code", ["_id", "_lastUpdated", "patient", "status", "value-quantity"])
def test_missing_works_on_any_parameter(app, code):
    there = {*app.ids(f"/Observation?{code}:missing=false")}
    missing = {*app.ids(f"/Observation?{code}:missing=true")}

    assert there | missing == {*app.ids("/Observation")}
    assert there
    assert not there & missing
    assert code == "value-quantity" or not missing
    assert app.get(f"/Observation?{code}:missing=perhaps").status_code == 400


def test_a_subject_that_is_no_patient_is_asked_of_the_records_themselves(person):
    """A reading of a pump in her record: about her, and its subject is the pump."""
    pump = {**population.observation(person.patient_id, "pump"), "subject": {"reference": "Device/pump"}}
    people.store_records(person, [pump, population.observation(person.patient_id, "hers")])
    app = people.let_in(person, "patient/Observation.rs")

    assert app.ids("/Observation?subject=Device/pump") == ["Observation/pump"]
    assert app.ids("/Observation?subject=Patient/somebody,Device/pump") == ["Observation/pump"]
    assert app.ids("/Observation?subject=Device/other") == []
    assert app.ids("/Observation?subject=Patient/somebody") == []
    assert "Observation/pump" in app.ids(f"/Observation?subject=Patient/{person.patient_id}")


def test_last_updated_and_id_work_on_every_type(app):
    assert app.ids("/Goal?_lastUpdated=ge2020&_id=none") == []
    assert len(app.ids("/Immunization?_lastUpdated=2026-01-02T03:04:05Z")) == 2
    assert app.ids("/Immunization?_lastUpdated=lt2026-01-02") == []
    assert app.ids("/Immunization?_id=imm-1,none") == ["Immunization/imm-1"]


def test_last_updated_finds_what_the_record_itself_says(app, person):
    at = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    people.store_records(person, [population.observation(person.patient_id, "fresh")], at=at)
    said = app.get("/Observation/fresh").json()["meta"]["lastUpdated"]

    assert app.ids(f"/Observation?_lastUpdated={said}") == ["Observation/fresh"]


@pytest.mark.parametrize("query", ["_count=0", "_summary=count"])
def test_only_the_total_on_request(app, query):
    bundle = app.bundle(f"/Observation?{query}&category=laboratory")

    assert "entry" not in bundle
    assert bundle["total"] == 17
    assert people.link(bundle, "next") is None


def test_total_is_counted_only_when_asked_for(app):
    assert "total" not in app.bundle("/Observation?_count=5")
    assert app.bundle("/Observation?_count=5&_total=accurate")["total"] == 72


def test_count_is_capped(app):
    assert len(app.bundle("/Observation?_count=999999")["entry"]) == 72


@pytest.mark.spec("FHIR R4", "search.html#errors", "unknown parameters are ignored and left out of self, or strict")
def test_unknown_parameters_are_left_out_or_refused(app):
    bundle = app.bundle("/Observation?category=laboratory&colour=red&_contained=true")

    assert used(bundle) == [("category", "laboratory")]
    assert bundle["entry"]
    refused = app.get("/Observation?colour=red", Prefer="return=minimal; handling=strict")
    assert (refused.status_code, people.diagnostics(refused)) == (
        400,
        "colour: is not supported for this type",
    )
    assert app.get("/Observation?colour=red", Prefer="handling=lenient").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "date=yesterday",
        "date=zz2020",
        "date=2020-13",
        "date=9999999",
        "_lastUpdated=soon",
        "_count=-1",
        "_count=ten",
        "_count=²",
        "_summary=some",
        "_total=all",
        "_cursor=x",
        "code:exact=718-7",
        "code:unknown=718-7",
        "date:missing=perhaps",
        "patient=",
        "code=",
        "code=a,,b",
        "category=|",
        "value-quantity=many",
        "encounter.subject.name=Ana",
        "subject:Practitioner.name=Ana",
        "patient.colour=red",
        "colour.name=Ana",
        "_has:Observation:patient:code=1",
        "_text=cancer",
        "_filter=x",
        "code=a%00b",
        "code%00=a",
        "_sort=nonsense",
        "_id=" + ",".join("x" * 3 for _ in range(501)),
        "code=" + "x" * 20_001,
    ],
)
def test_a_bad_parameter_is_refused_by_name_and_never_repeated(app, query):
    name, _, value = query.partition("=")

    answer = app.get(f"/Observation?{query}")

    assert answer.status_code == 400
    said = people.diagnostics(answer)
    assert said.startswith(name.replace("%00", "").partition(":")[0].partition(".")[0])
    assert len(said) < 200
    if len(value) > 6:
        assert value not in said


def test_a_query_that_is_no_utf_8_is_refused(app):
    for query in ("code=%ff", "code=%C0%80", "%fe=1"):
        assert app.get(f"/Observation?{query}").status_code == 400
    assert app.get("/Observation?" + "&".join(f"code={n}" for n in range(200))).status_code == 400


def test_paging_goes_on_where_it_was_although_a_newer_record_came(app, person):
    first = app.bundle("/Observation?_count=10")
    people.store_records(person, [population.observation(person.patient_id, "newest", when="2025-01-01")])

    second = app.bundle(people.link(first, "next").partition(people.BASE)[2])

    assert not set(people.matches(first)) & set(people.matches(second))
    assert "Observation/newest" not in people.matches(second)


def test_a_cursor_of_another_order_is_refused(app):
    url = people.link(app.bundle("/Observation?_count=10"), "next")
    cursor = dict(parse_qsl(urlsplit(url).query))["_cursor"]

    assert app.get(f"/Observation?_count=10&_sort=date&_cursor={cursor}").status_code == 400


def test_include_brings_the_medication(app):
    bundle = app.bundle("/MedicationRequest?_include=MedicationRequest:medication")

    assert people.included(bundle) == ["Medication/drug-1"]
    assert len(people.matches(bundle)) == bundle["total"] == 3


def test_revinclude_brings_the_provenance(app):
    bundle = app.bundle("/Observation?_id=obs-1,obs-2&_revinclude=Provenance:target")

    assert people.included(bundle) == ["Provenance/prv-1"]
    assert used(bundle) == [("_id", "obs-1,obs-2"), ("_revinclude", "Provenance:target")]


def test_includes_ask_the_scopes_of_what_they_bring(person):
    narrow = people.let_in(person, "patient/MedicationRequest.rs", "patient/Observation.rs")

    assert people.included(narrow.bundle("/MedicationRequest?_include=MedicationRequest:medication")) == []
    assert people.included(narrow.bundle("/Observation?_revinclude=Provenance:target")) == []


def test_an_include_we_do_not_have_is_left_out_or_refused(app):
    for pair in ("_include=Observation:colour", "_revinclude=Observation:subject", "_include=Condition:encounter"):
        assert used(app.bundle(f"/Observation?{pair}")) == []
        assert app.get(f"/Observation?{pair}", Prefer="handling=strict").status_code == 400


def test_a_search_costs_as_many_statements_for_one_record_as_for_fifty(app):
    asked = []
    for count in (1, 1, 50):
        with walk.counted() as queries:
            app.bundle(f"/Observation?category=laboratory&date=ge2019&_count={count}")
        asked.append(queries())

    assert asked[1] == asked[2] <= 8


@pytest.mark.spec("FHIR R4", "search.html#summary", "_summary=true, text and data")
@pytest.mark.parametrize("word", ["true", "text", "data"])
def test_summary_cuts_the_matches_and_says_so(app, word):
    whole = app.bundle("/Observation?category=laboratory")

    bundle = app.bundle(f"/Observation?category=laboratory&_summary={word}&_revinclude=Provenance:target")

    assert people.matches(bundle) == people.matches(whole)
    assert ("_summary", word) in used(bundle)
    for entry in bundle["entry"]:
        tags = entry["resource"]["meta"].get("tag", [])
        assert [tag["code"] for tag in tags] == (["SUBSETTED"] if entry["search"]["mode"] == "match" else [])
    assert ("valueQuantity" in bundle["entry"][0]["resource"]) == (word != "text")


@pytest.mark.spec("FHIR R4", "search.html#elements", "_elements and the mandatory ones")
def test_elements_cuts_the_matches(app, person):
    resource = app.bundle("/Observation?_id=obs-3&_elements=value,Observation.subject")["entry"][0]["resource"]

    assert resource.keys() == {"resourceType", "id", "meta", "status", "code", "subject", "valueQuantity"}
    assert used(app.bundle("/Observation?_elements=value,colour")) == [("_elements", "value,colour")]
    assert used(app.bundle("/Observation?_elements=colour")) == []
    assert app.get("/Observation?_elements=colour", Prefer="handling=strict").status_code == 400


def test_a_cut_match_keeps_its_decimals(app, person):
    said = json.loads(json.dumps(population.observation(person.patient_id, "exact")))
    said["valueQuantity"] = json.loads(b'{"value":1.10}')
    people.store_records(person, [said])

    for query in ("_summary=true", "_summary=data", "_elements=value"):
        assert b'"value":1.10' in app.get(f"/Observation?_id=exact&{query}").content


@pytest.mark.spec("FHIR R4", "search.html#sort", "_sort by _lastUpdated, page after page")
def test_sort_by_when_it_changed_gives_each_match_once(app, person):
    order = ["obs-9", "obs-40", "obs-2", "new-1", "new-2"]
    for number, logical_id in enumerate(order, start=1):
        when = "1990-01-01" if logical_id == "obs-2" else "2025-01-01"
        changed = population.observation(person.patient_id, logical_id, when=when)
        people.store_records(person, [changed], at=people.LOADED + timedelta(microseconds=number))
    expected = [f"Observation/{one}" for one in order]

    newest = app.ids("/Observation?_sort=-_lastUpdated&_count=7")
    assert newest[:5] == expected[::-1]
    assert len(newest) == len(set(newest)) == 74
    assert app.ids("/Observation?_sort=_lastUpdated&_count=7") == newest[::-1]
    assert app.ids("/Observation?category=laboratory&_sort=-_lastUpdated&_count=2")[:5] == expected[::-1]
    tested = app.ids("/Observation?value-quantity:missing=true&_sort=-_lastUpdated&_count=2")
    assert tested[:5] == expected[::-1]


def test_a_cursor_of_the_order_of_change_is_of_no_other(app):
    cursor = dict(parse_qsl(urlsplit(people.link(app.bundle("/Observation?_count=10"), "next")).query))["_cursor"]

    assert app.get(f"/Observation?_sort=-_lastUpdated&_cursor={cursor}").status_code == 400
