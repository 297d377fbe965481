from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.sameness import wording


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Lisinopril 10 MG Oral Tablet", {"lisinopril"}),
        ("lisinopril 10 mg tablet [Zestril]", {"lisinopril"}),
        ("LISINOPRIL", {"lisinopril"}),
        ("Hydrochlorothiazide 25 MG / Lisinopril 20 MG Oral Tablet", {"hydrochlorothiazide", "lisinopril"}),
        ("120 ACTUAT Fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler", {"fluticasone"}),
        ("24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet", {"metformin"}),
        ("Acetaminophen-Codeine 300-30 mg tablet", {"acetaminophen", "codeine"}),
        ("Potassium chloride 20 MEQ Oral Tablet", {"potassium chloride"}),
        ("10 mg", set()),
    ],
)
def test_a_medicine_is_what_acts_in_it(said, found):
    assert wording.ingredients(said) == found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Lisinopril 10 MG Oral Tablet", {"10 mg"}),
        ("lisinopril 10mg", {"10 mg"}),
        ("Levothyroxine 0.05 MG", {"0.05 mg"}),
        ("Levothyroxine 50 mcg", {"0.05 mg"}),
        ("Amoxicillin 1 g", {"1000 mg"}),
        ("albuterol 0.09 MG/ACTUAT", {"0.09 mg/actuat"}),
        ("Aspirin", set()),
    ],
)
def test_strengths_are_compared_in_milligrams(said, found):
    assert wording.strengths(said) == found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Allergy to peanuts (finding)", "peanut"),
        ("Peanut", "peanut"),
        ("Penicillin allergy", "penicillin"),
        ("Shellfish", "shellfish"),
        ("Allergy to bee venom", "bee venom"),
    ],
)
def test_an_allergy_is_named_by_its_substance(said, found):
    assert wording.substance(said) == found


@pytest.mark.parametrize(
    ("said", "to"),
    [
        ("No Known Allergies", ""),
        ("no known drug allergy", "medication"),
        ("NKDA", "medication"),
        ("NKA", ""),
        ("No known food allergies", "food"),
        ("Allergy to peanuts", None),
        ("Unknown", None),
    ],
)
def test_no_known_allergy_is_told_from_an_allergy(said, to):
    assert wording.none_known(said) == to


def test_people_are_known_without_titles_and_in_any_order():
    assert wording.person("Dr. Monica R. Kshlerin, MD") == wording.person("KSHLERIN, Monica") == "kshlerin monica"
    assert wording.person("Monica") == ""


@given(st.text(max_size=60))
def test_whatever_is_written_has_a_wording_that_is_its_own(text):
    for read in (wording.name, wording.substance, wording.organization):
        assert isinstance(read(text), str)
    assert wording.name(wording.name(text)) == wording.name(text)
    assert isinstance(wording.ingredients(text), frozenset)
    assert isinstance(wording.strengths(text), frozenset)
