"""Loading data into a hospital: each kind of reference, each kind of file, and twice changes nothing."""

from __future__ import annotations

import json as plain_json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from accounts.models import Person
from records import store
from sandbox import intake, loading, population, staff
from standards.fhir import json

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def hospital(settings):
    settings.SITE_NAME = staff.RIVERSIDE
    settings.FHIR_BASE = "http://hospital.example/fhir/r4"


def patient(id_="p1", **more):
    return {"resourceType": "Patient", "id": id_, "name": [{"given": ["Test"], "family": "Mock"}], **more}


def observation(subject, id_="o1", **more):
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"text": "Pulse"},
        "subject": {"reference": subject},
        **more,
    }


def bundle(*entries, kind="collection"):
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [
            {"fullUrl": url, "resource": resource} if url else {"resource": resource} for url, resource in entries
        ],
    }


def load(*values):
    return loading.load(intake.gather(values), at=AT)


def stored(patient_id="p1"):
    person = Person.objects.get(patient_id=patient_id)
    source = loading.ensure_source()
    return {
        f"{kind}/{id_}": json.loads(body) for kind, id_, body in store.bodies(owner_id=person.pk, source_id=source.pk)
    }


def without_our_meta(resource):
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return {**rest, "meta": meta} if meta else rest


@pytest.mark.parametrize(
    ("subject", "full_url"),
    [
        ("Patient/p1", ""),
        ("urn:uuid:9d2b1b0c-5d0f-4a57-8c7e-0c8a1f0a1b01", "urn:uuid:9d2b1b0c-5d0f-4a57-8c7e-0c8a1f0a1b01"),
        ("https://elsewhere.example/fhir/Patient/p1", "https://elsewhere.example/fhir/Patient/p1"),
        ("https://elsewhere.example/fhir/Patient/p1", ""),
        ("Patient/p1/_history/3", ""),
        ("Patient?identifier=urn:mrn|42", ""),
        ("Patient?_id=p1", ""),
    ],
)
def test_reference_of_each_kind_becomes_the_hospitals_own(subject, full_url):
    report = load(
        bundle((full_url, patient(identifier=[{"system": "urn:mrn", "value": "42"}])), ("", observation(subject)))
    )

    assert stored()["Observation/o1"]["subject"] == {"reference": "Patient/p1"}
    assert report.unresolved.kinds == Counter()


def test_resource_without_id_takes_the_uuid_of_its_bundle():
    uuid = "9d2b1b0c-5d0f-4a57-8c7e-0c8a1f0a1b01"
    nameless = {key: value for key, value in patient().items() if key != "id"}

    load(bundle((f"urn:uuid:{uuid}", nameless), ("", observation(f"urn:uuid:{uuid}")), kind="transaction"))

    assert set(stored(uuid)) == {f"Patient/{uuid}", "Observation/o1"}


def test_same_full_url_in_two_bundles_means_what_it_means_in_each():
    load(
        bundle(("urn:uuid:a", patient("p1")), ("", observation("urn:uuid:a", "o1"))),
        bundle(("urn:uuid:a", patient("p2")), ("", observation("urn:uuid:a", "o2"))),
    )

    assert set(stored("p1")) == {"Patient/p1", "Observation/o1"}
    assert set(stored("p2")) == {"Patient/p2", "Observation/o2"}


def test_reference_that_means_nothing_at_hand_stays_as_written_and_is_told():
    report = load(patient(), observation("Patient/p1", performer=[{"reference": "Practitioner?identifier=npi|1"}]))

    assert stored()["Observation/o1"]["performer"] == [{"reference": "Practitioner?identifier=npi|1"}]
    assert report.unresolved.kinds == Counter({"conditional": 1})


def test_chart_takes_in_what_it_points_at_and_what_that_points_at_and_nobody_elses():
    role = {
        "resourceType": "PractitionerRole",
        "id": "r",
        "practitioner": {"reference": "Practitioner/d"},
        "organization": {"reference": "Organization/h"},
    }
    report = load(
        patient("p1"),
        patient("p2"),
        observation("Patient/p1", performer=[{"reference": "PractitionerRole/r"}]),
        role,
        {"resourceType": "Practitioner", "id": "d"},
        {"resourceType": "Organization", "id": "h"},
        {"resourceType": "Organization", "id": "nobodys"},
    )

    assert set(stored("p1")) == {
        "Patient/p1", "Observation/o1", "PractitionerRole/r", "Practitioner/d", "Organization/h"
    }  # fmt: skip
    assert set(stored("p2")) == {"Patient/p2"}
    assert report.loose == Counter({"Organization": 1})


def test_record_about_a_stranger_or_about_two_people_is_not_stored():
    report = load(patient("p1"), patient("p2"), observation("Patient/p3", "o1"), {
        "resourceType": "Account", "id": "a", "status": "active",
        "subject": [{"reference": "Patient/p1"}, {"reference": "Patient/p2"}],
    })  # fmt: skip

    assert set(stored("p1")) | set(stored("p2")) == {"Patient/p1", "Patient/p2"}
    assert report.strangers == Counter({"Observation": 1, "Account": 1})


def test_loading_twice_changes_nothing_and_keeps_the_password():
    everything = [patient(), observation("Patient/p1", valueQuantity={"value": json.ExactDecimal("1.10")})]
    first, again = load(*everything), load(*everything)

    assert [(one.new, one.changed, one.unchanged) for one in first.people] == [(2, 0, 0)]
    assert [(one.new, one.changed, one.unchanged, one.password) for one in again.people] == [(0, 0, 2, "")]
    assert Person.objects.get(patient_id="p1").check_password(first.people[0].password)


def test_later_load_finds_the_patient_of_an_earlier_one():
    load(patient())

    report = load(observation("Patient/p1"))

    assert set(stored()) == {"Patient/p1", "Observation/o1"}
    assert report.unresolved.kinds == Counter()


def test_patients_of_the_same_name_and_of_none_get_accounts_of_their_own():
    report = load(patient("aaaa1"), patient("aaaa2"), {"resourceType": "Patient", "id": "aaaa3", "name": "odd"})

    assert [one.email for one in report.people] == [
        "test.mock.aaaa@riverside-general-hospital.example",
        "test.mock.aaaa2@riverside-general-hospital.example",
        "patient.aaaa@riverside-general-hospital.example",
    ]


def test_files_of_every_kind_are_read_and_what_is_none_is_refused_with_its_place(tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "Patient.ndjson").write_text(plain_json.dumps(patient()) + "\n\nnot json\n")
    (folder / "log.ndjson").write_text('{"eventId": "kickoff"}\n')
    (folder / "bundle.json").write_text(plain_json.dumps(bundle(("", observation("Patient/p1")), kind="searchset")))
    (folder / "broken.json").write_text("{,}")
    (folder / "README.md").write_text("no data")

    report = loading.load_paths([folder, tmp_path / "absent"], at=AT)

    assert set(stored()) == {"Patient/p1", "Observation/o1"}
    assert [(one.origin, one.reason.partition(":")[0]) for one in report.refused] == [
        ("Patient.ndjson line 3", "no JSON"),
        ("broken.json", "no JSON"),
        ("log.ndjson line 1", "not a FHIR resource"),
        ("absent", "no such file or folder"),
    ]


def test_resource_of_no_known_type_is_refused_by_the_store_with_its_place():
    report = load(patient(), {"resourceType": "Nonsense", "id": "x", "subject": {"reference": "Patient/p1"}})

    assert [(one.origin, one.reason) for one in report.refused] == [("given 2", "not a resource type of FHIR R4")]


def test_shared_resource_with_a_large_attachment_reaches_both_charts_whole():
    photo = {"resourceType": "Practitioner", "id": "d", "photo": [{"contentType": "image/png", "data": "A" * 120_000}]}
    load(
        patient("p1", generalPractitioner=[{"reference": "Practitioner/d"}]),
        patient("p2", generalPractitioner=[{"reference": "Practitioner/d"}]),
        photo,
    )

    assert sorted(key.partition("/")[0] for key in stored("p1")) == ["Binary", "Patient", "Practitioner"]
    assert stored("p1").keys() - {"Patient/p1"} == stored("p2").keys() - {"Patient/p2"}


def test_built_in_people_are_stored_as_they_were_written():
    person = next(iter(population.people_of(staff.LAKESIDE)))

    report = loading.load(intake.gather(person.resources), at=AT)

    [loaded] = report.people
    kept = {key: without_our_meta(resource) for key, resource in stored(person.patient_id).items()}
    written = {f"{one['resourceType']}/{one['id']}": without_our_meta(one) for one in person.resources}
    assert loaded.invalid == 1
    assert report.unresolved.kinds == Counter()
    assert kept == {key: written[key] for key in kept}
    assert loaded.new + sum(report.loose.values()) == len(written)
    assert set(report.loose) <= {"Practitioner", "PractitionerRole"}


def _lines(folder):
    return sum(
        len([line for line in file.read_text().splitlines() if line.strip()]) for file in folder.glob("[A-Z]*.ndjson")
    )


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data sets are not on this machine")
class TestSharedData:
    def test_smart_bulk_folder_is_stored_whole_with_its_conditional_references_resolved(self):
        base = SHARED / "fhir-synthea" / "smart-bulk-2023"
        folder = base / "Denis399-63ee2253"

        report = loading.load_paths([folder, base / "shared"], at=AT)

        [loaded] = report.people
        own = [key for key in stored(loaded.patient_id) if key.partition("/")[0] not in (
            "Organization", "Practitioner", "Location"
        )]  # fmt: skip
        assert len(own) == _lines(folder)
        assert report.unresolved.kinds == Counter()
        assert {one.reason for one in report.refused} == {"not a FHIR resource"}
        assert set(report.loose) <= {"Organization", "Practitioner", "PractitionerRole", "Location"}

    def test_transaction_bundle_resolves_every_urn(self):
        folder = SHARED / "fhir-synthea" / "smart-bulkserver-r4-2020"
        file = min(folder.glob("*.json"))
        entries = plain_json.loads(file.read_text())["entry"]

        report = loading.load_paths([file], at=AT)

        [loaded] = report.people
        assert loaded.new == len(entries)
        assert report.unresolved.kinds == Counter()

    def test_flat_ndjson_of_ten_patients_is_dealt_out(self):
        report = loading.load_paths([SHARED / "fhir-synthea" / "mitre-bundles-ndjson-2020"], at=AT)

        counted = sum(one.new for one in report.people)
        assert len(report.people) >= 1
        assert report.strangers == Counter()
        assert report.unresolved.kinds == Counter()
        assert counted == sum(report.by_type.values())

    @pytest.mark.parametrize("side", ["ehr-a.json", "ehr-b.json"])
    def test_each_half_of_a_person_with_two_hospitals_loads_whole(self, side):
        file = SHARED / "multi-source" / "derived-two-ehrs" / "Reuben_Lind" / side
        entries = plain_json.loads(file.read_text())["entry"]

        report = loading.load_paths([file], at=AT)

        [loaded] = report.people
        assert loaded.new + sum(report.loose.values()) == len(entries)
        assert report.unresolved.kinds == Counter()
