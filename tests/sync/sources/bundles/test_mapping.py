"""FHIR in files: references found however they are written, older releases refused, what is left out told."""

from __future__ import annotations

import json

import pytest

from sync.sources.bundles import mapping
from sync.sources.upload.accounts import Fate, Reason
from sync.sources.upload.readings import Refused
from tests.sync import files


def read(value):
    return mapping.read(value if isinstance(value, bytes) else json.dumps(value).encode())


def linked(*, url, reference, logical_id=None):
    """An Observation that points at a Practitioner; gives (what it pointed at, what the Practitioner is called)."""
    doctor = {"resourceType": "Practitioner", **({"id": logical_id} if logical_id else {})}
    seen = files.observation(performer=[{"reference": reference}])
    reading = read(
        {
            "resourceType": "Bundle",
            "type": "document",
            "entry": [
                {"fullUrl": "https://clinic.example/fhir/Observation/o1", "resource": seen},
                {**({"fullUrl": url} if url else {}), "resource": doctor},
            ],
        }
    )
    found = {each["resourceType"]: each for each in reading.resources}
    return found["Observation"]["performer"][0]["reference"], f"Practitioner/{found['Practitioner']['id']}"


@pytest.mark.parametrize(
    ("url", "reference", "logical_id"),
    [
        ("urn:uuid:5b1c", "urn:uuid:5b1c", None),
        ("urn:uuid:5b1c", "urn:uuid:5b1c", "d1"),
        ("urn:uuid:5b1c", "Practitioner/d1", "d1"),
        ("urn:uuid:5b1c", "urn:uuid:d1", "d1"),
        ("https://clinic.example/fhir/Practitioner/d1", "Practitioner/d1", "d1"),
        ("https://clinic.example/fhir/Practitioner/d1", "Practitioner/d1/_history/3", "d1"),
        ("https://clinic.example/fhir/Practitioner/d1", "https://clinic.example/fhir/Practitioner/d1", "d1"),
        ("", "Practitioner/d1", "d1"),
    ],
)
def test_reference_finds_its_entry(url, reference, logical_id):
    pointed_at, called = linked(url=url, reference=reference, logical_id=logical_id)

    assert pointed_at == called


def test_reference_to_another_server_is_not_taken_for_an_entry_with_the_same_id():
    pointed_at, called = linked(
        url="https://clinic.example/fhir/Practitioner/d1",
        reference="https://other.example/Practitioner/d1",
        logical_id="d1",
    )

    assert pointed_at == "https://other.example/Practitioner/d1"
    assert called == "Practitioner/d1"


def test_reference_by_identifier_of_a_transaction_is_resolved():
    doctor = {"resourceType": "Practitioner", "id": "d1", "identifier": [{"system": "urn:npi", "value": "7"}]}
    seen = files.observation(performer=[{"reference": "Practitioner?identifier=urn:npi|7"}])

    reading = read(files.bundle(seen, doctor, kind="transaction"))

    assert reading.resources[0]["performer"] == [{"reference": "Practitioner/d1"}]


def test_resource_without_an_id_gets_the_same_one_each_time():
    nameless = {key: value for key, value in files.observation().items() if key != "id"}

    first, second = (read(files.bundle(files.patient(), nameless)).resources[1]["id"] for _ in range(2))

    assert first == second
    assert len(first) == 40


def test_same_id_from_two_servers_is_two_resources():
    entries = [
        {"fullUrl": f"https://{host}.example/fhir/Observation/o1", "resource": files.observation(comment=host)}
        for host in ("one", "two")
    ]

    reading = read({"resourceType": "Bundle", "type": "collection", "entry": entries})

    assert len({each["id"] for each in reading.resources}) == 2


def test_document_is_about_its_compositions_subject_and_made_by_its_custodian():
    composition = {
        "resourceType": "Composition",
        "id": "c1",
        "subject": {"reference": "Patient/p1"},
        "custodian": {"reference": "Organization/org"},
    }
    home = {"resourceType": "Organization", "id": "org", "name": "Hill Clinic"}

    reading = read(files.bundle(composition, files.patient(), files.patient("p2"), home, kind="document"))

    assert (reading.patient, reading.maker) == ("p1", "Hill Clinic")


def test_history_gives_the_newest_version_only():
    newest, older = files.observation(status="amended"), files.observation(status="final")

    reading = read(files.bundle(newest, older, kind="history"))

    assert [each["status"] for each in reading.resources] == ["amended"]


def test_lines_are_taken_one_by_one_and_a_broken_one_is_told_by_its_number():
    data = files.lines(files.patient(), files.observation()) + b'\n{"resourceType": "Obs\n'

    reading = read(data)

    assert [each["resourceType"] for each in reading.resources] == ["Patient", "Observation"]
    assert reading.account.lines[Fate.DROPPED, Reason.UNREADABLE_PART, "line 3"] == 1


@pytest.mark.parametrize(
    ("value", "reason", "what"),
    [
        ({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "MedicationOrder"}}]}, "old_fhir", "DSTU2"),
        ({"resourceType": "Observation", "context": {"reference": "Encounter/1"}}, "old_fhir", "STU3"),
        ({"resourceType": "Bundle", "entry": []}, "nothing_in_it", ""),
        ({"resourceType": "CapabilityStatement"}, "nothing_in_it", ""),
        ({"hello": "world"}, "not_fhir", ""),
        (b'{"resourceType": "Pat', "damaged", ""),
        (b"[1, 2", "damaged", ""),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(value, reason, what):
    with pytest.raises(Refused) as refused:
        read(value)

    assert (refused.value.reason, refused.value.what) == (reason, what)


def test_kinds_that_belong_to_nobodys_record_are_left_out_and_told():
    odd = [{"resourceType": "StructureDefinition", "id": "s"}, {"resourceType": "Prescription", "id": "x"}]

    reading = read(files.bundle(files.patient(), *odd))

    assert reading.account.lines[Fate.DROPPED, Reason.NOT_CLINICAL, "StructureDefinition"] == 1
    assert reading.account.lines[Fate.DROPPED, Reason.UNKNOWN_TYPE, "Prescription"] == 1
