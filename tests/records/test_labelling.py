"""Labels of stored records: what a record names, what its owner says of it, and new value sets."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.db import connection

from records import labels, marks, relabelling, tagging
from records.models import Counter as Counted
from records.models import Labelling, LabelMark, Record, SearchRow
from records.numbering import PARAMETER_NUMBER
from records.query import Query
from tests.records.people import AT, LATER, observation, own, put, sign_up

pytestmark = pytest.mark.django_db

SNOMED = "http://snomed.info/sct"


def condition(logical_id: str, text: str = "Opioid abuse (disorder)", code: str = "5602001") -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": logical_id,
        "code": {"coding": [{"system": SNOMED, "code": code, "display": text}]},
        "subject": {"reference": "Patient/p"},
    }


def plain(logical_id: str) -> dict[str, Any]:
    return condition(logical_id, "Fracture of forearm", "65966004")


def visit(logical_id: str, diagnosis: str) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": logical_id,
        "status": "finished",
        "type": [{"coding": [{"system": SNOMED, "code": "185345009"}]}],
        "class": {"code": "AMB"},
        "diagnosis": [{"condition": {"reference": f"Condition/{diagnosis}"}}],
    }


def note(logical_id: str, encounter: str) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": logical_id,
        "status": "current",
        "content": [{"attachment": {"contentType": "text/plain", "data": "bm90aGluZw=="}}],
        "context": {"encounter": [{"reference": f"Encounter/{encounter}"}]},
    }


def carried(person) -> dict[str, set[str]]:
    rows = Record.unguarded.filter(owner=person, deleted=False).values_list("logical_id", "labels")
    return {logical_id: set(labels.names(bits)) for logical_id, bits in rows}


def counts_are_exact(person) -> bool:
    stored = Counter(Record.unguarded.filter(owner=person, deleted=False).values_list("resource_type", "labels"))
    counted: Counter[tuple[int, int]] = Counter()
    for number, bits, total in Counted.unguarded.filter(owner=person).values_list("resource_type", "labels", "total"):
        counted[number, bits] += total
    return stored == +counted


@pytest.mark.parametrize("order", ["diagnosis first", "diagnosis last", "together"])
def test_a_visit_and_its_note_are_as_sensitive_as_the_diagnosis_whichever_comes_first(order):
    person = sign_up()
    parts = [[condition("c")], [visit("v", "c")], [note("n", "v")]]
    if order == "diagnosis last":
        parts.reverse()
    for some in [[one for part in parts for one in part]] if order == "together" else parts:
        put(person, *some)

    assert carried(person) == {"c": {"SUD"}, "v": {"SUD"}, "n": {"SUD", "UNC"}}
    assert counts_are_exact(person)


def test_a_visit_is_plain_again_when_its_diagnosis_is():
    person = sign_up()
    put(person, condition("c"), visit("v", "c"))
    assert carried(person)["v"] == {"SUD"}

    put(person, plain("c"), at=LATER)

    assert carried(person) == {"c": set(), "v": set()}
    assert counts_are_exact(person)


def test_her_word_on_a_record_survives_the_next_sync_and_reaches_what_names_it():
    person = sign_up()
    put(person, condition("c"), visit("v", "c"), plain("p"))

    marks.mark(person.pk, ("Condition", "c"), sensitive=False, actor=person, at=AT)
    marks.mark(person.pk, ("Condition", "p"), sensitive=True, actor=person, at=AT)
    put(person, {**condition("c"), "clinicalStatus": {"text": "active"}}, {**plain("p"), "note": []}, at=LATER)

    assert carried(person) == {"c": set(), "v": set(), "p": {"OWN"}}
    assert counts_are_exact(person)


def test_what_she_called_ordinary_is_withheld_again_when_it_turns_out_to_be_of_another_kind():
    person = sign_up()
    put(person, condition("c"))
    marks.mark(person.pk, ("Condition", "c"), sensitive=False, actor=person, at=AT)
    assert carried(person)["c"] == set()

    put(person, {**condition("c"), "note": [{"text": "HIV test advised"}]}, at=LATER)

    assert carried(person)["c"] == {"HIV"}


def test_her_word_is_taken_back_by_another_and_none_is_altered():
    person = sign_up()
    put(person, condition("c"))
    marks.mark(person.pk, ("Condition", "c"), sensitive=False, actor=person, at=AT)
    marks.mark(person.pk, ("Condition", "c"), sensitive=None, actor=person, at=LATER)

    assert carried(person)["c"] == {"SUD"}
    assert LabelMark.unguarded.filter(owner=person).count() == 2
    with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM records_labelmark")


def test_labels_of_other_value_sets_are_made_anew_in_stretches_and_lose_nothing(monkeypatch):
    person = sign_up()
    put(person, *(observation(f"o{number}") for number in range(5)), condition("c"), visit("v", "c"), note("n", "v"))
    put(person, plain("kept"))
    marks.mark(person.pk, ("Condition", "kept"), sensitive=True, actor=person, at=AT)
    right = carried(person)
    _as_before_value_sets(person)
    assert not any(carried(person).values())
    monkeypatch.setattr(relabelling, "STRETCH", 2)

    assert person.pk in relabelling.waiting(100)
    assert relabelling.relabel(person.pk, at=LATER) == 9
    assert carried(person) == right
    assert counts_are_exact(person)
    assert person.pk not in relabelling.waiting(100)
    assert relabelling.relabel(person.pk, at=LATER) == 0


def test_a_killed_relabelling_goes_on_where_it_was(monkeypatch):
    person = sign_up()
    put(person, *(condition(f"c{number}") for number in range(6)))
    _as_before_value_sets(person)
    monkeypatch.setattr(relabelling, "STRETCH", 2)
    relabelling._stretch(person.pk, at=LATER)
    assert sum(bool(bits) for bits in carried(person).values()) == 2

    assert relabelling.relabel(person.pk, at=LATER) == 4
    assert all(carried(person).values())


def _as_before_value_sets(person) -> None:
    """As if stored by a release that knew of no value sets."""
    Record.unguarded.filter(owner=person).update(labels=0)
    SearchRow.unguarded.filter(owner=person, param=PARAMETER_NUMBER["inherits"]).delete()
    Labelling.unguarded.filter(owner=person).update(version="older")
    totals: Counter[tuple[int, int, tuple[int, ...]]] = Counter()
    for one in Counted.unguarded.filter(owner=person):
        totals[one.resource_type, one.source_id, tuple(one.categories)] += one.total
    with connection.cursor() as cursor:
        cursor.execute("UPDATE records_counter SET total = 0 WHERE owner_id = %s", [person.pk])
        for (number, source_id, categories), total in totals.items():
            cursor.execute(
                "INSERT INTO records_counter (owner_id, resource_type, source_id, labels, categories, total, problems,"
                " newest, longest, changed) VALUES (%s, %s, %s, 0, %s, %s, 0, 0, 0, now())"
                " ON CONFLICT (owner_id, resource_type, source_id, labels, categories)"
                " DO UPDATE SET total = excluded.total",
                [person.pk, number, source_id, list(categories), total],
            )


def test_what_she_had_as_an_adolescent_is_told_from_what_she_has_now():
    person = sign_up()
    patient = {"resourceType": "Patient", "id": person.patient_id, "birthDate": "2005-03"}
    put(person, patient)
    put(
        person,
        {**condition("then"), "onsetDateTime": "2020-01-01"},
        {**condition("now"), "onsetDateTime": "2025-01-01"},
        {**plain("cast"), "onsetDateTime": "2020-01-01"},
    )

    found = carried(person)
    assert (found["then"], found["now"], found["cast"]) == ({"SUD", "ADOL"}, {"SUD"}, set())


def test_its_tags_leave_with_it_and_are_told_from_those_of_the_source():
    person = sign_up()
    stated = {"system": labels.CONFIDENTIALITY, "code": "V"}
    put(person, {**condition("c"), "meta": {"security": [stated]}}, plain("p"))
    search = own(person).search(Query.of("Condition")).entries
    found = {entry.logical_id: entry.resource["meta"].get("security") for entry in search}

    assert found["p"] is None
    assert [(tag["system"], tag["code"]) for tag in found["c"]] == [
        (labels.CONFIDENTIALITY, "V"),
        (labels.ACT_CODE, "SUD"),
    ]
    assert tagging.without_ours(found["c"]) == [stated]
