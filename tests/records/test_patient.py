from __future__ import annotations

import pytest

from records import patient
from standards.fhir import validation
from tests.records.people import AT, own, put, sign_up, source

pytestmark = pytest.mark.django_db


def said(logical_id: str, **fields):
    return {"resourceType": "Patient", "id": logical_id, **fields}


def composed(person):
    patient.compose(person.pk, at=AT)
    return own(person, "read").read("Patient", person.patient_id).resource


def test_without_sources_it_is_what_she_told_us():
    person = sign_up(name="Ana Ejemplo")

    resource = composed(person)

    assert resource["name"] == [{"use": "usual", "text": "Ana Ejemplo"}]
    assert resource["gender"] == "unknown"
    assert "birthDate" not in resource
    assert validation.problems(resource) == []


def test_what_sources_agree_on_is_taken_over_and_each_is_linked():
    person = sign_up()
    name = {"family": "Ejemplo", "given": ["Ana"]}
    put(person, said("a", name=[name], gender="female", birthDate="1970-01-02"), source_id=source("Riverside"))
    put(person, said("b", name=[name], gender="female", birthDate="1970-01-02"), source_id=source("Cedar"))

    resource = composed(person)

    assert resource["name"] == [name]
    assert (resource["gender"], resource["birthDate"]) == ("female", "1970-01-02")
    assert [link["other"]["reference"] for link in resource["link"]] == ["Patient/a", "Patient/b"]


def test_what_they_disagree_on_is_not_chosen_for_her():
    person = sign_up()
    put(person, said("a", gender="female", birthDate="1970-01-02"), source_id=source("Riverside"))
    put(person, said("b", gender="male", birthDate="1970-02-01"), source_id=source("Cedar"))

    resource = composed(person)

    assert resource["gender"] == "unknown"
    assert "birthDate" not in resource


def test_composing_again_changes_nothing():
    person = sign_up()
    put(person, said("a", gender="female"))

    composed(person)
    composed(person)

    assert own(person, "read").read("Patient", person.patient_id).version_id == 1
