"""Clusters over a real store: through the gate, from nothing that is kept, and her word outlives every sync."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import InternalError, connection, transaction
from django.db.utils import DatabaseError

from benchmarks import walk
from consent import sameness
from records import sources, store
from records.models import SamenessWord, SourceKind
from records.query import Query
from records.reading import RecordSet
from records.rules import Rule as Admitting
from records.sameness import gathering
from records.sameness.kinds import Kind
from records.sameness.said import Ref
from tests.records import people
from tests.records.sameness.telling import allergy, medicine, problem, result

pytestmark = pytest.mark.django_db

A, B = Ref("Condition", "a"), Ref("Condition", "b")


@pytest.fixture
def person():
    return people.sign_up()


@pytest.fixture
def told_twice(person):
    people.put(person, problem("a"), source_id=people.source("Riverside"))
    people.put(person, problem("b"), problem("c", "Gout", "90560007"), source_id=people.source("Cedar"))
    return person


def ids(found) -> set[frozenset[str]]:
    return {frozenset(member.ref.logical_id for member in cluster.members) for cluster in found.clusters}


def problems(person) -> set[frozenset[str]]:
    return ids(gathering.of_kind(people.own(person), Kind.PROBLEMS))


def test_one_list_of_what_two_sources_say(told_twice):
    assert problems(told_twice) == {frozenset("ab"), frozenset("c")}


def test_sources_stay_untouched(told_twice):
    before = [(each.logical_id, each.version_id, each.body) for each in people.own(told_twice).latest(9)]

    sameness.join(told_twice, A, Ref("Condition", "c"), at=people.AT)
    sameness.part(told_twice, B, at=people.AT)

    assert [(each.logical_id, each.version_id, each.body) for each in people.own(told_twice).latest(9)] == before
    assert problems(told_twice) == {frozenset("ac"), frozenset("b")}


def test_her_word_outlives_the_next_sync(told_twice):
    assert sameness.part(told_twice, B, at=people.AT)
    assert problems(told_twice) == {frozenset("a"), frozenset("b"), frozenset("c")}

    people.put(told_twice, problem("b", note=[{"text": "again"}]), source_id=people.source("Cedar"), at=people.LATER)
    people.put(told_twice, problem("d"), source_id=people.source("Third"), at=people.LATER)

    assert not any({"a", "b"} <= each for each in problems(told_twice))
    assert sameness.leave(told_twice, B, at=people.LATER)
    assert frozenset("abd") in problems(told_twice)


def test_joined_again_after_being_parted(told_twice):
    sameness.part(told_twice, B, at=people.AT)
    assert sameness.join(told_twice, A, B, at=people.LATER)

    assert problems(told_twice) == {frozenset("ab"), frozenset("c")}


def test_only_records_of_her_own_and_of_one_kind_are_spoken_of(told_twice, person):
    people.put(person, allergy("x", "Peanut"))
    stranger = people.sign_up()

    assert not sameness.part(stranger, A, at=people.AT)
    assert not sameness.join(person, A, Ref("AllergyIntolerance", "x"), at=people.AT)
    assert not sameness.join(person, A, A, at=people.AT)
    assert not sameness.leave(person, Ref("Condition", "absent"), at=people.AT)
    assert not sameness.part(person, Ref("Nonsense", "a"), at=people.AT)
    assert not SamenessWord.unguarded.exists()


@pytest.mark.parametrize(
    "statement", ["UPDATE records_samenessword SET verdict = 0", "DELETE FROM records_samenessword"]
)
def test_her_words_are_only_ever_added(told_twice, statement):
    sameness.part(told_twice, B, at=people.AT)

    with pytest.raises((DatabaseError, InternalError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert SamenessWord.unguarded.filter(owner=told_twice).count() == 1


def test_a_deleted_record_is_in_no_cluster(told_twice):
    with transaction.atomic():
        store.delete(owner_id=told_twice.pk, source_id=people.source("Cedar"), references=[B], at=people.LATER)

    assert problems(told_twice) == {frozenset("a"), frozenset("c")}


def test_for_whom_a_record_is_hidden_the_rest_is_as_if_it_never_was(told_twice):
    people.put(told_twice, problem("d", "asthma", ""), source_id=people.source("Third"))
    sameness.part(told_twice, B, at=people.AT)
    without = people.sign_up()
    people.put(without, problem("a"), source_id=people.source("Riverside"))
    people.put(without, problem("c", "Gout", "90560007"), source_id=people.source("Cedar"))
    people.put(without, problem("d", "asthma", ""), source_id=people.source("Third"))
    reader = RecordSet(told_twice.pk, told_twice.patient_id, (Admitting(hidden=frozenset({"Condition/b"})),))
    assert any("b" in each for each in problems(told_twice))

    found = gathering.of_kind(reader, Kind.PROBLEMS)

    assert found.clusters == gathering.of_kind(people.own(without), Kind.PROBLEMS).clusters
    assert found.conflicts == []


def test_a_disagreement_with_what_is_hidden_is_none(person):
    people.put(person, allergy("none", "No known allergies"), source_id=people.source("Riverside"))
    people.put(person, allergy("nut", "Peanut"), source_id=people.source("Cedar"))
    reader = RecordSet(person.pk, person.patient_id, (Admitting(hidden=frozenset({"AllergyIntolerance/nut"})),))
    assert len(gathering.of_kind(people.own(person), Kind.ALLERGIES).conflicts) == 1

    assert gathering.of_kind(reader, Kind.ALLERGIES).conflicts == []


def test_a_medicine_that_points_to_another_record_is_known_by_it(person):
    pointing = {"resourceType": "MedicationStatement", "id": "s", "status": "active",
                "subject": {"reference": "Patient/p"},
                "medicationReference": {"reference": "Medication/m"}}  # fmt: skip
    medication = {"resourceType": "Medication", "id": "m", "code": {"text": "Lisinopril 10 MG Oral Tablet"}}
    people.put(person, pointing, medication, source_id=people.source("Riverside"))
    people.put(person, medicine("r", "lisinopril 10 mg"), source_id=people.source("Cedar"))

    assert ids(gathering.of_kind(people.own(person), Kind.MEDICINES)) == {frozenset("sr")}


def test_a_result_finds_its_like_among_those_of_its_day(person):
    at = "2024-05-06T07:08:09Z"
    many = [result(f"r{number}", Decimal(number), f"20{number % 100:02}-03-01T10:00:00Z") for number in range(100)]
    people.put(person, result("a", Decimal("13.25"), at), *many, source_id=people.source("Riverside"))
    people.put(person, result("b", Decimal("13.3"), "2024-05-06T09:08:09+02:00"), source_id=people.source("Cedar"))
    records = people.own(person)
    stored = records.read("Observation", "a")

    with walk.counted() as asked:
        found = gathering.around(records, stored)

    assert asked() <= 6
    assert found is not None
    assert len(found.stored) == 2
    assert ids(found) == {frozenset("ab")}


def measured(number: int, **more):
    """A reading of the pulse, one a day, the newest in 2025."""
    day = date(2025, 12, 31) - timedelta(days=number)
    return result(f"m{number}", Decimal(60), day.isoformat(), code="8867-4", unit="/min", **more)


def test_a_laboratorys_result_is_compared_however_many_readings_of_devices_are_newer(person):
    maker = sources.ensure(SourceKind.WEARABLE, "Withings", "https://wbsapi.withings.example").pk
    people.put(person, result("a", Decimal("13.25"), "2014-05-06T07:08:09Z"), source_id=people.source("Riverside"))
    people.put(person, result("b", Decimal("13.3"), "2014-05-06T09:08:09+02:00"), source_id=people.source("Cedar"))
    people.put(person, *(measured(number) for number in range(3000)), source_id=maker)
    assert people.own(person).count(Query.of("Observation")) == 3002

    found = gathering.of_kind(people.own(person), Kind.RESULTS)

    assert ids(found) == {frozenset("ab")}
    assert found.whole
    assert people.own(person).count(Query.of("Observation").apart_from_devices()) == 2


@pytest.mark.parametrize("of_phone", [True, False], ids=["phone", "app"])
def test_of_an_app_only_the_days_it_measured_are_left_out(person, of_phone):
    phone = sources.ensure(SourceKind.UPLOAD, "Apple Health", sources.PHONE_URL)
    source = phone if of_phone else sources.of_app("watcher", "Watcher")
    sensor = result("sensor", Decimal(99), "2024-01-01", code="99504-3", unit="mg/dL")
    brought = result("brought", Decimal("13.3"), "2014-05-06T07:08:09Z")
    people.put(person, people.observation("pulse", category="vital-signs"), sensor, brought, source_id=source.pk)
    people.put(person, people.observation("taken", category="vital-signs"), source_id=people.source("Cedar"))

    found = gathering.of_kind(people.own(person), Kind.RESULTS)

    assert {ref.logical_id for ref in found.stored} == {"brought", "taken"}


def test_what_is_not_compared_is_said(person, monkeypatch):
    monkeypatch.setattr(gathering, "MOST", 1)
    people.put(person, problem("a", onsetDateTime="2001"), problem("b", onsetDateTime="2002"))

    found = gathering.of_kind(people.own(person), Kind.PROBLEMS)

    assert (ids(found), found.whole) == ({frozenset("b")}, False)


def test_all_that_sources_disagree_on_is_found_and_nothing_opened_of_what_one_of_them_tells_alone(person):
    people.put(
        person,
        problem("a"),
        medicine("m", "Metformin"),
        allergy("x", "Peanut"),
        allergy("none", "No known allergy", "716186003"),
    )
    assert {each.kind for each in differing(person)} == {Kind.ALLERGIES}, "of these one may contradict itself"

    over = problem("b") | {"clinicalStatus": {"coding": [{"code": "resolved"}]}}
    people.put(person, over, source_id=people.source("Cedar"))

    found = differing(person)
    assert {each.kind for each in found} == {Kind.ALLERGIES, Kind.PROBLEMS}
    whole = [gathering.of_kind(people.own(person), kind) for kind in Kind]
    told = [conflict for each in found for conflict in each.conflicts]
    assert len(told) == 2
    assert told == [conflict for each in whole for conflict in each.conflicts]


def differing(person) -> list[gathering.Gathered]:
    return gathering.differing(people.own(person), said_by_owner={})
