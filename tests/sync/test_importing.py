"""Files into the record: known by content, read once, about her or asked about, accounted for, taken back whole."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from audit import events
from consent import gate
from records import store
from records.query import Query
from standards.fhir import json as fhir_json
from sync import archives, importing, staging, uploads
from sync.models import DocumentState, Upload, UploadedDocument, UploadState
from sync.sources.upload import source
from tests.fakes.issuer import Issuer, file_of
from tests.portal import people
from tests.sync import files
from tests.sync.sources.ccda import documents as ccda

pytestmark = pytest.mark.django_db
committing = pytest.mark.django_db(transaction=True)  # where files are removed once that is certain


def records(person):
    """Her current records by type, as she reads them, without what we compose and note ourselves."""
    found = {}
    for resource_type, logical_id, body in store.bodies(owner_id=person.pk):
        if resource_type != "Provenance" and logical_id != person.patient_id:
            found.setdefault(resource_type, []).append(fhir_json.loads(body))
    return found


def staged_folders():
    try:
        return storages[staging.STORAGE].listdir("")[0]
    except FileNotFoundError:
        return []


@pytest.fixture(autouse=True)
def own_storage(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "uploads": {**settings.STORAGES["uploads"], "OPTIONS": {"location": tmp_path}},
    }


@committing
def test_bundle_becomes_hers_with_references_provenance_and_account():
    person = people.sign_up(name="Ana Example")
    lab = {"resourceType": "Organization", "id": "lab", "name": "Hill Laboratory"}
    seen = files.observation(performer=[{"reference": "Organization/lab"}])

    upload = files.give(people.browser_of(person), files.bundle(files.patient(), seen, lab, None))

    held = records(person)
    kept = held["Observation"][0]
    assert upload.state == UploadState.DONE
    assert kept["subject"] == {"reference": f"Patient/{person.patient_id}"}
    assert kept["performer"] == [{"reference": f"Organization/{held['Organization'][0]['id']}"}]
    assert files.told(files.only_document(upload)) == {
        ("error", "no_resource", ""): 1,
        ("information", "kept", "Patient"): 1,
        ("information", "kept", "Observation"): 1,
        ("information", "kept", "Organization"): 1,
    }
    provenance = next(body for kind, _, body in store.bodies(owner_id=person.pk) if kind == "Provenance")
    assert f"Observation/{kept['id']}" in provenance.decode()
    assert [event.interaction for event in events.of(person.pk)] == ["import", "upload"]
    assert staged_folders() == []


def test_upload_is_read_through_the_gate_under_a_source_of_its_own():
    person = people.sign_up(name="Ana Example")

    upload = files.give(people.browser_of(person), files.bundle(files.patient(), files.observation()))

    own = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="search", at=timezone.now())
    (found,) = own.search(Query.of("Observation")).entries
    assert (found.source_id, upload.source.kind) == (upload.source_id, "upload")


@committing
def test_same_content_is_known_again_and_adds_nothing():
    person = people.sign_up(name="Ana Example")
    browser = people.browser_of(person)
    data = files.bundle(files.patient(), files.observation())
    files.give(browser, data, "first.json")
    before = sorted(store.bodies(owner_id=person.pk))

    again = browser.post("/files/", {"files": files.SimpleUploadedFile("second.json", data)}, follow=True)

    assert "You gave us this before, so nothing was added: first.json" in again.content.decode()
    assert len(files.of(person)) == 1
    assert sorted(store.bodies(owner_id=person.pk)) == before
    assert staged_folders() == []


def test_same_content_of_two_people_stays_apart():
    data = files.bundle(files.patient(), files.observation())
    ana, other = people.sign_up(name="Ana Example"), people.sign_up(name="Ana Example")

    first, second = (files.give(people.browser_of(each), data) for each in (ana, other))

    assert bytes(first.digest) != bytes(second.digest)
    assert first.source_id != second.source_id
    assert records(ana)["Observation"][0]["id"] != records(other)["Observation"][0]["id"]


@committing
def test_killed_between_pages_the_next_worker_ends_in_the_same_record(monkeypatch):
    person = people.sign_up(name="Ana Example")
    seen = [files.observation(f"o{number}") for number in range(7)]
    monkeypatch.setattr(importing, "PAGE", 3)
    whole = store.put_page
    calls = []

    def dies_at_the_second(**options):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(**options)

    monkeypatch.setattr(store, "put_page", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        files.give(people.browser_of(person), files.bundle(files.patient(), *seen))
    upload = Upload.objects.get()
    assert 0 < len(records(person).get("Observation", [])) < 7
    assert importing.perform(upload.pk) is False  # its lease still stands

    Upload.objects.update(heartbeat=timezone.now() - timedelta(hours=1))
    assert uploads.ring_again(at=timezone.now() + uploads.PATIENCE * 2) == 1
    assert importing.perform(upload.pk) is True

    assert len(records(person)["Observation"]) == 7
    assert {version["meta"]["versionId"] for version in records(person)["Observation"]} == {"1"}
    assert files.only_document(upload).mapped == 8


def test_document_that_ends_every_worker_is_left_aside_and_the_others_are_read(monkeypatch):
    person = people.sign_up(name="Ana Example")
    archive = files.zipped({"a.json": files.bundle(files.patient()), "b.json": files.bundle(files.patient("p9"))})
    reads = source.read
    monkeypatch.setattr(source, "read", lambda document: 1 / 0 if document.name == "a.json" else reads(document))
    with pytest.raises(ZeroDivisionError):
        files.give(people.browser_of(person), archive)
    upload = Upload.objects.get()

    for _ in range(importing.ATTEMPTS_MAX - 1):
        Upload.objects.update(heartbeat=timezone.now() - timedelta(hours=1))
        with pytest.raises(ZeroDivisionError):
            importing.perform(upload.pk)
    Upload.objects.update(heartbeat=timezone.now() - timedelta(hours=1))
    importing.perform(upload.pk)

    states = [document.state for document in upload.documents.all()]
    assert states == [DocumentState.REFUSED, DocumentState.KEPT]
    assert ("error", "lost", "") in files.told(upload.documents.first())


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"given": "Berta", "family": "Other"}, "name_differs"),
        ({"born": "1981-01-01"}, "birth_date_differs"),
    ],
)
def test_what_seems_to_be_somebody_elses_is_held_and_asked_about(said, why):
    person = people.sign_up(name="Ana Example")
    people.store_records(person, [files.patient("at-the-hospital")])
    browser = people.browser_of(person)

    upload = files.give(browser, files.bundle(files.patient("x", **said), files.observation(of="Patient/x")))

    document = files.only_document(upload)
    assert (upload.state, document.state) == (UploadState.ASKING, DocumentState.HELD)
    assert uploads.subject(document)["verdict"] == why
    assert "Observation" not in records(person)

    browser.post(f"/files/{upload.uid}/{document.number}/answer/", {"mine": "yes"})
    importing.perform(upload.pk)

    upload.refresh_from_db()
    assert (upload.state, upload.staged) == (UploadState.DONE, False)
    assert len(records(person)["Observation"]) == 1


@committing
def test_what_she_says_is_not_hers_leaves_nothing_behind():
    person = people.sign_up(name="Ana Example")
    browser = people.browser_of(person)
    upload = files.give(browser, files.bundle(files.patient(given="Berta", family="Other"), files.observation()))
    assert staged_folders() != []

    browser.post(f"/files/{upload.uid}/0/answer/", {"mine": "no"})

    upload.refresh_from_db()
    assert upload.state == UploadState.DONE
    assert files.only_document(upload).state == DocumentState.DISCARDED
    assert uploads.subject(files.only_document(upload)) is None
    assert (records(person), staged_folders()) == ({}, [])


def test_of_several_people_only_hers_is_taken():
    person = people.sign_up(name="Ana Example")
    others = files.patient("p2", given="Berta", family="Other")
    data = files.bundle(files.patient(), others, files.observation(), files.observation("o2", of="Patient/p2"))

    upload = files.give(people.browser_of(person), data)

    held = records(person)
    assert [len(held["Patient"]), len(held["Observation"])] == [1, 1]
    assert files.told(files.only_document(upload)) == {
        ("error", "another_person", "Patient"): 1,
        ("error", "another_person", "Observation"): 1,
        ("information", "kept", "Patient"): 1,
        ("information", "kept", "Observation"): 1,
    }


def test_several_people_none_of_whom_is_her_are_refused():
    person = people.sign_up(name="Ana Example")
    data = files.bundle(*(files.patient(f"p{n}", given=name, family="Other") for n, name in enumerate(("Bo", "Cy"))))

    upload = files.give(people.browser_of(person), data)

    assert files.told(files.only_document(upload)) == {("error", "several_people", ""): 1}
    assert records(person) == {}


def test_lines_in_a_zip_are_about_the_patient_that_another_file_of_it_names():
    person = people.sign_up(name="Ana Example")
    archive = files.zipped(
        {
            "Observation.ndjson": files.lines(files.observation(), files.observation("o2")),
            "Patient.ndjson": files.lines(files.patient()),
            "__MACOSX/._Patient.ndjson": b"\x00\x05\x16\x07",
        }
    )

    upload = files.give(people.browser_of(person), archive, "export.zip")

    assert [document.state for document in upload.documents.all()] == [DocumentState.KEPT] * 2
    assert len(records(person)["Observation"]) == 2
    assert ("information", "unnamed", "") not in files.told(upload.documents.last())


def test_zip_guards_refuse_what_would_do_harm_and_take_the_rest():
    person = people.sign_up(name="Ana Example")
    archive = files.zipped(
        {
            "../../etc/passwd": b"root",
            "/absolute.txt": b"x",
            "C:\\windows.txt": b"x",
            "bomb.txt": b"0" * 50_000_000,
            "inner.zip": files.zipped({"a.txt": b"a"}),
            "program.exe": b"MZ\x90\x00\x03\x00\x00\x00\xff\xff",
            "empty.json": b"",
            "letter.pdf": files.PDF,
        }
    )

    upload = files.give(people.browser_of(person), archive, "all.zip")

    why = {uploads.document_name(each): next(iter(files.told(each)))[1] for each in upload.documents.all()}
    assert why == {
        "../../etc/passwd": "unsafe_name",
        "/absolute.txt": "unsafe_name",
        "C:\\windows.txt": "unsafe_name",
        "bomb.txt": "bomb",
        "inner.zip": "nested",
        "program.exe": "unknown_format",
        "empty.json": "empty",
        "letter.pdf": "whole",
    }
    assert list(records(person)) == ["DocumentReference"]


def test_zip_that_states_less_than_it_holds_is_refused():
    person = people.sign_up(name="Ana Example")
    honest = files.zipped({"letter.txt": b"a" * 90_000})
    lying = honest.replace((90_000).to_bytes(4, "little"), (900).to_bytes(4, "little"))

    upload = files.give(people.browser_of(person), lying, "lying.zip")

    assert next(iter(files.told(files.only_document(upload))))[1] in ("bomb", "damaged")


def test_zip_of_too_many_is_refused_as_a_whole(monkeypatch):
    monkeypatch.setattr(archives, "MEMBERS_MAX", 3)
    person = people.sign_up(name="Ana Example")

    upload = files.give(people.browser_of(person), files.zipped({f"{n}.txt": b"x" for n in range(4)}), "many.zip")

    assert files.told(files.only_document(upload)) == {("error", "too_many", ""): 1}


@pytest.mark.parametrize(
    ("data", "media_type"), [(files.PDF, "application/pdf"), (files.PNG, "image/png"), (b"Take care.\n", "text/plain")]
)
def test_paper_is_kept_byte_for_byte_under_what_it_is(data, media_type):
    person = people.sign_up(name="Ana Example")

    files.give(people.browser_of(person), data, "named-like-a-record.json")

    held = records(person)
    (document,) = held["DocumentReference"]
    attachment = document["content"][0]["attachment"]
    holder = held["Binary"][0] if "url" in attachment else attachment
    assert base64.b64decode(holder["data"]) == data
    assert (attachment["contentType"], attachment["size"]) == (media_type, len(data))
    assert document["subject"] == {"reference": f"Patient/{person.patient_id}"}


def test_taking_back_hides_exactly_its_records_and_the_file_can_be_given_again():
    person = people.sign_up(name="Ana Example")
    browser = people.browser_of(person)
    people.store_records(person, [people.observation(person, "from-the-hospital")])
    data = files.bundle(files.patient(), files.observation())
    upload = files.give(browser, data)
    assert sum(uploads.holds(upload).values()) == 3  # its Provenance too

    page = browser.get(f"/files/{upload.uid}/take-back/").content.decode()
    browser.post(f"/files/{upload.uid}/take-back/")

    assert "the 3 records that came from it" in page
    assert [each["id"] for each in records(person)["Observation"]] == ["from-the-hospital"]
    upload.refresh_from_db()
    assert (upload.state, UploadedDocument.objects.count()) == (UploadState.REMOVED, 0)

    again = files.give(browser, data)
    assert (again.pk, again.state) == (upload.pk, UploadState.DONE)
    assert len(records(person)["Observation"]) == 2


def test_taken_back_while_it_is_read_stores_nothing_more(monkeypatch):
    person = people.sign_up(name="Ana Example")
    browser = people.browser_of(person)
    reads = source.read

    def interrupted(document):
        uploads.take_back(Upload.objects.get(), at=timezone.now())
        return reads(document)

    monkeypatch.setattr(source, "read", interrupted)

    upload = files.give(browser, files.bundle(files.patient(), files.observation()))

    assert (upload.state, records(person)) == (UploadState.REMOVED, {})


def test_nothing_of_a_file_lies_in_clear_and_what_broke_off_is_swept_out():
    person = people.sign_up(name="Ana Example")
    writer = staging.Writer(person.pk)
    writer.write(b"diagnosis " * 200_000)
    writer.close()
    storage = storages[staging.STORAGE]
    (folder,) = staged_folders()
    pieces = storage.listdir(folder)[1]

    assert len(pieces) == 2
    for name in pieces:
        with storage.open(f"{folder}/{name}") as piece:
            assert b"diagnosis" not in piece.read()
    assert staging.Reader(person.pk, writer.uid, writer.size).read() == b"diagnosis " * 200_000
    assert uploads.sweep(at=timezone.now()) == 0
    assert uploads.sweep(at=timezone.now() + staging.FORGOTTEN * 2) == 1
    assert staged_folders() == []


def test_doctors_document_becomes_records_that_are_private_as_it_says():
    person = people.sign_up(name="Ana Example")
    private = ccda.problem(more=PRIVATE)
    data = ccda.document(ccda.section("11450-4", "Problems", ccda.problem(), private))

    upload = files.give(people.browser_of(person), data, "summary.xml")

    held = records(person)
    assert (upload.source.name, len(held["Condition"])) == ("Hill Clinic", 2)
    own = gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction="search", at=timezone.now())
    withheld = {
        (kind.resource_type, kind.total)
        for kind in own.counts()
        if set(kind.labels) & {"SUD"} and kind.resource_type != "Binary"
    }
    assert withheld == {("Condition", 1), ("DocumentReference", 1), ("Composition", 1)}


def test_doctors_document_read_twice_changes_nothing():
    person = people.sign_up(name="Ana Example")
    browser = people.browser_of(person)
    data = ccda.document(ccda.section("11450-4", "Problems", ccda.problem()))
    upload = files.give(browser, data, "summary.xml")
    before = sorted(store.bodies(owner_id=person.pk))

    UploadedDocument.objects.update(state=DocumentState.WAITING)
    Upload.objects.update(state=UploadState.QUEUED, staged=True)
    writer = staging.Writer(person.pk)
    writer.write(data)
    writer.close()
    Upload.objects.update(uid=writer.uid)
    importing.perform(upload.pk)

    assert sorted(store.bodies(owner_id=person.pk)) == before


def test_somebody_elses_document_is_held():
    person = people.sign_up(name="Ana Example")

    upload = files.give(people.browser_of(person), ccda.document(given="Berta"), "summary.xml")

    assert files.only_document(upload).state == DocumentState.HELD
    assert records(person) == {}


PRIVATE = """<entryRelationship typeCode="COMP"><observation><code code="SECCATOBS"/>
  <value xsi:type="CE" code="ETHUD"/></observation></entryRelationship>"""


def test_laboratorys_message_becomes_records():
    person = people.sign_up(name="Ana Example")
    letter = b"MSH|^~\\&|LAB|Hill Clinic|||20240305||ORU^R01|1|P|2.5.1\rPID|1||998||Example^Ana||19700501|F\r"
    letter += b"OBR|1|||58410-2^CBC^LN\rOBX|1|NM|718-7^Hemoglobin^LN||13.5|g/dL|||||F\r"

    upload = files.give(people.browser_of(person), letter, "result.hl7")

    held = records(person)
    assert upload.source.name == "Hill Clinic"
    assert (len(held["Observation"]), len(held["DiagnosticReport"])) == (1, 1)
    assert "hospitals (HL7 v2)" in people.browser_of(person).get(f"/files/{upload.uid}/").content.decode()


def test_characters_that_no_text_has_end_no_worker():
    person = people.sign_up(name="Ana Example")
    odd = files.observation(code={"coding": [{"system": "urn:x\x00y", "code": "1\x00"}], "text": "\x00"})

    upload = files.give(people.browser_of(person), files.bundle(files.patient(), odd))

    assert upload.state == UploadState.DONE


def test_health_card_becomes_records_under_its_issuers_signature(settings):
    settings.SANDBOX = True
    person = people.sign_up(name="Ana Example")
    issuer = Issuer()
    her = {key: value for key, value in files.patient().items() if key != "id"}
    shot = {
        "resourceType": "Immunization",
        "status": "completed",
        "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "207"}]},
        "patient": {"reference": "resource:0"},
        "occurrenceDateTime": "2021-01-01",
    }

    upload = files.give(people.browser_of(person), file_of(issuer.card(her, shot)), "covid.smart-health-card")

    issuer.close()
    held = records(person)
    assert held["Immunization"][0]["patient"] == {"reference": f"Patient/{person.patient_id}"}
    assert ("information", "verified", issuer.address) in files.told(files.only_document(upload))


def test_file_that_waits_is_removed_with_everything_of_hers():
    person = people.sign_up(name="Ana Example")
    files.give(people.browser_of(person), files.bundle(files.patient(given="Berta", family="Other")))
    assert staged_folders() != []

    uploads.remove_files(person)

    assert staged_folders() == []
