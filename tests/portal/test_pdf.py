"""A PDF is read page by page, as a picture with its words; a hostile one costs a moment and reaches nothing."""

from __future__ import annotations

import base64
import os
import re
import struct
import subprocess
import sys
import time
from html import unescape

import pytest
from playwright.sync_api import expect

from audit import events
from local import seeding
from portal.pdf import reading, sheets
from portal.pdf.sheets import Trouble, Undrawn
from tests import browser
from tests.architecture import possessions
from tests.portal import pdfs, people
from tests.portal.test_documents import holding, note, shown
from tests.portal.test_pages import sign_in

pytestmark = pdfs.drawing
PROGRAM = pdfs.PROGRAM
PDF = "application/pdf"
EMBEDDED = "ccda/hl7-ccda-examples/Unstructured/CDA_with_Embedded_PDF"


def drawn(data: bytes, number: int = 1) -> tuple[int, int, str]:
    """Its width and height, and its words."""
    sheet = sheets.draw(data, number)
    return (*struct.unpack(">II", sheet.picture[16:24]), sheet.words)


def trouble(data: bytes, number: int = 1) -> Trouble:
    with pytest.raises(Undrawn) as caught:
        sheets.draw(data, number)
    return caught.value.trouble


def test_a_page_is_a_picture_of_150_dots_an_inch_with_its_words():
    sheet = sheets.draw(pdfs.of_pages(3), 2)

    assert (sheet.number, sheet.count, sheet.words, sheet.cut) == (2, 3, "Letter, sheet 2", False)
    assert drawn(pdfs.of_pages(3), 2)[:2] == (1240, 1755)
    assert b"IEND" in sheet.picture[-12:]


def test_what_was_written_into_a_form_is_seen_and_read():
    assert drawn(pdfs.of_form(b"Do not resuscitate"))[2] == "Do not resuscitate"


@pytest.mark.parametrize(
    "box", [b"0 0 14400 14400", b"0 0 99999999999 99999999999", b"0 0 -5 0", b"0 0 1 14400", b"0 0 14400 1"]
)
def test_a_page_of_any_size_is_a_picture_of_bounded_size(box):
    width, height, _ = drawn(pdfs.of_pages(1, box=box))

    assert width * height < 2_300_000
    assert max(width, height) <= 10_001


def test_a_photograph_is_drawn_with_fewer_dots_so_that_it_stays_small():
    assert len(sheets.draw(pdfs.of_scan(300), 1).picture) < 1_600_000


def test_ten_thousand_pages_are_shown_one_by_one():
    many = pdfs.of_pages(10_000)

    assert drawn(many, 10_000)[2] == "Letter, sheet 10000"
    assert trouble(many, 10_001) is Trouble.ABSENT


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (pdfs.locked(), Trouble.LOCKED),
        (pdfs.of_pages(3)[:500], Trouble.BROKEN),
        (b"%PDF-1.7", Trouble.BROKEN),
        (b"", Trouble.BROKEN),
        (b"%PDF-1.7" + bytes(sheets.BYTES_MAX), Trouble.LARGE),
    ],
    ids=["locked", "cut off", "only a head", "nothing", "large"],
)
def test_what_cannot_be_drawn_is_said(data, why):
    assert trouble(data) is why


@pytest.mark.parametrize("data", [pdfs.in_circles(), pdfs.bomb()], ids=["in circles", "bomb"])
def test_a_document_that_never_ends_is_ended(data):
    began = time.monotonic()

    assert trouble(data) is Trouble.BROKEN
    assert time.monotonic() - began < sheets.WAITING_SECONDS + sheets.DRAWING_SECONDS


def test_a_script_is_not_run_and_its_document_is_read():
    assert drawn(pdfs.with_script())[2] == "Letter, sheet 1"


def test_a_document_brings_in_no_file_and_no_address():
    assert [drawn(pdfs.reaching_out(), number)[2] for number in (1, 2)] == ["", ""]


LOCKED_IN = """
import ctypes, os, runpy, sys
program = runpy.run_path({program!r}, run_name="program")
readable = os.open({program!r}, os.O_RDONLY)
calls = {{
    "open": lambda: os.open({program!r}, os.O_RDONLY),
    "socket": lambda: __import__("_socket").socket(),
    "fork": os.fork,
    "execute": lambda: os.execv(sys.executable, [sys.executable]),
    "unlink": lambda: os.unlink({gone!r}),
    "kill": lambda: os.kill(os.getppid(), 0),
    "memory": lambda: bytes(program["MEMORY"]),
}}
import _socket
assert all(calls[each]() for each in ("open", "socket"))
assert program["lock_in"]()
for name, call in calls.items():
    try:
        call()
    except (OSError, MemoryError) as error:
        os.write(1, f"{{name}}: {{type(error).__name__}}\\n".encode())
os._exit(0)
"""


def test_whoever_takes_over_the_program_has_taken_over_nothing(tmp_path):
    gone = tmp_path / "gone"
    gone.write_text("still here")

    told = subprocess.run(
        [sys.executable, "-I", "-c", LOCKED_IN.format(program=str(PROGRAM), gone=str(gone))],
        capture_output=True, text=True, check=True, env={},
    )  # fmt: skip

    assert told.stdout.splitlines() == [
        "open: PermissionError", "socket: PermissionError", "fork: PermissionError", "execute: PermissionError",
        "unlink: PermissionError", "kill: PermissionError", "memory: MemoryError",
    ]  # fmt: skip
    assert gone.read_text() == "still here"


def test_a_program_that_is_not_locked_in_draws_nothing(monkeypatch):
    monkeypatch.delattr(os, "memfd_create")

    assert trouble(pdfs.of_pages(1)) is Trouble.OPEN


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]\n", b"{}\n", b'{"count": "1", "words": 1}\n', b'{"count": 1, "words": ""}\n<script>', b"\xff\n"],
)
def test_the_answer_of_the_program_is_not_trusted(answer, monkeypatch):
    monkeypatch.setattr(sheets, "_answer", lambda data, number: answer)

    assert trouble(b"%PDF-1.7") is Trouble.BROKEN


def test_who_waits_longer_than_is_reasonable_is_told_to_come_again(monkeypatch):
    monkeypatch.setattr(sheets, "WAITING_SECONDS", 0.01)
    held = [sheets._TURNS.acquire(blocking=False) for _ in range(2)]
    try:
        assert held == [True, True]
        assert "try again in a minute" in (reading.page(pdfs.of_pages(1), 1, version="") or "")
    finally:
        for _ in held:
            sheets._TURNS.release()


@pytest.mark.django_db
def test_the_frame_of_a_record_shows_the_first_page_and_leads_to_the_others():
    _, client = holding(people.attachment(pdfs.of_pages(40), PDF, title="Discharge letter"))

    record, first = client.get("/record/DocumentReference/note/").content.decode(), shown(client).content.decode()
    twentieth = shown(client, query="?page=20").content.decode()

    assert '<iframe class="page-of-document" sandbox="allow-same-origin" src=' in record
    assert "Show its pages by themselves" in record
    assert "Page 1 of 40" in first
    assert "<pre>Letter, sheet 1</pre>" in first
    picture = re.search(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)">', first)
    assert base64.b64decode(picture[1]).startswith(b"\x89PNG")
    assert picture[2] == "Page 1 of 40 as a picture. Its words stand below it."
    assert re.findall(r'href="\?page=(\d+)"', twentieth) == ["1", "10", "19", "21", "30", "40"]
    assert "<pre>Letter, sheet 20</pre>" in twentieth


@pytest.mark.django_db
def test_pages_of_an_earlier_version_lead_to_pages_of_that_version():
    person, client = holding(people.attachment(pdfs.of_pages(2), PDF))
    people.store_records(person, [note(person, people.attachment(pdfs.of_pages(1), PDF))])

    then = shown(client, query="?version=1").content.decode()

    assert "?page=2&version=1" in unescape(then)
    assert shown(client, query="?version=1&page=2").status_code == 200
    assert [shown(client, query=f"?page={each}").status_code for each in ("2", "0", "-1", "x", "9" * 30)] == [404] * 5


@pytest.mark.django_db
def test_what_is_not_shown_is_said_in_the_frame_and_downloaded_to_the_last_byte():
    _, client = holding(people.attachment(pdfs.locked(), PDF), people.attachment(b"<script>x()</script>", PDF))

    told = [shown(client, number).content.decode() for number in (0, 1)]

    assert "locked with a password" in told[0]
    assert "cannot be shown here" in told[1]
    assert all("You can download it as we received it." in each and "<script" not in each for each in told)
    assert shown(client, query="?download").content == pdfs.locked()


@pytest.mark.django_db
def test_pages_of_a_pdf_are_ours_alone_without_script_form_or_address():
    words = b"BT /F 24 Tf 60 700 Td (<script>steal\\(\\)</script>) Tj ET"
    _, client = holding(people.attachment(pdfs.of_pages(1, drawn=words), PDF))

    answer = shown(client)

    policy = answer["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-same-origin; default-src 'none'; style-src 'sha256-")
    assert policy.endswith("base-uri 'none'; form-action 'none'; frame-ancestors 'self'; img-src data:")
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert answer["Cache-Control"] == "private, no-store"
    assert b"<script" not in answer.content
    assert b"&lt;script&gt;steal()" in answer.content


@pytest.mark.django_db
def test_a_page_is_read_by_whom_the_gate_admits_and_told_in_the_log():
    person, client = holding(people.attachment(pdfs.of_pages(2), PDF))
    helper = people.sign_up(name="Ben")
    uid = possessions.delegate(person, helper).uid

    assert shown(client, query="?page=2").status_code == 200
    assert shown(people.browser_of(people.sign_up()), query="?page=2").status_code == 404
    withheld = people.browser_of(helper).get(f"/for/{uid}/record/DocumentReference/note/document/0/?page=2")
    assert withheld.status_code == 404
    assert events.of(person.pk, 1)[0].detail["types"] == {"DocumentReference": 1}


@pytest.mark.skipif(not seeding.SHARED_DATA.exists(), reason="the public data sets do not lie beside the checkout")
@pytest.mark.parametrize(
    ("path", "count", "said"),
    [
        ("fhir-r4-spec/hl7-r4-examples/Bundle-101.json", 1, "CBC Report"),
        ("fhir-uscore/uscore-ig-examples/DocumentReference-living-will.json", 10, "Example of Living Will"),
        (f"{EMBEDDED}_1/Unstructured_Document_embed.xml", 3, "Levin, Henry L."),
        (f"{EMBEDDED}_2/CDA_with_Embedded_PDF.xml", 7, "Advance Digital"),
    ],
)  # fmt: skip
def test_real_documents_are_read(path, count, said):
    held = re.search(r"JVBERi[A-Za-z0-9+/=\s]+", (seeding.SHARED_DATA / path).read_text())[0]

    sheet = sheets.draw(base64.b64decode(held), 1)

    assert sheet.count == count
    assert said in sheet.words


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [browser.PHONE, browser.DESKTOP], ids=["phone", "desktop"])
def test_a_browser_shows_a_page_in_the_frame_and_goes_to_the_next(live_server, open_page, size):
    person, _ = holding(people.attachment(pdfs.of_pages(3), PDF, title="Discharge letter"))
    page = open_page(**size, java_script_enabled=False)
    sign_in(page, live_server.url, person)

    page.goto(f"{live_server.url}/record/DocumentReference/note/")
    frame = page.frame_locator("iframe")

    expect(frame.get_by_role("img", name="Page 1 of 3 as a picture")).to_be_visible()
    frame.get_by_role("link", name="Page 2").click()
    expect(frame.get_by_role("img", name="Page 2 of 3 as a picture")).to_be_visible()
    frame.get_by_text("The text of this page").click()
    expect(frame.get_by_text("Letter, sheet 2")).to_be_visible()
    assert browser.overflow(page) == 0
    page.get_by_role("link", name="Show its pages by themselves").click()
    expect(page.get_by_role("img", name="Page 1 of 3 as a picture")).to_be_visible()
    assert browser.overflow(page) == 0
