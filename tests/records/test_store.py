from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.files.storage import storages
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from records import store
from records.models import Counter, Record, RecordVersion, SearchRow
from records.query import Query
from records.writer import OutsideTransaction
from standards.fhir import json
from tests.records.people import AT, CATEGORY, LATER, delete, observation, own, put, sign_up, source

pytestmark = pytest.mark.django_db


def test_what_is_read_is_what_was_put_with_our_version_and_time():
    person = sign_up()
    said = observation("a", meta={"profile": ["http://example.org/p"], "versionId": "7", "lastUpdated": "2001-01-01"})

    put(person, said)

    stored = own(person, "read").read("Observation", "a")
    assert json.loads(stored.body) == {
        **said,
        "meta": {"versionId": "1", "lastUpdated": "2026-01-02T03:04:05.678Z", "profile": ["http://example.org/p"]},
    }


def test_decimals_are_served_as_they_were_written():
    person = sign_up()
    text = (
        b'{"resourceType":"Observation","id":"a","status":"final","code":{"text":"x"},'
        b'"valueQuantity":{"value":1.10},"component":[{"code":{"text":"y"},"valueQuantity":{"value":1.0E+2}}]}'
    )

    put(person, json.loads(text))

    body = own(person, "read").read("Observation", "a").body
    assert b'"value":1.10}' in body
    assert b'"value":1.0E+2}' in body


def test_a_second_time_changes_nothing():
    person = sign_up()
    put(person, observation("a"), observation("b"))

    again = put(person, observation("a"), observation("b"), at=LATER)

    assert (again.new, again.changed, again.unchanged) == (0, 0, 2)
    assert own(person, "read").read("Observation", "a").version_id == 1
    assert not RecordVersion.unguarded.filter(owner=person).exists()


def test_only_version_and_time_of_the_source_differ_is_no_change():
    person = sign_up()
    put(person, observation("a", meta={"versionId": "1"}))

    again = put(person, observation("a", meta={"versionId": "2", "lastUpdated": "2026-01-01T00:00:00Z"}))

    assert again.unchanged == 1


def test_a_change_keeps_the_past_and_moves_the_search_rows():
    person = sign_up()
    put(person, observation("a", category="laboratory"))

    outcome = put(person, observation("a", category="vital-signs", status="amended"), at=LATER)

    record = own(person, "vread")
    assert (outcome.new, outcome.changed) == (0, 1)
    assert [one.version_id for one in record.history("Observation", "a")] == [2, 1]
    assert record.read_version("Observation", "a", 1).resource["status"] == "final"
    assert record.read("Observation", "a").resource["status"] == "amended"
    assert record.count(Query.of("Observation").where("category", "laboratory")) == 0
    assert record.count(Query.of("Observation").where("category", "vital-signs")) == 1
    assert SearchRow.unguarded.filter(owner=person).count() == 2


def test_a_delete_hides_and_adds_a_version():
    person = sign_up()
    put(person, observation("a"), observation("b"))
    assert own(person).count(Query.of("Observation")) == 2

    assert delete(person, "Observation", "a") == 1

    record = own(person)
    assert record.count(Query.of("Observation")) == 1
    assert [entry.logical_id for entry in record.search(Query.of("Observation")).entries] == ["b"]
    assert record.read("Observation", "a").deleted
    assert [(one.version_id, one.deleted) for one in record.history("Observation", "a")] == [(2, True), (1, False)]
    assert delete(person, "Observation", "a") == 0


def test_what_was_deleted_can_come_back():
    person = sign_up()
    put(person, observation("a"))
    delete(person, "Observation", "a")

    outcome = put(person, observation("a"), at=LATER)

    assert outcome.changed == 1
    assert own(person).read("Observation", "a").version_id == 3
    assert own(person).count(Query.of("Observation").where("category", "laboratory")) == 1


def test_another_source_cannot_delete_what_this_one_said():
    person = sign_up()
    put(person, observation("a"), source_id=source("Cedar"))

    assert delete(person, "Observation", "a") == 0


def test_counters_say_what_is_there_through_every_change():
    person = sign_up()
    put(person, observation("a"), observation("b"), observation("c", category="vital-signs"))
    put(person, observation("b", category="vital-signs"), at=LATER)
    delete(person, "Observation", "a")

    counted = {kind.category: kind.total for kind in own(person).counts()}

    assert counted == {f"{CATEGORY}|vital-signs": 2}
    assert Counter.unguarded.filter(owner=person, total__lt=0).count() == 0


def test_a_record_that_breaks_the_models_is_kept_and_flagged():
    person = sign_up()
    odd = {**observation("a"), "status": "finished", "category": "laboratory as text", "unknownField": 1}

    outcome = put(person, odd)

    stored = own(person, "read").read("Observation", "a")
    assert outcome.invalid == 1
    assert {key: stored.resource[key] for key in odd} == odd
    assert {problem["location"] for problem in stored.problems} >= {"Observation.status", "Observation.category"}


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        ("text", "not a JSON object"),
        (None, "not a JSON object"),
        ({"id": "a"}, "not a resource type of FHIR R4"),
        ({"resourceType": "Invention", "id": "a"}, "not a resource type of FHIR R4"),
        ({"resourceType": "Observation"}, "no valid id"),
        ({"resourceType": "Observation", "id": "a b"}, "no valid id"),
        ({"resourceType": "Observation", "id": 7}, "no valid id"),
        ({"resourceType": "Observation", "id": "a", "x": "y" * 17_000_000}, "larger than a resource may be"),
    ],
)
def test_what_is_no_resource_is_refused_with_a_reason_and_the_rest_is_kept(resource, reason):
    person = sign_up()

    outcome = put(person, observation("good"), resource)

    assert [(one.index, one.reason) for one in outcome.refused] == [(1, reason)]
    assert outcome.new == 1


@pytest.mark.parametrize("meta", ["text", 7, [], [1], None])
@pytest.mark.parametrize("category", ["text", {"coding": "x"}, [None], [{"coding": [{"code": 7}]}], 9])
def test_wrong_shapes_are_kept_never_an_error(meta, category):
    person = sign_up()

    outcome = put(person, {**observation("a"), "category": category, "meta": meta, "effectiveDateTime": ["x"]})

    assert (outcome.new, outcome.invalid) == (1, 1)
    assert own(person, "read").read("Observation", "a").resource["category"] == category


def test_hostile_text_comes_back_as_it_went_in():
    person = sign_up()
    text = "Robert'); DROP TABLE records_record;-- <script>alert(1)</script> \x00 %s {0} 🫀 \u202e"

    put(person, observation("a", note=[{"text": text}], code={"text": text, "coding": [{"code": text}]}))

    record = own(person)
    assert record.read("Observation", "a").resource["note"] == [{"text": text}]
    assert record.count(Query.of("Observation").where("code", "718-7")) == 0


def test_the_same_resource_twice_in_a_page_counts_once():
    person = sign_up()

    outcome = put(person, observation("a", status="preliminary"), observation("a"))

    assert (outcome.new, outcome.repeated) == (1, 1)
    assert own(person, "read").read("Observation", "a").resource["status"] == "final"


def test_a_large_attachment_goes_out_of_line_and_comes_back_whole():
    person = sign_up()
    data = base64.b64encode(b"scan" * 30_000).decode()
    document = {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "content": [
            {"attachment": {"contentType": "application/pdf", "data": data}},
            {"attachment": {"contentType": "text/plain", "data": "c21hbGw="}},
        ],
    }

    put(person, document)

    record = own(person, "read")
    large, small = (one["attachment"] for one in record.read("DocumentReference", "d").resource["content"])
    binary = record.read("Binary", large["url"].removeprefix("Binary/")).resource
    assert "data" not in large
    assert small["data"] == "c21hbGw="
    assert (binary["data"], binary["contentType"]) == (data, "application/pdf")
    assert binary["securityContext"] == {"reference": "DocumentReference/d"}
    held = Record.unguarded.get(owner=person, attachment__isnull=False)
    with storages["attachments"].open(held.attachment) as file:
        assert b"scan" not in file.read()


def test_samples_of_a_device_are_no_attachment():
    person = sign_up()
    samples = {"origin": {"value": 0}, "period": 10, "dimensions": 1, "data": "1 2 3 " * 20_000}

    put(person, observation("a", valueSampledData=samples))

    assert own(person, "read").read("Observation", "a").resource["valueSampledData"] == samples


def test_writing_outside_the_ledgers_transaction_is_refused(transactional_db):
    person = sign_up()
    with pytest.raises(OutsideTransaction):
        store.put_page(owner_id=person.pk, source_id=source(), resources=[observation("a")], at=AT)


def test_a_page_that_fails_later_leaves_nothing(transactional_db):
    person = sign_up()
    put(person, observation("kept"))

    class Interrupted(Exception):
        pass

    def interrupted() -> None:
        with transaction.atomic():
            store.put_page(owner_id=person.pk, source_id=source(), resources=[observation("lost")], at=AT)
            assert own(person).count(Query.of("Observation")) == 2
            raise Interrupted

    with pytest.raises(Interrupted):
        interrupted()

    assert [entry.logical_id for entry in own(person).search(Query.of("Observation")).entries] == ["kept"]
    assert sum(kind.total for kind in own(person).counts()) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records_recordversion SET body = ''",
        "DELETE FROM records_recordversion",
        "DELETE FROM records_record",
    ],
)
def test_the_past_cannot_be_altered_nor_a_record_removed(statement):
    person = sign_up()
    put(person, observation("a"))
    put(person, observation("a", status="amended"))

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def _checked() -> Iterator[CursorWrapper]:
    """A transaction whose constraints are looked at when it ends, though the test's own never commits."""
    with transaction.atomic(), connection.cursor() as cursor:
        yield cursor
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("records_source", "DELETE FROM records_source"),
        (
            "accounts_person",
            "DELETE FROM records_codesystem; DELETE FROM records_ownerkey; DELETE FROM accounts_person",
        ),
    ],
)
def test_neither_a_person_nor_a_source_can_go_while_there_are_records(table, statement):
    person = sign_up()
    put(person, observation("a"))
    delete(person, "Observation", "a")

    with pytest.raises(IntegrityError, match=f'not present in table "{table}"'), _checked() as cursor:
        cursor.execute(statement)


def test_no_record_comes_from_a_source_that_does_not_exist():
    with pytest.raises(IntegrityError, match='not present in table "records_source"'), _checked():
        put(sign_up(), observation("a"), source_id=source() + 1)


def test_writers_for_one_person_take_turns_and_lose_nothing(transactional_db):
    from concurrent.futures import ThreadPoolExecutor

    person = sign_up()
    put(person, observation("first"))

    def write(number: int) -> None:
        try:
            put(person, *(observation(f"{number}-{n}") for n in range(20)), observation("shared", status=f"s{number}"))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))

    record = own(person)
    assert record.count(Query.of("Observation")) == 162
    assert Record.unguarded.filter(owner=person).count() == 162
    assert len(record.history("Observation", "shared")) == 8


def test_a_period_without_any_end_is_found_by_every_date_it_may_cover():
    person = sign_up()
    forever = {key: value for key, value in observation("forever").items() if key != "effectiveDateTime"}

    put(person, {**forever, "effectivePeriod": {"extension": []}}, observation("now"))
    put(person, {**forever, "id": "open", "effectivePeriod": {"start": "1950"}})
    put(person, {**forever, "id": "closed", "effectivePeriod": {"end": "2030"}})

    found = own(person).search(Query.of("Observation").where("date", "ge2025"))
    assert {entry.logical_id for entry in found.entries} >= {"open", "closed"}
    assert "now" not in {entry.logical_id for entry in found.entries}
