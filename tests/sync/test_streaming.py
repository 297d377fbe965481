"""An Apple Health export through the form into the record: streamed, asked about, accounted for, exported again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from records import store
from standards.fhir import json as fhir_json
from sync import importing, sorting, staging, uploads
from sync.models import DocumentState, Upload, UploadState
from tests.portal import people
from tests.sync import files
from tests.sync.sources.apple_health.exports import export, quantity

pytestmark = pytest.mark.django_db(transaction=True)

WEIGHT = quantity("BodyMass", "70", "kg")
PULSES = [quantity("HeartRate", 60 + n, "count/min", f"2024-06-15 08:{n:02}:00 +0200") for n in range(40)]
CDA = b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>'
ROUTE = b'<?xml version="1.0"?><gpx version="1.1"><trk/></gpx>'
ECG = b"Name,Ana Example\nRecorded Date,2024-06-15 08:00:00 +0200\nSample Rate,512 hertz\n\n-12.3\n-11.9\n"


@pytest.fixture(autouse=True)
def own_storage(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "uploads": {**settings.STORAGES["uploads"], "OPTIONS": {"location": tmp_path}},
    }


@pytest.fixture
def ana():
    person = people.sign_up(name="Ana Example")
    people.store_records(person, [files.patient("at-the-hospital")])
    return person


def held(person, resource_type="Observation"):
    return [
        fhir_json.loads(body)
        for kind, logical_id, body in store.bodies(owner_id=person.pk)
        if kind == resource_type and logical_id != person.patient_id
    ]


def test_export_becomes_hers_packed_and_accounted_for(ana):
    upload = files.give(people.browser_of(ana), export(WEIGHT, *PULSES), "export.xml")

    document = files.only_document(upload)
    told = files.told(document)
    assert (upload.state, document.state, document.format) == (UploadState.DONE, DocumentState.KEPT, "apple-health")
    assert (upload.source.name, upload.source.url) == ("Apple Health", "urn:tributary:apple-health")
    assert told["information", "kept", "Observation"] == len(held(ana)) == 3
    assert told["information", "readings", "Heart rate"] == 40
    assert told["information", "readings", "Body mass"] == 1
    assert {each["subject"]["reference"] for each in held(ana)} == {f"Patient/{ana.patient_id}"}
    device = f"Device/{held(ana, 'Device')[0]['id']}"
    assert {each["device"]["reference"] for each in held(ana)} == {device}
    assert {each["agent"][0]["who"]["reference"] for each in held(ana, "Provenance")} == {device}
    assert storages[staging.STORAGE].listdir("")[0] == []


def test_zip_of_the_phone_is_read_with_all_that_lies_beside(ana):
    of_one = files.observation("o1", of="Patient/one")
    of_other = files.observation("o1", of="Patient/other", effectiveDateTime="2023-01-01")
    archive = files.zipped(
        {
            "apple_health_export/export_cda.xml": CDA,
            "apple_health_export/workout-routes/route_2024-06-15.gpx": ROUTE,
            "apple_health_export/electrocardiograms/ecg_2024-06-15.csv": ECG,
            "apple_health_export/clinical-records/Observation-1.json": files.lines(of_one),
            "apple_health_export/clinical-records/Observation-2.json": files.lines(of_other),
            "apple_health_export/exportación.xml": export(WEIGHT),
            "../export.xml": export(WEIGHT),
        }
    )

    upload = files.give(people.browser_of(ana), archive, "export.zip")

    states = {
        uploads.document_name(each): (each.state, next(iter(files.told(each)))[1]) for each in upload.documents.all()
    }
    assert {name.rpartition("/")[2]: state for name, state in states.items() if name != "../export.xml"} == {
        "exportación.xml": (DocumentState.KEPT, "not_mapped"),
        "export_cda.xml": (DocumentState.REFUSED, "same_elsewhere"),
        "route_2024-06-15.gpx": (DocumentState.REFUSED, "whereabouts"),
        "ecg_2024-06-15.csv": (DocumentState.KEPT, "whole"),
        "Observation-1.json": (DocumentState.KEPT, "kept"),
        "Observation-2.json": (DocumentState.KEPT, "kept"),
    }
    assert states["../export.xml"] == (DocumentState.REFUSED, "unsafe_name")
    assert len([each for each in held(ana) if each["code"]["coding"][0]["code"] == "718-7"]) == 2
    assert len(held(ana, "DocumentReference")) == 1


def test_next_export_adds_what_is_new_and_leaves_the_rest_untouched(ana):
    browser = people.browser_of(ana)
    files.give(browser, export(WEIGHT, *PULSES), "june.xml")
    before = {each["id"]: each["meta"]["versionId"] for each in held(ana)}
    july = quantity("BodyMass", "69", "kg", "2024-07-15 08:00:00 +0200")

    files.give(browser, export(WEIGHT, *PULSES, july, made="2024-07-20 10:00:00 +0200"), "july.xml")

    after = {each["id"]: each["meta"]["versionId"] for each in held(ana)}
    assert {name: after[name] for name in before} == before
    assert len(after) == len(before) + 1


def test_older_export_given_later_takes_nothing_away(ana):
    browser = people.browser_of(ana)
    files.give(browser, export(*PULSES), "whole-day.xml")
    before = sorted(each["meta"]["versionId"] + each["id"] for each in held(ana))

    upload = files.give(browser, export(WEIGHT, *PULSES[:5], made="2024-06-15 09:00:00 +0200"), "morning.xml")

    after = sorted(each["meta"]["versionId"] + each["id"] for each in held(ana))
    (weight,) = [each["id"] for each in held(ana) if "valueQuantity" in each]
    assert set(before) < set(after)
    assert len(after) == len(before) + 1
    assert files.told(files.only_document(upload))["information", "newer_stands", ""] == 4
    assert [each["target"] for each in held(ana, "Provenance") if f"Observation/{weight}" in str(each["target"])] == [
        [{"reference": f"Observation/{weight}"}]
    ]


def test_export_of_somebody_born_on_another_day_is_asked_about_and_nothing_stored(ana):
    browser = people.browser_of(ana)

    upload = files.give(browser, export(WEIGHT, born="1990-02-02"), "export.xml")

    document = files.only_document(upload)
    assert (upload.state, document.state) == (UploadState.ASKING, DocumentState.HELD)
    assert held(ana) == []
    assert "1990" in browser.get(f"/files/{upload.uid}/").content.decode()

    assert uploads.holds(upload) == {}

    browser.post(f"/files/{upload.uid}/{document.number}/answer/", {"mine": "yes"})
    importing.perform(upload.pk)

    assert len(held(ana)) == 1


def test_whose_phone_it_is_is_asked_once():
    ana = people.sign_up(name="Ana Example")
    browser = people.browser_of(ana)
    first = files.give(browser, export(WEIGHT), "june.xml")
    assert first.state == UploadState.ASKING  # of her birth date nothing was known
    browser.post(f"/files/{first.uid}/0/answer/", {"mine": "yes"})
    importing.perform(first.pk)

    second = files.give(browser, export(WEIGHT, *PULSES, made="2024-07-20 10:00:00 +0200"), "july.xml")

    assert second.state == UploadState.DONE
    assert len(held(ana)) == 3


@pytest.mark.parametrize(("mine", "kept"), [("yes", 2), ("no", 0)])
def test_what_lies_beside_an_export_waits_for_her_word_on_whose_phone_it_is(ana, mine, kept):
    browser = people.browser_of(ana)
    files.give(browser, export(WEIGHT), "hers.xml")
    members = {"export.xml": export(WEIGHT, PULSES[0], born="1990-02-02"), "ecg.csv": ECG}

    upload = files.give(browser, files.zipped(members), "export.zip")

    before = len(held(ana)) + len(held(ana, "DocumentReference"))
    assert (upload.state, before) == (UploadState.ASKING, 1)
    browser.post(f"/files/{upload.uid}/0/answer/", {"mine": mine})
    importing.perform(upload.pk)
    upload.refresh_from_db()
    assert upload.state == UploadState.DONE
    assert len(held(ana, "DocumentReference")) == bool(kept)
    assert len(held(ana)) == 1 + kept
    browser.post(f"/files/{upload.uid}/take-back/")
    assert len(held(ana)) == (0 if kept else 1)


def test_damaged_export_leaves_nothing_in_the_record(ana):
    upload = files.give(people.browser_of(ana), export(WEIGHT, *PULSES)[:-40], "export.xml")

    assert files.only_document(upload).state == DocumentState.REFUSED
    assert held(ana) == []


def test_more_than_memory_should_hold_is_sorted_in_sealed_runs(ana, monkeypatch):
    browser = people.browser_of(ana)
    files.give(browser, export(WEIGHT, *PULSES), "small.xml")
    in_memory = sorted((each["id"], fhir_json.dumps(each)) for each in held(ana))
    browser.post(f"/files/{Upload.objects.get().uid}/take-back/")
    assert held(ana) == []
    monkeypatch.setattr(sorting, "ROWS_HELD", 7)

    files.give(browser, export(*reversed([WEIGHT, *PULSES])), "reversed.xml")

    assert len(in_memory) == 3
    assert [name for name, _ in in_memory] == sorted(each["id"] for each in held(ana))
    assert storages[staging.STORAGE].listdir("")[0] == []


def test_killed_between_pages_the_next_worker_ends_in_the_same_record(ana, monkeypatch):
    monkeypatch.setattr("sync.sources.apple_health.source._PAGE", 3)
    days = [quantity("BodyMass", 70, "kg", f"2024-06-{day:02} 08:00:00 +0200") for day in range(1, 8)]
    whole, calls = store.put_page, []

    def dies_at_the_second(**options):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(**options)

    monkeypatch.setattr(store, "put_page", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        files.give(people.browser_of(ana), export(*days), "export.xml")
    assert 0 < len(held(ana)) < 7

    Upload.objects.update(heartbeat=timezone.now() - timedelta(hours=1))
    importing.perform(Upload.objects.get().pk)

    assert len(held(ana)) == 7
    assert {each["meta"]["versionId"] for each in held(ana)} == {"1"}


def test_taking_back_one_export_takes_back_all_since_they_cannot_be_told_apart(ana):
    browser = people.browser_of(ana)
    files.give(browser, export(WEIGHT), "june.xml")
    upload = files.give(browser, export(WEIGHT, *PULSES, made="2024-07-20 10:00:00 +0200"), "july.xml")
    other = files.give(browser, files.bundle(files.patient(), files.observation()))

    page = browser.get(f"/files/{upload.uid}/take-back/").content.decode()
    browser.post(f"/files/{upload.uid}/take-back/")

    assert "The same records also came from june.xml." in page
    assert [each["code"]["coding"][0]["code"] for each in held(ana)] == ["718-7"]
    assert [each.state for each in files.of(ana)] == [UploadState.DONE, UploadState.REMOVED, UploadState.REMOVED]
    assert files.of(ana)[0] == other

    files.give(browser, export(WEIGHT), "june.xml")

    assert len(held(ana)) == 2


def test_only_an_export_or_a_zip_may_be_larger_than_a_document(ana, settings):
    settings.UPLOAD_BYTES_MAX = 3_000
    browser = people.browser_of(ana)

    refused = browser.post("/files/", {"files": files.SimpleUploadedFile("a.txt", b"x" * 4_000)}, follow=True)
    upload = files.give(browser, export(*PULSES), "export.xml")
    zipped = files.give(browser, files.zipped({"export.xml": export(*PULSES, WEIGHT), "a.txt": b"x y " * 1_000}))

    assert "Too large, not taken: a.txt" in refused.content.decode()
    assert upload.size > 4_000
    states = {uploads.document_name(each): each.state for each in zipped.documents.all()}
    assert states == {"export.xml": DocumentState.KEPT, "a.txt": DocumentState.REFUSED}


def test_export_in_a_zip_larger_than_allowed_is_refused(ana, settings):
    settings.HEALTH_EXPORT_BYTES_MAX = 5_000

    upload = files.give(people.browser_of(ana), files.zipped({"export.xml": export(*PULSES)}))

    assert files.told(files.only_document(upload)) == {("error", "too_large", ""): 1}
