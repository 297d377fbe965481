"""Plain words: each in both languages, by real codes; and the link says what it tells and is asked for by nobody."""

from __future__ import annotations

import pytest
from django.utils import translation

from portal import explanations
from tests.portal import people

pytestmark = pytest.mark.django_db
# The dihedral group of Verhoeff's check digit, with which every SNOMED CT identifier ends.
_TURN = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_MOVE = ("0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258")


def is_loinc(code: str) -> bool:
    body, _, check = code.partition("-")
    digits = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body))]
    return (10 - sum(number // 10 + number % 10 for number in digits) % 10) % 10 == int(check)


def is_snomed(code: str) -> bool:
    found = 0
    for place, digit in enumerate(reversed(code)):
        found = int(_TURN[found][int(_MOVE[place % 8][int(digit)])])
    return found == 0


def test_every_entry_is_whole_in_both_languages():
    for entry in explanations.entries():
        for language in ("en", "es"):
            name, words = entry.read(language)
            assert 2 < len(name) < 60
            assert words.endswith(".")
            assert 15 < len(words) < 240, name
        assert entry.read("en")[1] != entry.read("es")[1]


def test_codes_are_real_by_their_check_digits_and_each_is_explained_once():
    codes = [code for entry in explanations.entries() for code in entry.codes]

    assert len(codes) == len(set(codes)) > 100
    assert all(is_loinc(code) for system, code in codes if system == "http://loinc.org")
    assert all(is_snomed(code) for system, code in codes if system == "http://snomed.info/sct")
    assert (is_loinc("718-8"), is_snomed("38341004")) == (False, False)


@pytest.mark.parametrize(
    ("language", "name", "at"),
    [("en", "Hemoglobin", "languageCode.c=en"), ("es", "Hemoglobina", "languageCode.c=es")],
)
def test_a_record_is_explained_in_her_language_and_names_where_more_is_told(language, name, at):
    person = people.sign_up(language=language)
    people.store_records(person, [people.observation(person, "hb")])
    client = people.browser_of(person)
    client.cookies["language"] = language

    text = client.get("/record/Observation/hb/").content.decode()

    assert f"<strong>{name}.</strong>" in text
    assert "https://connect.medlineplus.gov/application?mainSearchCriteria.v.cs=2.16.840.1.113883.6.1" in text
    assert "mainSearchCriteria.v.c=718-7" in text
    assert at in text
    assert 'rel="noreferrer noopener external"' in text


@pytest.mark.parametrize(
    ("code", "explained", "leads"),
    [
        ({"system": "http://loinc.org", "code": "99999-9"}, False, True),
        ({"system": "urn:oid:1.2.3", "code": "718-7"}, False, False),
        ({"code": "718-7"}, False, False),
        ({"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10"}, True, True),
    ],
)
def test_only_the_code_of_the_right_system_is_explained(code, explained, leads):
    found = explanations.of({"resourceType": "Condition", "code": {"coding": [code]}})

    assert bool(found and found.words) is explained
    assert bool(found and found.more) is leads


def test_a_code_is_written_into_the_address_as_one_value():
    url = explanations.address(("http://loinc.org", "1&x=https://evil.example/#"), "en")

    assert url.count("&") == 2
    assert "evil.example/" not in url


def test_the_glossary_has_all_of_them_by_name_and_leaves_no_event():
    person = people.sign_up()

    text = people.browser_of(person).get("/words/").content.decode()

    with translation.override("en"):
        names = [each.name for each in explanations.glossary()]
    assert names == sorted(names, key=str.casefold)
    assert all(name.replace("'", "&#x27;") in text for name in names)
