"""Where a fact comes from: its source's own page, and the Provenances that tell how it came about."""

from __future__ import annotations

import pytest
from django.db import transaction

from accounts.models import Person
from benchmarks import walk
from portal.kinds import KINDS
from records import store
from tests.architecture import possessions
from tests.portal import people
from tests.records.sameness.telling import problem
from tests.sync import files

pytestmark = pytest.mark.django_db
PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def provenance(logical_id: str, *targets: str, author: str = "Dr. Iris Vale") -> dict:
    return {
        "resourceType": "Provenance",
        "id": logical_id,
        "target": [{"reference": target} for target in targets],
        "recorded": "2024-05-06T10:00:00Z",
        "agent": [{"type": {"coding": [{"system": PARTICIPANT, "code": "author", "display": "Author"}]},
                   "who": {"display": author}}],
    }  # fmt: skip


def page(person: Person, address: str) -> str:
    answer = people.browser_of(person).get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def connected(person: Person) -> int:
    """A hospital she connected, which sent a problem and how that came about."""
    hospital = people.list_hospital("Riverside")
    connection = people.connect(person, hospital)
    with transaction.atomic():
        store.put_page(
            owner_id=person.pk,
            source_id=hospital.source_id,
            resources=[problem("a"), provenance("p", "Condition/a"), provenance("q", "Condition/none", author="Other")],
            at=people.LOADED,
        )
    return connection.pk


def test_a_record_leads_to_its_hospital_and_to_what_was_written_of_how_it_came_about():
    person = people.sign_up()
    connection = connected(person)

    text = page(person, "/record/Condition/a/")

    assert f'<a href="/hospitals/{connection}/">Riverside</a>' in text
    assert '<a href="/record/Provenance/p/">' in text
    assert "Dr. Iris Vale (wrote it)" in text
    assert "/record/Provenance/q/" not in text


def test_each_voice_of_a_list_leads_to_its_record_and_its_source():
    person = people.sign_up()
    connection = connected(person)

    text = page(person, "/same/problems/")

    assert '<a href="/record/Condition/a/">' in text
    assert f'<a href="/hospitals/{connection}/">Riverside</a>' in text
    assert "reached us" in text


def test_what_a_file_said_leads_to_the_file():
    person = people.sign_up()
    bundle = files.bundle(
        files.patient(given="Ana", family="Example"),
        {**problem("from-file"), "subject": {"reference": "Patient/p1"}},
    )
    upload = files.give(people.browser_of(person), bundle)

    text = page(person, "/same/problems/")

    assert f'href="/files/{upload.uid}/"' in text


def test_a_delegate_is_told_the_source_and_not_led_to_the_owners_own_pages():
    person, helper = people.sign_up(), people.sign_up()
    connected(person)
    people.store_records(person, [people.observation(person, "hb")], hospital="Cedar")
    uid = possessions.delegate(person, helper).uid

    own, theirs = page(person, "/record/Observation/hb/"), page(helper, f"/for/{uid}/record/Observation/hb/")

    assert "Cedar" in own
    assert "Cedar" in theirs
    assert "/hospitals/" not in theirs.partition("<main")[2]


@pytest.mark.parametrize(
    ("slug", "address"),
    [
        ("conditions", "/same/problems/"),
        ("medications", "/same/medicines/"),
        ("allergies", "/same/allergies/"),
        ("immunizations", "/same/vaccines/"),
    ],
)
def test_what_has_one_list_of_all_sources_is_seen_by_it_first(slug, address):
    person = people.sign_up()
    kind = next(kind for kind in KINDS if kind.slug == slug)
    people.store_records(person, [resource_of(kind.holds[0][0])])

    assert f'<a class="tile" href="{address}">' in page(person, "/")
    assert f'href="/records/{slug}/"' in page(person, address)


def resource_of(resource_type: str) -> dict:
    patient = {"reference": "Patient/p"}
    return {
        "Condition": problem("x"),
        "MedicationRequest": {"resourceType": "MedicationRequest", "id": "x", "status": "active", "intent": "order",
                              "medicationCodeableConcept": {"text": "Lisinopril"}, "subject": patient},
        "AllergyIntolerance": {"resourceType": "AllergyIntolerance", "id": "x", "code": {"text": "Peanut"},
                               "patient": patient},
        "Immunization": {"resourceType": "Immunization", "id": "x", "status": "completed", "patient": patient,
                         "vaccineCode": {"text": "Tetanus"}, "occurrenceDateTime": "2020"},
    }[resource_type]  # fmt: skip


def test_the_list_for_her_clinician_names_her_and_both_sides_with_their_time():
    person = people.sign_up(name="Ana Example")
    people.store_records(person, [problem("a", onsetDateTime="2019-03")])
    over = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "resolved"}]}
    people.store_records(person, [problem("b", clinicalStatus=over, onsetDateTime="2021")], hospital="Cedar")

    text, listed = page(person, "/same/differences/"), page(person, "/same/problems/")

    assert "To settle with your clinician" in text
    assert '<p class="on-paper">Ana Example, ' in text
    assert "March 2019" in text
    assert "sources differ" in listed


def test_queries_of_a_list_do_not_grow_with_its_sources():
    asked = []
    for number in (1, 6):
        person = people.sign_up()
        for each in range(number):
            hospital = people.list_hospital(f"Place {person.pk} {each}")
            people.connect(person, hospital)
            with transaction.atomic():
                store.put_page(
                    owner_id=person.pk, source_id=hospital.source_id, resources=[problem(f"p{each}")], at=people.LOADED
                )
        browser = people.browser_of(person)
        browser.get("/same/problems/")
        with walk.counted() as queries:
            assert browser.get("/same/problems/").status_code == 200
        asked.append(queries())

    assert asked[0] == asked[1] <= 60
