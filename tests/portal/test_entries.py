"""Her own entries: written by forms, valid FHIR, marked as hers, corrected and taken back by her alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import Event
from benchmarks import walk
from consent import gate
from consent.terms import Terms
from records import sources
from records.query import Query
from standards.fhir import validation
from standards.smart import scopes
from sync import entries
from tests.architecture import possessions
from tests.portal import people

pytestmark = pytest.mark.django_db
AT = "2025-05-06T07:30"
FORMS = {
    "pressure": {"systolic": "128", "diastolic": "82", "note": "left arm"},
    "glucose": {"value": "6.1", "unit": "mmol/L"},
    "weight": {"value": "72.50", "unit": "kg"},
    "temperature": {"value": "98.6", "unit": "°F"},
    "symptom": {"symptom": "Dizzy on standing up", "severity": "mild"},
    "note": {"text": "Ask about the\nnew tablets"},
}


def records(person):
    return gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="search", at=timezone.now())


def write(person, sort: str = "pressure", **said):
    return people.browser_of(person).post(f"/own/new/{sort}/", {"moment": AT, **FORMS[sort], **said})


def stored(person) -> list:
    return list(records(person).every(Query.of("Observation")))


def provenances(person) -> list:
    return [each.resource for each in records(person).every(Query.of("Provenance"))]


@pytest.mark.parametrize("sort", FORMS)
def test_an_entry_is_valid_fhir_of_a_source_of_its_own_and_marked_as_hers(sort):
    person = people.sign_up()

    assert write(person, sort).status_code == 302

    (entry,) = stored(person)
    resource = entry.resource
    assert validation.problems(resource) == []
    assert entry.problems == []
    assert entry.source_id == sources.hers().pk != sources.own().pk
    assert resource["subject"] == {"reference": f"Patient/{person.patient_id}"}
    assert resource["performer"] == [resource["subject"]]
    assert resource["meta"]["tag"][0]["code"] == "PATAST"
    assert resource["category"][-1]["coding"][0]["code"] == "self-entered"
    (told,) = provenances(person)
    assert validation.problems(told) == []
    assert told["target"] == [{"reference": f"Observation/{entry.logical_id}/_history/1"}]
    assert told["agent"][0]["who"] == {"reference": f"Patient/{person.patient_id}"}
    assert told["agent"][0]["type"]["coding"][0]["code"] == "author"


def test_what_she_wrote_stands_in_the_record_as_she_wrote_it():
    person = people.sign_up(time_zone="Europe/Madrid")
    for sort in FORMS:
        write(person, sort)

    by_code = {each.resource["code"]["coding"][0]["code"]: each.resource for each in stored(person)}

    assert [part["valueQuantity"]["value"] for part in by_code["85354-9"]["component"]] == [128, 82]
    assert by_code["85354-9"]["note"] == [{"text": "left arm"}]
    assert by_code["85354-9"]["effectiveDateTime"] == "2025-05-06T07:30:00+02:00"
    assert by_code["29463-7"]["valueQuantity"]["value"].literal == "72.50"
    assert by_code["8310-5"]["valueQuantity"]["code"] == "[degF]"
    assert by_code["14743-9"]["valueQuantity"]["code"] == "mmol/L"
    assert by_code["75325-1"]["valueCodeableConcept"] == {"text": "Dizzy on standing up"}
    assert by_code["51855-5"]["valueString"] == "Ask about the\nnew tablets"
    home = people.browser_of(person).get("/").content.decode()
    assert '<a class="tile" href="/own/">' in home
    assert "Own entries: 12" in home
    page = people.browser_of(person).get("/own/").content.decode()
    for words in (
        "128/82 mmHg",
        "6.1 mmol/L",
        "72.50 kg",
        "98.6 °F",
        "Dizzy on standing up",
        "new tablets",
        "left arm",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("sort", "wrong"),
    [
        ("pressure", {"systolic": "82", "diastolic": "128"}),
        ("pressure", {"systolic": "1280"}),
        ("pressure", {"systolic": ""}),
        ("pressure", {"moment": "2999-01-01T00:00"}),
        ("pressure", {"moment": "1800-01-01T00:00"}),
        ("pressure", {"moment": "yesterday"}),
        ("glucose", {"value": "110", "unit": "mmol/L"}),
        ("glucose", {"unit": "stone"}),
        ("weight", {"value": "NaN"}),
        ("temperature", {"value": "1e3"}),
        ("symptom", {"symptom": " "}),
        ("symptom", {"symptom": "\x01"}),
        ("note", {"text": "\x07 \x7f"}),
        ("note", {"text": "x" * 10_001}),
    ],
)
def test_a_slip_is_told_and_nothing_is_kept(sort, wrong):
    person = people.sign_up()

    answer = write(person, sort, **wrong)

    assert answer.status_code == 200
    assert b"errorlist" in answer.content
    assert stored(person) == []


def test_signs_that_fhir_has_no_place_for_are_left_out():
    person = people.sign_up()

    write(person, "note", text="bell\x07 and <script>alert(1)</script>")

    assert stored(person)[0].resource["valueString"] == "bell and <script>alert(1)</script>"
    assert b"<script>alert" not in people.browser_of(person).get("/own/").content


def test_a_correction_is_a_new_version_and_the_first_one_stays():
    person = people.sign_up()
    write(person)
    (entry,) = stored(person)
    client = people.browser_of(person)
    form = client.get(f"/own/{entry.logical_id}/").content.decode()

    answer = client.post(
        f"/own/{entry.logical_id}/", {"moment": AT, "systolic": "118", "diastolic": "82", "version": "1"}
    )

    assert ('value="128"' in form, 'value="2025-05-06T07:30"' in form, "left arm" in form) == (True, True, True)
    assert answer.status_code == 302
    versions = records(person).history("Observation", entry.logical_id)
    assert [each.resource["status"] for each in versions] == ["corrected", "final"]
    assert [each.resource["component"][0]["valueQuantity"]["value"] for each in versions] == [118, 128]
    assert sorted(each["activity"]["coding"][0]["code"] for each in provenances(person)) == ["CREATE", "UPDATE"]


def test_what_she_takes_back_stays_as_entered_in_error_and_can_be_changed_no_more():
    person = people.sign_up()
    write(person)
    (entry,) = stored(person)
    client = people.browser_of(person)

    taken = client.post(f"/own/{entry.logical_id}/take-back/", {"version": "1"})

    assert taken.status_code == 302
    (now,) = stored(person)
    assert (now.resource["status"], now.version_id) == ("entered-in-error", 2)
    assert validation.problems(now.resource) == []
    assert "entered in error" in client.get("/own/").content.decode()
    assert client.get(f"/own/{entry.logical_id}/").status_code == 404
    assert client.post(f"/own/{entry.logical_id}/take-back/", {"version": "2"}).status_code == 404


@pytest.mark.parametrize("act", ["", "take-back/"])
def test_two_tabs_do_not_overwrite_each_other(act):
    person = people.sign_up()
    write(person)
    (entry,) = stored(person)
    client = people.browser_of(person)
    said = {"moment": AT, "systolic": "118", "diastolic": "82"}
    client.post(f"/own/{entry.logical_id}/", {**said, "version": "1"})

    for version in ("1", "", "x", "99999999999"):
        answer = client.post(f"/own/{entry.logical_id}/{act}", {**said, "systolic": "150", "version": version})
        assert (answer.status_code, answer["Location"]) == (302, f"/own/{entry.logical_id}/")

    assert stored(person)[0].version_id == 2


def test_nothing_that_others_said_can_be_changed_and_nobody_else_can_change_hers():
    person, other = people.sign_up(), people.sign_up()
    identity = "0d7b2b6e-6c1e-4b5e-9d50-2f4f0c1f9b11"
    people.store_records(person, [people.observation(person, identity)])
    write(person)
    hers = next(each.logical_id for each in stored(person) if each.logical_id != identity)
    said = {"moment": AT, "systolic": "118", "diastolic": "82", "version": "1"}

    for client, name in ((people.browser_of(person), identity), (people.browser_of(other), hers)):
        assert client.get(f"/own/{name}/").status_code == 404
        assert client.post(f"/own/{name}/", said).status_code == 404
        assert client.post(f"/own/{name}/take-back/", said).status_code == 404
    assert {each.version_id for each in stored(person)} == {1}
    with pytest.raises(entries.NoSuchEntry):
        entries.take_back(person, identity, version=1, at=timezone.now())


def test_a_delegate_can_read_an_entry_and_write_none():
    person, helper = people.sign_up(), people.sign_up()
    write(person, "weight")
    (entry,) = stored(person)
    uid = possessions.delegate(person, helper).uid
    client = people.browser_of(helper)

    seen = client.get(f"/for/{uid}/record/Observation/{entry.logical_id}/")

    assert seen.status_code == 200
    assert "Own entries" in seen.content.decode()
    assert "/own/" not in seen.content.decode().partition("<main")[2]
    assert client.get(f"/for/{uid}/own/").status_code == 404


def test_a_decision_without_this_source_shares_none_of_it():
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "lab")])
    write(person, "weight")
    held = [scopes.parse("patient/*.rs")]
    hospital = next(each.source_id for each in stored(person) if each.logical_id == "lab")

    def shared(*chosen: int) -> set[int]:
        part = gate.part(
            owner_id=person.pk, reader=gate.Owner(person.pk), held=held, terms=Terms(sources=frozenset(chosen))
        )
        return {each.source_id for each in part.every(Query.of("Observation"))}

    assert shared(hospital, sources.hers().pk) == {hospital, sources.hers().pk}
    assert shared(hospital) == {hospital}
    invite = people.browser_of(person).get("/people/invite/").content.decode()
    assert "Own entries" in invite


def test_each_change_is_in_her_access_log_without_what_it_says():
    person = people.sign_up()
    write(person, "note", text="SECRET-WORD")
    (entry,) = stored(person)
    people.browser_of(person).post(f"/own/{entry.logical_id}/take-back/", {"version": "1"})

    told = list(Event.objects.filter(owner_id=person.pk).values_list("interaction", flat=True))
    assert {"enter", "take-back-entry"} <= set(told)
    assert "SECRET-WORD" not in str(list(Event.objects.filter(owner_id=person.pk).values()))
    assert "wrote an entry of her own" in people.browser_of(person).get("/access/").content.decode()


def test_the_list_is_paged_found_by_its_rows_and_asks_as_often_for_many():
    asked = []
    for number in (2, 31):
        person, at = people.sign_up(), timezone.now() - timedelta(days=9)
        said = {"code": {"coding": [{"system": "http://loinc.org", "code": "51855-5"}]}, "valueString": "x"}
        for each in range(number):
            entries.add(person, {**said, "effectiveDateTime": f"2024-05-{each % 28 + 1:02}"}, at=at)
        people.store_records(person, [people.observation(person, f"lab{each}") for each in range(5)])
        client = people.browser_of(person)
        client.get("/own/")
        with walk.counted() as queries:
            page = client.get("/own/").content.decode()
        asked.append(queries())

    assert asked[0] == asked[1] <= 40
    assert page.count('class="difference"') == 30
    assert "/record/Observation/lab" not in page
