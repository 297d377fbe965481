"""Everything, for herself: made by a worker, sealed until she fetches it, hers alone."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from audit.models import Event
from custody import downloads, erasures
from custody.models import Download, DownloadPiece, DownloadState
from records import keys
from tests.custody import lives
from tests.custody.test_erasures import confirmed, signed_in
from tests.portal import people

pytestmark = pytest.mark.django_db(transaction=True)
PAGE, FILE = "/account/download/", "/account/download/record.zip"


def person_with_a_past() -> Person:
    person = people.sign_up(name="Zenobia Quillfeather")
    letter = {
        "resourceType": "DocumentReference",
        "id": "letter",
        "status": "current",
        "subject": {"reference": f"Patient/{person.patient_id}"},
        "content": [{"attachment": {"contentType": "text/plain", "data": lives.LARGE}}],
    }
    people.store_records(person, [people.observation(person, f"o{number}") for number in range(5)])
    people.store_records(person, [people.observation(person, "o1", status="amended"), letter])
    return person


def made(person: Person) -> Download:
    download = downloads.ask(person, at=timezone.now())
    assert downloads.perform(download.pk, at=timezone.now())
    download.refresh_from_db()
    return download


def fetched(browser: Client) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(browser.get(FILE).streaming_content)))


def lines(archive: zipfile.ZipFile, path: str) -> list[dict]:
    return [json.loads(line) for line in archive.read(path).splitlines()]


def test_she_gets_every_record_every_version_and_every_attachment():
    person = person_with_a_past()
    browser = signed_in(person)
    assert confirmed(browser, PAGE).status_code == 200
    made(person)

    archive = fetched(browser)

    assert archive.testzip() is None
    assert sorted(each["id"] for each in lines(archive, "current/Observation.ndjson")) == [f"o{n}" for n in range(5)]
    versions = [(each["id"], each["meta"]["versionId"]) for each in lines(archive, "history/Observation.ndjson")]
    assert sorted(versions) == sorted([("o1", "2"), *((f"o{number}", "1") for number in range(5))])
    (attachment,) = (name for name in archive.namelist() if name.startswith("attachments/"))
    assert archive.read(attachment) == base64.b64decode(lives.LARGE)
    assert attachment.endswith(".txt")
    bundle = json.loads(archive.read("record.json"))
    current = sum(len(lines(archive, name)) for name in archive.namelist() if name.startswith("current/"))
    assert (bundle["type"], len(bundle["entry"])) == ("collection", current)
    assert {each["fullUrl"].rpartition("/")[2] for each in bundle["entry"]} == {
        each["resource"]["id"] for each in bundle["entry"]
    }


def test_nothing_of_it_lies_in_clear_and_all_of_it_goes_with_her_key():
    person = person_with_a_past()
    download = made(person)
    storage = storages[downloads.STORAGE]
    stored = []
    for piece in downloads.pieces(download):
        with storage.open(piece.name) as file:
            stored.append(file.read())
    assert len(stored) > 3
    assert [one for one in stored if b"Hemoglobin" in one or b"scan of a letter" in one] == []

    keys.destroy(person.pk, at=timezone.now())

    with pytest.raises(keys.KeyUnavailable):
        downloads.opened(download, DownloadPiece.objects.filter(download=download)[0])


def test_killed_in_the_middle_the_next_worker_writes_the_rest_and_nothing_twice(monkeypatch, settings):
    person = person_with_a_past()
    monkeypatch.setattr(downloads, "RECORDS_AT_ONCE", 2)
    download = downloads.ask(person, at=timezone.now())
    write, written = downloads._write, []

    def dies(*args):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(write(*args))

    with monkeypatch.context() as patched:
        patched.setattr(downloads, "_write", dies)
        with pytest.raises(KeyboardInterrupt):
            downloads.perform(download.pk, at=timezone.now())
    assert not downloads.perform(download.pk, at=timezone.now())  # the dead worker's lease still runs

    assert downloads.perform(download.pk, at=timezone.now() + settings.SYNC_LEASE + timedelta(seconds=1))

    browser = signed_in(person)
    confirmed(browser, PAGE)
    archive = fetched(browser)
    assert sorted(each["id"] for each in lines(archive, "current/Observation.ndjson")) == [f"o{n}" for n in range(5)]
    assert len(lines(archive, "history/Observation.ndjson")) == 6


def test_what_never_gets_on_ends_as_failed_and_the_page_says_so():
    person = people.sign_up()
    download = downloads.ask(person, at=timezone.now())
    Download.objects.update(attempts=downloads.ATTEMPTS_MAX)

    assert downloads.perform(download.pk, at=timezone.now())

    download.refresh_from_db()
    assert download.state == DownloadState.FAILED
    browser = signed_in(person)
    assert b"could not be made" in confirmed(browser, PAGE).content
    assert browser.get(FILE).status_code == 404


def test_page_and_file_want_her_password_again(settings):
    person = person_with_a_past()
    made(person)
    browser = signed_in(person)
    assert Client().get(FILE).status_code == 302
    settings.STEP_UP_AFTER = timedelta(0)

    for address in (PAGE, FILE):
        answer = browser.get(address)
        assert answer.status_code == 302
        assert "reauthenticate" in answer["Location"]


def test_another_person_gets_her_own_or_nothing():
    made(person_with_a_past())
    stranger = signed_in(people.sign_up())
    confirmed(stranger, PAGE)

    assert stranger.get(FILE).status_code == 404


def test_asking_and_fetching_stand_in_the_access_log():
    person = person_with_a_past()
    made(person)
    browser = signed_in(person)
    confirmed(browser, PAGE)
    fetched(browser)

    told = Event.objects.filter(owner_id=person.pk).values_list("interaction", "detail")
    assert ("ask-copy", {}) in told
    (detail,) = (detail for interaction, detail in told if interaction == "copy")
    assert detail["types"]["Observation"] == 5


def test_it_ends_after_its_days_and_with_her():
    person = person_with_a_past()
    download = made(person)
    assert downloads.sweep(at=timezone.now() + timedelta(days=2)) == 0
    assert downloads.sweep(at=timezone.now() + timedelta(days=4)) == 1
    assert not storages[downloads.STORAGE].exists(f"download-{download.uid}")

    again = made(person)
    erasures.perform(erasures.ask(person, at=timezone.now(), now=True).pk, at=timezone.now())

    assert not Download.objects.exists()
    assert not storages[downloads.STORAGE].exists(f"download-{again.uid}")


def test_asking_twice_makes_one_and_the_beat_rings_for_it():
    person = people.sign_up()

    assert downloads.ask(person, at=timezone.now()).pk == downloads.ask(person, at=timezone.now()).pk
    assert downloads.ring_again(at=timezone.now()) == 1


def test_she_asks_on_her_page_and_is_told_how_it_stands():
    person = person_with_a_past()
    browser = signed_in(person)
    assert b"Make a copy" in confirmed(browser, PAGE).content

    browser.post(PAGE)
    assert b"is being made" in browser.get(PAGE).content
    downloads.perform(Download.objects.get().pk, at=timezone.now())

    assert b"Your copy is ready until" in browser.get(PAGE).content
