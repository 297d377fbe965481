"""Documents can be read and can do nothing: what is shown, in what clothes, and what is only handed down."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from local import seeding
from portal import documents, readable
from records import marks
from tests import browser
from tests.architecture import possessions
from tests.portal import people
from tests.portal.test_pages import sign_in
from tests.sync import files

pytestmark = pytest.mark.django_db
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645"
    "400000000049454e44ae426082"
)
HOSTILE = (
    '<html><head><script>top.document.title="taken"</script><style>*{display:none}</style></head>'
    '<body onload="steal()">'
    '<h1>Discharge</h1><p style="color:red" onclick="x()">Take it <b>easy</b>.</p>'
    '<script>document.title="taken"</script>'
    '<a href="javascript:steal()">here</a><form action="https://evil.example"><input name="x">'
    "<button>Go</button></form>"
    '<img src="https://evil.example/pixel.png"><iframe src="https://evil.example"></iframe>'
    '<svg><script>steal()</script></svg><meta http-equiv="refresh" content="0;url=https://evil.example"></body></html>'
)
CDA = """<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3">
<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/><id root="1.2.3"/>
<code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><title>Continuity of Care</title>
<effectiveTime value="20240506"/>
<recordTarget><patientRole><id root="1.2"/><patient><name><given>Ana</given><family>Example</family></name>
<birthTime value="19700501"/></patient></patientRole></recordTarget>
<author><time value="20240506"/><assignedAuthor><id root="1.3"/><assignedPerson><name><given>Iris</given>
<family>Vale</family></name></assignedPerson></assignedAuthor></author>
<component><structuredBody><component><section><code code="48765-2" codeSystem="2.16.840.1.113883.6.1"/>
<title>Allergies</title><text><table><thead><tr><th>To</th></tr></thead><tbody><tr><td>
Penicillin &lt;script&gt;</td></tr></tbody></table><linkHtml href="javascript:x()">more</linkHtml></text>
<component><section><title>Reactions</title><text><paragraph>Rash</paragraph></text></section></component>
</section></component></structuredBody></component></ClinicalDocument>"""


def note(person, *attachments: dict, **more) -> dict:
    return {
        "resourceType": "DocumentReference",
        "id": "note",
        "status": "current",
        "subject": {"reference": f"Patient/{person.patient_id}"},
        "content": [{"attachment": each} for each in attachments],
        **more,
    }


def holding(*attachments: dict):
    person = people.sign_up()
    people.store_records(person, [note(person, *attachments)])
    return person, people.browser_of(person)


def shown(client, number: int = 0, query: str = ""):
    return client.get(f"/record/DocumentReference/note/document/{number}/{query}")


def test_an_earlier_version_shows_its_own_document():
    person, client = holding(people.attachment(b"<p>Draft</p>", "text/html"))
    people.store_records(person, [note(person, people.attachment(b"<p>Signed</p>", "text/html"))])

    pages = [client.get(f"/record/DocumentReference/note/{query}").content.decode() for query in ("", "?version=1")]
    now, then = (re.search(r'<iframe[^>]* src="([^"]+)"', each)[1] for each in pages)

    assert "Signed" in client.get(now).content.decode()
    assert "Draft" in client.get(then).content.decode()
    assert b"Draft" in client.get(f"{then}&download").content
    assert [shown(client, query=f"?version={each}").status_code for each in ("3", "0", "x", "9" * 20)] == [404] * 4


def test_a_page_of_others_keeps_its_words_and_loses_all_that_acts():
    _, client = holding(people.attachment(HOSTILE.encode(), "text/html"))

    answer = shown(client)

    text = answer.content.decode()
    body = text.partition("<body>")[2]
    assert "Discharge" in body
    assert "<b>easy</b>" in body
    for gone in (
        "script",
        "style=",
        "onclick",
        "onload",
        "href",
        "src",
        "form",
        "input",
        "iframe",
        "svg",
        "meta",
        "evil",
    ):
        assert gone not in body, gone
    assert answer["Content-Type"].startswith("text/html")


def test_every_document_is_an_answer_without_rights():
    _, client = holding(
        people.attachment(b"<p>x</p>", "text/html"),
        people.attachment(PNG, "image/png"),
        people.attachment(b"PK\x03\x04", "application/zip"),
    )

    answers = [shown(client, number) for number in range(3)]

    for answer in answers:
        assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'; style-src 'sha256-")
        assert "frame-ancestors 'self'" in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cache-Control"] == "private, no-store"
    assert [answer["Content-Type"].partition(";")[0] for answer in answers] == [
        "text/html", "image/png", "application/zip",
    ]  # fmt: skip
    assert "Content-Disposition" not in answers[1]
    assert answers[2]["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>', "image/svg+xml"),
        (b"<script>x()</script>", "image/png"),
        (b"<script>x()</script>", "application/octet-stream"),
        (b"MZ\x00\x01", "text/html"),
        (b"<html><script>x()</script></html>", "application/pdf"),
    ],
)
def test_what_is_not_what_it_is_called_is_never_run(data, media_type):
    _, client = holding(people.attachment(data, media_type))

    answer = shown(client)

    is_page = answer["Content-Type"].startswith("text/html")
    assert is_page or answer["Content-Disposition"].startswith("attachment")
    assert not is_page or b"<script" not in answer.content


def test_a_download_is_the_document_to_the_last_byte():
    _, client = holding(people.attachment(HOSTILE.encode(), "text/html", title="../../Brief: an Ana"))

    answer = shown(client, query="?download")

    assert answer.content == HOSTILE.encode()
    assert answer["Content-Disposition"] == 'attachment; filename="Brief an Ana.html"'
    assert answer["Content-Security-Policy"].startswith("sandbox;")


def test_a_doctors_document_is_read_section_by_section():
    person = people.sign_up(name="Ana Example")
    client = people.browser_of(person)
    files.give(client, CDA.encode(), "care.xml")
    listed = client.get("/records/documents/").content.decode()
    address = re.search(r'href="(/record/DocumentReference/[^"]+)"', listed)[1]

    page, answer = client.get(address).content.decode(), client.get(f"{address}document/0/").content.decode()

    assert '<iframe class="page-of-document" sandbox src=' in page
    for words in ("Continuity of Care", "Iris Vale", "Ana Example", "<h2>Allergies</h2>", "<h3>Reactions</h3>", "Rash"):
        assert words in answer
    assert "Penicillin &lt;script&gt;" in answer
    assert "javascript" not in answer


def test_a_composition_is_shown_as_its_source_wrote_it_and_leads_to_its_records():
    person = people.sign_up()
    section = {"title": "Plan", "text": {"status": "additional", "div": "<div><p>Rest <script>x()</script></p></div>"},
               "entry": [{"reference": "Condition/a", "display": "Asthma"}]}  # fmt: skip
    composition = {"resourceType": "Composition", "id": "c", "status": "final", "date": "2024-05-06", "title": "Letter",
                   "type": {"text": "Letter"}, "author": [{"display": "Iris Vale"}],
                   "subject": {"reference": f"Patient/{person.patient_id}"}, "section": [section]}  # fmt: skip
    people.store_records(person, [composition, people.condition(person, "a")])
    client = people.browser_of(person)

    page = client.get("/record/Composition/c/").content.decode()
    answer = client.get("/record/Composition/c/document/0/").content.decode()

    assert '<a href="/record/Condition/a/">Asthma</a>' in page
    assert "<h2>Plan</h2>" in answer
    assert "<p>Rest </p>" in answer


def test_plain_text_stands_in_the_page_and_a_missing_document_is_said_to_be_missing():
    _, client = holding(
        people.attachment(b"Sleep well <b>", "text/plain"),
        {"contentType": "application/pdf", "url": "https://x.example/y"},
    )

    page = client.get("/record/DocumentReference/note/").content.decode()

    assert '<pre class="words" tabindex="0">Sleep well &lt;b&gt;</pre>' in page
    assert "did not send it" in page
    assert shown(client, 1).status_code == 404
    assert shown(client, 2).status_code == 404


def test_a_large_document_is_read_out_of_its_binary_and_by_nobody_else():
    _, client = holding(people.attachment(b"long " * 20_000, "text/plain; charset=utf-8"))

    answer = shown(client)

    assert answer.content.count(b"long") == 20_000
    assert shown(people.browser_of(people.sign_up())).status_code == 404


def test_a_delegate_reads_what_she_may_and_each_reading_is_logged():
    person, helper = people.sign_up(), people.sign_up(name="Ben")
    people.store_records(
        person,
        [people.report(person, "seen", "<p>Fine</p>"), note(person, people.attachment(b"<p>x</p>", "text/html"))],
    )
    # What nobody can classify is withheld from her, until its owner calls it ordinary.
    marks.mark(person.pk, ("DiagnosticReport", "seen"), sensitive=False, actor=person, at=timezone.now())
    uid = possessions.delegate(person, helper).uid
    client = people.browser_of(helper)

    seen = client.get(f"/for/{uid}/record/DiagnosticReport/seen/document/0/")
    withheld = client.get(f"/for/{uid}/record/DocumentReference/note/document/0/")
    earlier = [
        client.get(f"/for/{uid}/record/{each}/document/0/?version=1").status_code
        for each in ("DiagnosticReport/seen", "DocumentReference/note")
    ]

    assert (seen.status_code, withheld.status_code) == (200, 404)
    assert earlier == [200, 404]
    assert b"<p>Fine</p>" in seen.content
    assert "Ben" in people.browser_of(person).get("/access/").content.decode()


@pytest.mark.skipif(not seeding.SHARED_DATA.exists(), reason="the public data sets do not lie beside the checkout")
def test_real_documents_are_read_and_hold_nothing_that_acts():
    told, acts = 0, re.compile(r"<(script|a|img|form|iframe|link|meta|object|embed)\b|<[^>]* (on\w+|href|src)=")
    for path in sorted((seeding.SHARED_DATA / "ccda" / "vendor-samples").rglob("*.xml"))[:40]:
        body = (readable.page(path.read_bytes(), "text/xml") or "").partition("<body>")[2].lower()
        told += "<h2>" in body
        assert not acts.search(body), path.name
    assert told > 20


def test_a_paper_has_a_file_name_that_leads_nowhere():
    paper = documents.of({"resourceType": "Binary", "contentType": "application/pdf", "data": "eA=="})[0]

    assert paper.file_name == "document.pdf"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_browser_shows_the_frame_and_nothing_in_it_runs(live_server, open_page):
    person, _ = holding(people.attachment(HOSTILE.encode(), "text/html", title="Discharge letter"),
                        people.attachment(PNG, "image/png", title="Picture"))  # fmt: skip
    page = open_page(**browser.PHONE)
    sign_in(page, live_server.url, person)

    page.goto(f"{live_server.url}/record/DocumentReference/note/")

    expect(page.frame_locator("iframe").get_by_role("heading", name="Discharge")).to_be_visible()
    assert page.evaluate("document.querySelector('img.picture').naturalWidth") == 1
    assert "taken" not in page.title()
    assert browser.overflow(page) == 0
