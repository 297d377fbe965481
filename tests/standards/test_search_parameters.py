from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest

from standards.fhir import search_parameters, types


def test_parameter_carries_hl7s_definition():
    parameter = search_parameters.for_type("Observation")["subject"]

    assert (parameter.base, parameter.code, parameter.type) == ("Observation", "subject", "reference")
    assert parameter.url == "http://hl7.org/fhir/SearchParameter/Observation-subject"
    assert parameter.targets == {"Patient", "Group", "Device", "Location"}


def test_every_type_has_the_parameters_of_all_resources():
    common = {"_id", "_lastUpdated", "_profile", "_security", "_source", "_tag"}

    assert all(common <= set(search_parameters.for_type(type_)) for type_ in types.RESOURCE_TYPES)


def test_us_core_adds_what_the_core_lacks():
    parameter = search_parameters.for_type("Condition")["asserted-date"]

    assert parameter.url == "http://hl7.org/fhir/us/core/SearchParameter/us-core-condition-asserted-date"
    assert search_parameters.for_type("Condition")["code"].url == "http://hl7.org/fhir/SearchParameter/clinical-code"


def test_code_knows_the_system_its_field_implies():
    (path,) = search_parameters.for_type("Patient")["gender"].paths

    assert (path.type, path.system) == ("code", "http://hl7.org/fhir/administrative-gender")


@pytest.mark.parametrize("type_", ["Resource", "DomainResource", "Nonsense", "observation", ""])
def test_what_is_no_resource_type_has_no_parameters(type_):
    assert dict(search_parameters.for_type(type_)) == {}


@pytest.mark.parametrize("type_", sorted(types.US_CORE_SEARCHES))
def test_every_search_us_core_asks_for_is_known(type_):
    asked = types.US_CORE_SEARCHES[type_]

    assert set(asked.parameters()) <= set(search_parameters.for_type(type_))
    assert set(asked.comparators) | set(asked.lists) <= set(asked.parameters())
    assert {search_parameters.for_type(type_)[code].type for code in asked.comparators} <= {"date"}


def test_patient_compartment_names_known_parameters():
    unknown = {
        (type_, code)
        for type_, codes in types.PATIENT_COMPARTMENT.items()
        for code in codes
        if code not in search_parameters.for_type(type_)
    }

    assert unknown == set()
    assert types.PATIENT_COMPARTMENT["Observation"] == ("subject", "performer")


def test_there_are_146_types():
    assert len(types.RESOURCE_TYPES) == 146
    assert types.US_CORE_TYPES | types.ADMINISTRATIVE_TYPES | types.CLINICAL_TYPES <= types.RESOURCE_TYPES


def test_there_is_one_of_each_however_many_ask_first(monkeypatch):
    """A second one would be found in no list of the first: a worker's searches would open candidates for good."""

    original = search_parameters._of_known_type.__wrapped__

    def slowly(resource_type):
        time.sleep(0.05)
        return original(resource_type)

    made = cache(slowly)
    monkeypatch.setattr(search_parameters, "_of_known_type", made)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: search_parameters.for_type("Observation")["category"], range(4)))

    assert len({id(one) for one in found}) == 1
