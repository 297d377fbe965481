"""The pages of her files: given in a browser, told in words, nobody else's."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from playwright.sync_api import expect

from audit import events
from portal import sources
from sync import importing, staging, uploads
from sync.models import Upload
from tests import browser
from tests.fakes.link import Sharer
from tests.portal import people
from tests.portal.test_pages import sign_in
from tests.sync import files

pytestmark = pytest.mark.django_db


def words(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.fixture(autouse=True)
def own_storage(settings, tmp_path):
    location = {**settings.STORAGES["uploads"], "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "uploads": location}


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_she_gives_a_file_and_reads_what_became_of_it(live_server, open_page, tmp_path):
    person = people.sign_up(name="Ana Example")
    page = open_page(**browser.PHONE)
    sign_in(page, live_server.url, person)
    page.goto(f"{live_server.url}/hospitals/")
    page.get_by_role("link", name="Add a file").click()
    given = files.bundle(files.patient(), files.observation(), {"resourceType": "Parameters", "id": "x"})
    page.get_by_label("Files about you").set_input_files(
        [{"name": "my record.json", "mimeType": "text/plain", "buffer": given}]
    )

    page.get_by_role("button", name="Add to my record").click()
    expect(page.get_by_text("We are reading it.")).to_be_visible()
    importing.perform(Upload.objects.get().pk)

    expect(page.get_by_text("1 × Measurements and findings")).to_be_visible()  # the page looks again by itself
    expect(page.get_by_text("Entries that are not part of a person's health record.")).to_be_visible()
    assert browser.overflow(page) == 0


def test_account_tells_what_is_kept_as_text_and_left_out_with_reasons():
    person = people.sign_up(name="Ana Example")
    page = people.browser_of(person)
    archive = files.zipped({"letter.pdf": files.PDF, "old.json": b'{"resourceType": "MedicationOrder"}'})

    upload = files.give(page, archive, "from the clinic.zip")

    told = words(page.get(f"/files/{upload.uid}/"))
    assert "from the clinic.zip in your record" in told
    assert "Kept as it is It is kept whole, as you gave it to us." in told
    assert "Not taken over DSTU2 : It is written in an older FHIR and would be misread here." in told


def test_account_is_an_operation_outcome():
    page = people.browser_of(people.sign_up(name="Ana Example"))
    upload = files.give(page, files.bundle(files.patient()))

    answer = page.get(f"/files/{upload.uid}/0/account.json")

    assert answer.headers["Content-Type"] == "application/fhir+json"
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.json()["issue"][0]["severity"] == "information"


def test_account_is_told_in_spanish():
    person = people.sign_up(name="Ana Example", language="es")
    page = people.browser_of(person)
    upload = files.give(page, files.PDF, "carta.pdf")

    page.cookies["language"] = "es"

    assert "Se conserva entero, tal como nos lo dio." in words(page.get(f"/files/{upload.uid}/"))


def test_file_that_is_too_large_is_not_taken_and_the_others_are(settings):
    settings.UPLOAD_BYTES_MAX = 10_000
    page = people.browser_of(people.sign_up(name="Ana Example"))
    given = [SimpleUploadedFile("large.pdf", b"%PDF-" + b"x" * 200_000), SimpleUploadedFile("small.pdf", files.PDF)]

    answer = page.post("/files/", {"files": given}, follow=True)

    assert "Too large, not taken: large.pdf" in words(answer)
    assert [uploads.name(each) for each in Upload.objects.all()] == ["small.pdf"]
    assert staging.left_behind(at=Upload.objects.get().received + staging.FORGOTTEN * 2) == [Upload.objects.get().uid]


def test_more_files_than_are_taken_at_once_are_refused(settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    page = people.browser_of(people.sign_up(name="Ana Example"))
    given = [SimpleUploadedFile(f"{number}.pdf", files.PDF + b"%d" % number) for number in range(3)]

    assert page.post("/files/", {"files": given}).status_code == 400
    assert Upload.objects.count() == 0


def test_form_without_its_token_keeps_nothing():
    browser_ = Client(enforce_csrf_checks=True)
    browser_.force_login(people.sign_up(name="Ana Example"))

    answer = browser_.post("/files/", {"files": SimpleUploadedFile("letter.pdf", files.PDF)})

    assert answer.status_code == 403
    assert Upload.objects.count() == 0
    assert staging._storage().listdir("") == ([], [])


def test_form_without_a_file_says_so():
    page = people.browser_of(people.sign_up(name="Ana Example"))

    assert "Choose a file first." in words(page.post("/files/", {}, follow=True))


def test_name_of_a_file_is_text_and_nothing_else():
    page = people.browser_of(people.sign_up(name="Ana Example"))
    upload = files.give(page, files.PDF, "..\\..\\<script>alert(1)</script>\u202e.pdf")

    shown = page.get(f"/files/{upload.uid}/").content.decode()

    assert "<script>alert" not in shown
    assert uploads.name(upload) == "script>.pdf"


def test_another_persons_file_is_not_found():
    upload = files.give(people.browser_of(people.sign_up(name="Ana Example")), files.bundle(files.patient()))
    stranger = people.browser_of(people.sign_up(name="Ana Example"))

    for part in ("", "take-back/", "0/account.json"):
        assert stranger.get(f"/files/{upload.uid}/{part}").status_code == 404
    for part in ("take-back/", "0/answer/"):
        assert stranger.post(f"/files/{upload.uid}/{part}", {"mine": "yes"}).status_code == 404
    assert "record.json" not in words(stranger.get("/files/"))


def test_giving_and_taking_back_are_in_her_access_log():
    person = people.sign_up(name="Ana Example")
    page = people.browser_of(person)
    upload = files.give(page, files.bundle(files.patient(), files.observation()))

    page.post(f"/files/{upload.uid}/take-back/")

    told = [(event.interaction, event.agent_kind) for event in events.of(person.pk)]
    assert told == [("remove-upload", "owner"), ("import", "source"), ("upload", "owner")]
    assert "took back a file" in words(page.get("/access/"))


def test_record_says_that_it_came_from_a_file():
    person = people.sign_up(name="Ana Example")
    page = people.browser_of(person)
    made = {"resourceType": "Organization", "id": "org", "name": "Hill Clinic"}
    her = {**files.patient(), "managingOrganization": {"reference": "Organization/org"}}

    made_by_them = files.give(page, files.bundle(her, made, files.observation()))
    made_by_nobody = files.give(page, files.bundle(files.patient(), files.observation("o9")))

    called = sources.names([made_by_them.source_id, made_by_nobody.source_id])
    assert list(called.values()) == ["Hill Clinic, from a file", "A file you gave us"]


def test_link_is_followed_and_its_files_become_hers(settings):
    settings.SANDBOX = True
    sharer = Sharer(("application/fhir+json", files.bundle(files.patient(), files.observation())), passcode="sesame")
    page = people.browser_of(people.sign_up(name="Ana Example"))

    given = page.post("/files/link/", {"link": sharer.link("P"), "passcode": "sesame"})
    upload = Upload.objects.get()
    importing.perform(upload.pk)
    sharer.close()

    told = words(page.get(given.url))
    assert "Health link in your record" in told
    assert "1 × Measurements and findings" in told
    again = page.post("/files/link/", {"link": sharer.link("P"), "passcode": "sesame"}, follow=True)
    assert "You gave us this link before." in words(again)


def test_link_with_a_wrong_passcode_says_so_and_nonsense_is_not_taken(settings):
    settings.SANDBOX = True
    sharer = Sharer(("application/fhir+json", b"{}"), passcode="sesame")
    page = people.browser_of(people.sign_up(name="Ana Example"))

    given = page.post("/files/link/", {"link": sharer.link("P"), "passcode": "guess"})
    importing.perform(Upload.objects.get().pk)
    sharer.close()

    assert "passcode: it was missing or wrong" in words(page.get(given.url))
    assert "This is no health link." in words(page.post("/files/link/", {"link": "https://x.example/"}, follow=True))
    assert Upload.objects.count() == 1
