"""Records that come from elsewhere as well: by their official number or their very words, and by nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from records import sources, twins
from records.models import SourceKind
from tests.portal import people

pytestmark = pytest.mark.django_db


def count(person: Any, hospital: str = "Riverside") -> int:
    source = sources.ensure(SourceKind.EHR, hospital, f"https://{hospital.lower()}.example/fhir")
    return twins.count(owner_id=person.pk, source_id=source.pk)


def test_the_same_words_and_the_same_number_are_twins_and_the_same_illness_is_not():
    person = people.sign_up()
    number = [{"system": "http://lab.example/order", "value": "77"}]
    people.store_records(
        person,
        [
            people.observation(person, "same-words", encounter={"reference": "Encounter/e1"}),
            people.observation(person, "same-number", identifier=number, valueString="a"),
            people.condition(person, "same-illness", note=[{"text": "in other words"}]),
            people.observation(person, "only-here", valueString="b"),
        ],
    )
    people.store_records(
        person,
        [
            people.observation(
                person, "words-there", meta={"tag": [{"code": "x"}]}, encounter={"reference": "Encounter/e9"}
            ),
            people.observation(person, "number-there", identifier=number, valueString="c"),
            people.condition(person, "illness-there"),
        ],
        hospital="Cedar",
    )

    assert count(person) == 2
    assert count(person, "Cedar") == 2


def test_a_number_that_a_source_gives_to_several_records_names_none_of_them():
    person = people.sign_up()
    number = [{"system": "http://lab.example/order", "value": "77"}]
    people.store_records(person, [people.observation(person, "a", identifier=number, valueString="a")])
    people.store_records(
        person, [people.observation(person, "c", identifier=number, valueString="c")], hospital="Cedar"
    )
    assert count(person) == 1

    people.store_records(
        person, [people.observation(person, "d", identifier=number, valueString="d")], hospital="Cedar"
    )

    assert count(person) == 0


def test_what_one_source_says_twice_comes_from_nowhere_else():
    person = people.sign_up()
    people.store_records(person, [people.observation(person, "a"), people.observation(person, "b")])

    assert count(person) == 0


def test_another_persons_record_is_no_twin():
    person, other = people.sign_up(), people.sign_up()
    people.store_records(person, [people.observation(person, "a")])
    people.store_records(other, [people.observation(other, "b")], hospital="Cedar")

    assert count(person) == 0
