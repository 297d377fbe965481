"""Where a reading was taken: one rule, the first sign that fits."""

from __future__ import annotations

import pytest

from records.trends import places
from records.trends.places import Kind, Place, Sign
from tests.records.trends.telling import panel

HERS = {"Device/cuff": {"resourceType": "Device", "patient": {"reference": "Patient/p"}}, "Device/wall": {}}


def where(kind=Kind.CLINIC, **said):
    found = places.of(panel("2024-03-04T07:00:00Z", 120, 80, **said), kind=kind, devices=HERS)
    return (found.place, found.sign)


@pytest.mark.parametrize("who", ["Patient/p", "RelatedPerson/r", "https://ehr.example/fhir/Patient/p"])
def test_what_she_measured_herself_is_home_even_at_a_hospital_and_in_a_visit(who):
    said = {"performer": [{"reference": who}], "encounter": {"reference": "Encounter/e"}}

    assert where(**said) == (Place.HOME, Sign.BY_HERSELF)


@pytest.mark.parametrize("who", ["Practitioner/d", "PractitionerRole/d", "Organization/o", "CareTeam/t"])
def test_what_staff_measured_is_clinic_even_through_an_app(who):
    assert where(Kind.HOME, performer=[{"reference": who}]) == (Place.CLINIC, Sign.BY_STAFF)


def test_performer_may_be_named_by_type_alone():
    assert where(performer=[{"type": "Patient", "display": "Herself"}]) == (Place.HOME, Sign.BY_HERSELF)


def test_visit_or_an_examinations_category_is_clinic():
    exam = [{"coding": [{"code": "exam"}]}]

    assert where(Kind.OTHER, encounter={"reference": "Encounter/e"}) == (Place.CLINIC, Sign.AT_A_VISIT)
    assert where(Kind.OTHER, category=exam) == (Place.CLINIC, Sign.CATEGORY)


def test_device_of_hers_is_home_even_at_a_hospital_and_the_hospitals_own_is_not():
    assert where(device={"reference": "Device/cuff"}) == (Place.HOME, Sign.HER_DEVICE)
    assert where(device={"reference": "Device/wall"}) == (Place.CLINIC, Sign.FROM_A_CLINIC)
    assert where(device={"reference": "Device/unseen"}) == (Place.CLINIC, Sign.FROM_A_CLINIC)


def test_else_the_source_decides_and_a_file_or_health_plan_decides_nothing():
    assert where(Kind.HOME) == (Place.HOME, Sign.FROM_HOME)
    assert where(Kind.CLINIC) == (Place.CLINIC, Sign.FROM_A_CLINIC)
    assert where(Kind.OTHER) == (Place.UNTOLD, Sign.NOTHING)


def test_what_is_written_wrong_decides_nothing():
    assert where(performer="Patient/p", device=["?"], category={"coding": 7}) == (Place.CLINIC, Sign.FROM_A_CLINIC)
