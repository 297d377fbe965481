"""One list from all sources at its pages: why lines were put together, what disagrees, and her own word."""

from __future__ import annotations

import re

import pytest

from audit import events
from benchmarks import walk
from records.models import SamenessWord
from tests.portal import people
from tests.records.sameness.telling import allergy, medicine, problem, result

pytestmark = pytest.mark.django_db


@pytest.fixture
def person():
    person = people.sign_up()
    people.store_records(
        person, [problem("a"), allergy("none", "No known allergies"), medicine("m", "Lisinopril 10 MG")]
    )
    people.store_records(
        person,
        [
            problem("b"),
            problem("gout", "Gout", "90560007"),
            allergy("nut", "Peanut"),
            medicine("n", "Lisinopril 20 MG"),
        ],
        hospital="Cedar",
    )
    return person


def page(person, address: str) -> str:
    answer = people.browser_of(person).get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def say(person, **said):
    return people.browser_of(person).post("/same/word/", {"kind": "problems", **said})


def lines(text: str) -> int:
    return text.count('<details class="told">')


def test_the_overview_names_the_kinds_she_has(person):
    text = page(person, "/same/")

    assert re.findall(r'href="/same/([a-z]+)/"', text) == ["differences", "problems", "medicines", "allergies"]
    assert 'href="/same/"' in page(person, "/")


def test_a_list_has_one_line_for_both_and_says_why(person):
    text = page(person, "/same/problems/")

    assert lines(text) == 2
    assert "both use the same code (certain)" in text
    for link in ("/record/Condition/a/", "/record/Condition/b/", "/record/Condition/gout/"):
        assert f'href="{link}"' in text
    assert "Riverside" in text
    assert "Cedar" in text


def test_two_doses_are_a_disagreement_and_nothing_is_chosen(person):
    text = page(person, "/same/medicines/")

    assert lines(text) == 1
    assert "They name different strengths." in text
    assert "10 mg" in text
    assert "20 mg" in text


def test_of_what_was_prescribed_often_the_newest_are_told_and_the_rest_counted(person):
    people.store_records(
        person, [medicine(f"again-{n}", "Metformin 500 MG", authoredOn=f"2024-01-{n:02}") for n in range(1, 29)]
    )
    people.store_records(person, [medicine("first", "Metformin 500 MG", authoredOn="2019-01-01")], hospital="Cedar")

    text = page(person, "/same/medicines/")

    assert "3 older records say the same." in text
    assert "/record/MedicationRequest/again-28/" in text
    assert "/record/MedicationRequest/first/" in text, "the newest of each source"
    assert "/record/MedicationRequest/again-3/" not in text
    assert "/record/MedicationRequest/again-3/" in page(person, "/record/MedicationRequest/again-3/")


def test_how_a_medicine_is_taken_is_told_in_words(person):
    repeat = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
    taken = {
        "dosageInstruction": [{"timing": repeat, "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}]}]
    }
    people.store_records(person, [medicine("often", "Metformin 500 MG", **taken)])
    people.store_records(
        person,
        [medicine("seldom", "Metformin 500 MG", dosageInstruction=[{"text": "Take as needed"}])],
        hospital="Cedar",
    )

    text = page(person, "/same/medicines/")

    assert "They say differently how to take it." in text
    assert "1 tablet, 2 times a day" in text
    assert "Take as needed" in text


def test_all_disagreements_stand_on_one_page(person):
    text = page(person, "/same/differences/")

    assert "They name different strengths." in text
    assert "One says that no such allergy is known, another names one." in text
    assert "Peanut" in text
    assert "Gout" not in text


def test_her_word_parts_and_is_taken_back(person):
    assert say(person, part="Condition/b").headers["Location"] == "/same/problems/"
    text = page(person, "/same/problems/")
    assert lines(text) == 3
    assert "What you took apart" in text

    say(person, leave="Condition/b")

    assert lines(page(person, "/same/problems/")) == 2
    assert [each.interaction for each in events.of(person.pk, 9) if each.action == "U"] == ["join", "part"]


def test_her_word_joins_two_lines(person):
    text = page(person, "/same/with/Condition/gout/")
    (other,) = re.findall(r'name="with" value="(Condition/[ab])"', text)

    say(person, join="Condition/gout", **{"with": other})

    text = page(person, "/same/problems/")
    assert lines(text) == 1
    assert "you said so" in text


@pytest.mark.parametrize(
    "said",
    [{}, {"part": ""}, {"part": "Condition"}, {"part": "Condition/absent"}, {"join": "Condition/a"},
     {"join": "Condition/a", "with": "Condition/a"}, {"leave": "Nonsense/1"}, {"join": "a", "with": "b"}],
)  # fmt: skip
def test_a_word_on_nothing_of_hers_is_no_word(person, said):
    assert say(person, **said).status_code == 404
    assert not SamenessWord.unguarded.exists()


def test_nobody_speaks_of_the_records_of_another(person):
    stranger = people.sign_up()

    assert say(stranger, part="Condition/b").status_code == 404
    assert people.browser_of(stranger).get("/same/with/Condition/b/").status_code == 404
    assert "Asthma" not in page(stranger, "/same/problems/")


@pytest.mark.parametrize("address", ["/same/nonsense/", "/same/with/Observation/x/", "/same/with/Condition/absent/"])
def test_what_is_no_list_is_not_there(person, address):
    assert people.browser_of(person).get(address).status_code == 404


def test_a_record_says_who_tells_the_same(person):
    text = page(person, "/record/Condition/a/")

    assert "Told more than once" in text
    assert 'href="/record/Condition/b/"' in text
    assert "Told more than once" not in page(person, "/record/Condition/gout/")


def test_of_results_the_list_shows_what_is_told_twice(person):
    at = "2024-05-06T07:08:09Z"
    people.store_records(person, [result("r", 5, at), result("other", 6, "2023-05-06T07:08:09Z")])
    assert "Nothing is told more than once" in page(person, "/same/results/")

    people.store_records(person, [result("s", 5, at)], hospital="Cedar")

    text = page(person, "/same/results/")
    assert lines(text) == 1
    assert "the same value at the same time" in text
    assert "/record/Observation/other/" not in text


def test_what_a_list_shows_is_in_the_access_log(person):
    page(person, "/same/problems/")

    assert events.of(person.pk, 1)[0].detail["types"] == {"Condition": 3}


def test_a_list_asks_as_often_for_many_records_as_for_few(person):
    page(person, "/same/problems/")
    with walk.counted() as few:
        page(person, "/same/problems/")
    people.store_records(person, [problem(f"p{n}", f"Problem {n}", str(1000 + n)) for n in range(40)], hospital="Cedar")

    with walk.counted() as many:
        assert lines(page(person, "/same/problems/")) == 42
    assert many() == few() <= 40
