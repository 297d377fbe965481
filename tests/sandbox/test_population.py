"""The built-in people: honest FHIR, plainly made up, the same for the same seed."""

from __future__ import annotations

import copy
from collections import Counter
from itertools import islice

import pytest

from sandbox import oddities, population, staff
from standards.fhir import json, references, validation

HOSPITALS = [staff.RIVERSIDE, staff.LAKESIDE]
US_CORE_TYPES = {
    "Patient", "Encounter", "Condition", "Observation", "DiagnosticReport", "DocumentReference", "MedicationRequest",
    "Medication", "Immunization", "Procedure", "AllergyIntolerance", "CarePlan", "CareTeam", "Goal", "Coverage",
    "Device", "Provenance", "ServiceRequest", "Practitioner", "PractitionerRole", "Organization", "Location",
}  # fmt: skip


def _resources():
    return [resource for name in HOSPITALS for resource in population.all_resources(name)]


def test_population_breaks_the_models_only_where_it_means_to():
    broken = [(resource, problem) for resource in _resources() for problem in validation.problems(resource)]

    assert {resource["category"] for resource, _ in broken} == {oddities.BROKEN_CATEGORY}
    assert [problem.path for _, problem in broken] == ["Observation.category"] * len(HOSPITALS)


def test_population_holds_every_us_core_type():
    assert {resource["resourceType"] for resource in _resources()} == US_CORE_TYPES


@pytest.mark.parametrize("name", HOSPITALS)
def test_people_hold_each_resource_once_and_every_reference_resolves(name):
    for person in population.people_of(name):
        keys = Counter(f"{resource['resourceType']}/{resource['id']}" for resource in person.resources)
        pointed = {
            text
            for resource in person.resources
            for text in references.rewrite(copy.deepcopy(resource), lambda text: None)
        }

        assert set(keys.values()) == {1}
        assert pointed - keys.keys() == set()


def test_people_are_the_same_bytes_for_the_same_seed_and_others_for_another():
    def bodies(seed):
        return [json.dumps(resource) for resource in population.all_resources(staff.LAKESIDE, seed=seed)]

    assert bodies(7) == bodies(7)
    assert bodies(7) != bodies(8)


def test_some_people_are_known_at_both_hospitals_under_other_ids():
    riverside, lakeside = ({person.name: person for person in population.people_of(name)} for name in HOSPITALS)
    both = riverside.keys() & lakeside.keys()

    assert len(riverside.keys() | lakeside.keys()) >= 8
    assert len(both) >= 3
    assert all(riverside[name].patient_id != lakeside[name].patient_id for name in both)
    assert all(riverside[name].email != lakeside[name].email for name in both)


def test_population_keeps_trailing_zeros_partial_dates_and_a_long_document():
    resources = _resources()

    def texts(kind, element):
        return {resource[element] for resource in resources if resource["resourceType"] == kind and element in resource}

    assert b'"value":1.10,' in b"".join(json.dumps(resource) for resource in resources)
    assert "1942-02" in texts("Patient", "birthDate")
    assert "2019" in texts("Condition", "onsetDateTime")
    assert max(len(json.dumps(resource)) for resource in resources) > 64 * 1024
    assert {"entered-in-error", "confirmed"} == {
        resource["verificationStatus"]["coding"][0]["code"]
        for resource in resources
        if resource["resourceType"] == "Condition" and "verificationStatus" in resource
    }


@pytest.mark.parametrize("number", [1, 40, 2_000])
def test_big_person_holds_exactly_as_many_valid_resources(number):
    resources = list(population.big_person(number))

    assert len({(resource["resourceType"], resource["id"]) for resource in resources}) == number
    assert resources[0]["resourceType"] == "Patient"
    assert [problem for resource in resources for problem in validation.problems(resource)] == []


def test_big_observer_streams():
    first = list(islice(population.big_observer(300_000), 4))

    assert [resource["resourceType"] for resource in first] == ["Patient", "Observation", "Observation", "Observation"]
