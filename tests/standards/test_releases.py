"""Older releases of FHIR are told by what only they have."""

from __future__ import annotations

import pytest

from standards.fhir import releases, structures
from standards.fhir.releases import DSTU2, STU3


@pytest.mark.parametrize(
    ("resources", "release"),
    [
        ([{"resourceType": "MedicationOrder"}], DSTU2),
        ([{"resourceType": "Condition", "dateRecorded": "2015-01-01"}, {"resourceType": "Patient"}], DSTU2),
        ([{"resourceType": "Encounter", "reason": []}], STU3),
        ([{"resourceType": "Patient"}, {"resourceType": "Observation", "status": "final"}], None),
        ([{"resourceType": ["Patient"]}, "Patient", None], None),
    ],
)
def test_release_of_resources(resources, release):
    assert releases.older(resources) == release


def test_one_old_element_among_many_resources_is_a_slip():
    old = {"resourceType": "Immunization", "notGiven": False}
    new = {"resourceType": "Immunization", "status": "completed"}

    assert releases.older([old]) == STU3
    assert releases.older([old, new, new]) is None


def test_nothing_of_r4_counts_as_old():
    r4 = structures.r4()

    assert releases._TYPES.keys() & r4.resource_types == set()
    assert [(name, key) for name, marks in releases._ELEMENTS.items() for key in marks if key in r4.fields(name)] == []
