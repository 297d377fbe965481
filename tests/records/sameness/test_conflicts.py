from __future__ import annotations

from decimal import Decimal

from records.sameness import conflicts
from records.sameness.conflicts import Aspect
from records.sameness.kinds import Kind
from tests.records.sameness.telling import allergy, form, medicine, problem, result, state


def of(kind, *told):
    return [(each.aspect, {side.source_id: side.words for side in each.sides})
            for each in conflicts.of_kind(kind, form(*told))]  # fmt: skip


def test_an_allergy_and_none_known_disagree():
    none = (1, allergy("a", "No known allergies"))
    peanut = (2, allergy("b", "Peanut", category=["food"]))

    assert of(Kind.ALLERGIES, none) == of(Kind.ALLERGIES, peanut) == []
    assert of(Kind.ALLERGIES, none, peanut) == [(Aspect.NONE_KNOWN, {1: ("no known allergy",), 2: ("peanut",)})]


def test_no_known_allergy_to_medicines_says_nothing_of_food():
    none = (1, allergy("a", "No known drug allergies"))

    assert of(Kind.ALLERGIES, none, (2, allergy("b", "Peanut", category=["food"]))) == []
    assert len(of(Kind.ALLERGIES, none, (2, allergy("b", "Penicillin", category=["medication"])))) == 1
    assert len(of(Kind.ALLERGIES, none, (2, allergy("b", "Penicillin")))) == 1


def test_an_allergy_that_is_over_contradicts_nobody():
    none = (1, allergy("a", "No known allergies"))

    assert of(Kind.ALLERGIES, none, (2, allergy("b", "Peanut", clinicalStatus=state("resolved")))) == []


def test_two_current_doses_disagree_and_a_change_within_one_clinic_does_not():
    ten, twenty = medicine("a", "Lisinopril 10 MG"), medicine("b", "Lisinopril 20 MG")

    assert of(Kind.MEDICINES, (1, ten), (2, twenty)) == [(Aspect.STRENGTH, {1: ("10 mg",), 2: ("20 mg",)})]
    assert of(Kind.MEDICINES, (1, ten), (1, twenty)) == []
    later = medicine("c", "Lisinopril 20 MG", authoredOn="2025-01-01")
    assert of(Kind.MEDICINES, (1, ten), (1, later), (2, twenty)) == []


def test_one_goes_on_where_the_other_has_ended():
    going, over = problem("a"), problem("b", clinicalStatus=state("resolved"))

    assert of(Kind.PROBLEMS, (1, going), (2, over)) == [(Aspect.STATE, {1: ("active",), 2: ("over",)})]
    assert of(Kind.PROBLEMS, (1, going), (2, going | {"id": "b"})) == []


def test_one_confirms_what_another_rules_out():
    confirmed = problem("a", verificationStatus=state("confirmed"))
    refuted = problem("b", verificationStatus=state("refuted"))

    assert of(Kind.PROBLEMS, (1, confirmed), (2, refuted)) == [(Aspect.SURE, {1: ("confirmed",), 2: ("refuted",)})]


def test_two_values_of_one_moment_disagree():
    at = "2024-05-06T07:08:09Z"
    told = (1, result("a", Decimal("5.1"), at)), (2, result("b", Decimal("7.0"), at))

    assert of(Kind.RESULTS, *told) == [(Aspect.VALUE, {1: ("5.1 g/dl",), 2: ("7 g/dl",)})]


def test_of_herself_two_birth_dates_disagree_and_a_year_does_not_contradict_a_day_of_it():
    def patient(logical_id, born, **more):
        return {"resourceType": "Patient", "id": logical_id, "birthDate": born, **more}

    def found(*patients):
        return [each.aspect for each in conflicts.of_person(enumerate(patients))]

    assert found(patient("a", "1980-02-03"), patient("b", "1980-03-02")) == [Aspect.BIRTH_DATE]
    assert found(patient("a", "1980-02-03"), patient("b", "1980")) == []
    assert found(patient("a", "1980", gender="female"), patient("b", "1980", gender="male")) == [Aspect.GENDER]
    assert found(patient("a", "1980", gender="female"), patient("b", "1980", gender="unknown")) == []
    assert found(patient("a", "1980"), patient("b", "1980", deceasedDateTime="2020")) == [Aspect.DECEASED]
