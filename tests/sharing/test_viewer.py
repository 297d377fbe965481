"""The page that opens links in a browser: key in the fragment, nothing for those who have no business with it."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from sharing import links
from sharing.models import Content, HealthLink
from tests import browser
from tests.portal import people
from tests.portal.test_pages import sign_in
from tests.sharing import makers
from tests.sharing.makers import CODE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NAME = "Dr. Visitor"


@pytest.fixture
def site(live_server, settings) -> str:
    settings.PUBLIC_URL = live_server.url
    return live_server.url


def fill(page, passcode: str = "") -> None:
    page.locator("#recipient").fill(NAME)
    if passcode:
        page.locator("#passcode").fill(passcode)
    page.locator("#open button").click()


@pytest.mark.parametrize(
    ("size", "language"), [(browser.PHONE, "es"), (browser.DESKTOP, "en")], ids=["390-es", "1280-en"]
)
def test_summary_is_opened_in_the_page_and_reads_well(site, open_page, size, language):
    owner = makers.owner(name="Maximiliana Fernández de la Torre")
    page = open_page(**size, locale=language)
    asked: list[tuple[str, str, dict[str, str]]] = []
    page.on("request", lambda request: asked.append((request.method, request.url, request.headers)))
    address = links.address(makers.make(owner)).viewer

    page.goto(address)
    assert (browser.overflow(page), browser.too_small(page, least=44)) == (0, [])
    fill(page, CODE)

    expect(page.get_by_role("heading", level=1)).to_have_text("Maximiliana Fernández de la Torre")
    titles = ["Problems", "Allergies and intolerances", "Medications", "Immunizations"]
    spanish = ["Problemas", "Alergias e intolerancias", "Medicamentos", "Vacunas"]
    assert page.get_by_role("heading", level=2).all_text_contents()[:4] == (spanish if language == "es" else titles)
    expect(page.get_by_text("13,5 g/dL" if language == "es" else "13.5 g/dL")).to_be_visible()
    expect(page.get_by_text("Penicillin")).to_be_visible()
    assert (browser.overflow(page), browser.too_small(page, least=44)) == (0, [])
    key = address.partition("#")[2].removeprefix("shlink:/")
    assert len(asked) > 3
    assert not any(key[:40] in f"{url} {headers}" for _, url, headers in asked)
    assert [headers.get("referer", "") for _, url, headers in asked if "/shl/" in url] == [""]
    assert {re.match(r"https?://[^/]+", url)[0] for _, url, _ in asked if not url.startswith(("data:", "blob:"))} == {
        site
    }


def test_records_are_listed_by_kind_and_can_be_saved(site, open_page):
    page = open_page()
    page.goto(links.address(makers.make(makers.owner(), content=Content.RECORDS, passcode="", live=False)).viewer)
    fill(page)

    expect(page.get_by_role("heading", name="Measurements and findings")).to_be_visible()
    with page.expect_download() as download:
        page.locator("#save").click()
    assert download.value.suggested_filename == "health-record.json"
    assert '"type":"collection"' in download.value.path().read_text()


def test_what_a_doctor_must_not_misread_is_said(site, open_page):
    owner = makers.owner()
    scale = {"resourceType": "Device", "id": "scale", "deviceName": [{"name": "Scale", "type": "model-name"}]}
    weight = people.observation(owner, "weight", category="vital-signs", valueQuantity={"value": 70, "unit": "kg"})
    missed = people.observation(owner, "missed", dataAbsentReason={"text": "Not performed"})
    platelets = people.observation(owner, "platelets", valueQuantity={"value": 250, "code": "10*3/uL"})
    for reading, name in ((weight, "Body weight"), (missed, "Ferritin"), (platelets, "Platelets")):
        reading["code"] = {"text": name}
    twice = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
    dose = [{"doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}], "timing": twice}]
    medicine = {"status": "active", "intent": "order", "medicationCodeableConcept": {"text": "Lisinopril"}}
    people.store_records(
        owner,
        [
            scale,
            {**weight, "device": {"reference": "Device/scale"}},
            missed,
            platelets,
            {
                "resourceType": "MedicationRequest",
                "id": "lisinopril",
                "subject": weight["subject"],
                "dosageInstruction": dose,
                **medicine,
            },
        ],
    )
    page = open_page()
    page.goto(links.address(makers.make(owner, passcode="")).viewer)
    fill(page)

    expect(page.locator("#shown")).to_be_visible()
    told = dict(
        page.eval_on_selector_all(
            "#shown tbody tr",
            "rows => rows.map(row => [...row.cells].map(c => c.textContent)).map(cells => cells.slice(0, 2))",
        )
    )
    assert told["Body weight"] == "70 kg; final"
    assert told["Ferritin"] == "Not performed; final"
    assert told["Platelets"] == "250 10³/µL; final"
    assert told["Lisinopril"] == "1 tablet, 2 × a day; active"
    assert "Scale" not in told
    assert page.get_by_text("The latest of each kind: there may be earlier ones.").count() == 2


def test_another_language_keeps_the_link(site, open_page):
    page = open_page(locale="en")
    page.goto(links.address(makers.make(makers.owner())).viewer)

    page.get_by_role("button", name="Español").click()

    expect(page.locator("html")).to_have_attribute("lang", "es")
    fill(page, CODE)
    expect(page.get_by_role("heading", name="Problemas")).to_be_visible()


def test_wrong_passcodes_and_links_that_are_over_are_told_in_words(site, open_page):
    owner, page = makers.owner(), open_page()
    made = makers.make(owner)
    page.goto(links.address(made).viewer)
    fill(page, "guess")
    expect(page.get_by_text("Wrong passcodes left: 4")).to_be_visible()

    HealthLink.objects.filter(pk=made.link.pk).update(tries=1)
    fill(page, "guess")

    expect(page.get_by_text("This link opens nothing any more.")).to_be_visible()
    expect(page.locator("#open")).to_be_hidden()


def test_a_link_that_has_ended_says_how_to_go_on(site, open_page):
    page = open_page()
    made = makers.make(makers.owner(), passcode="")
    page.goto(links.address(made).viewer)
    links.stop(made.link, at=timezone.now())

    fill(page)

    expect(page.get_by_text("Ask the person who gave it to you")).to_be_visible()


@pytest.mark.parametrize(
    ("fragment", "words"),
    [
        ("", "There is no link in the address."),
        ("#shlink:/abc", "This link cannot be read"),
        (
            "#shlink:/eyJ1cmwiOiJodHRwczovL290aGVyLmV4YW1wbGUvc2hsL3giLCJrZXkiOiJBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBIn0",
            "This link is of another site.",
        ),
    ],
)
def test_what_is_no_link_of_ours_is_told_in_words(site, open_page, fragment, words):
    page = open_page()
    page.goto(f"{site}/view/{fragment}")

    expect(page.get_by_text(words)).to_be_visible()
    expect(page.locator("#open")).to_be_hidden()


def test_what_is_in_records_never_becomes_markup(site, open_page):
    owner = makers.owner()
    hostile = "<img src=x onerror=alert(1)><script>alert(1)</script>"
    people.store_records(owner, [people.condition(owner, "hostile", code={"text": hostile})])
    page = open_page()
    page.goto(links.address(makers.make(owner, content=Content.RECORDS, passcode="", label=hostile)).viewer)
    fill(page)

    expect(page.get_by_role("rowheader", name=hostile)).to_be_visible()
    assert page.locator("#shown img, #shown script").count() == 0


def test_without_javascript_it_says_why_nothing_can_be_shown(site, open_page):
    page = open_page(java_script_enabled=False)
    page.goto(links.address(makers.make(makers.owner())).viewer)

    assert "This page needs JavaScript." in page.locator("main").inner_text()
    expect(page.locator("#open")).to_be_hidden()


def test_key_is_not_in_the_margin_of_a_printed_page(site, open_page):
    page = open_page()
    page.goto(links.address(makers.make(makers.owner(), passcode="")).viewer)
    fill(page)
    expect(page.locator("#shown")).to_be_visible()
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")

    assert page.url == f"{site}/view/"
    page.emulate_media(media="print")
    expect(page.locator("#print")).to_be_hidden()
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert "#shlink:/" in page.url


def test_viewer_is_for_anybody_and_tells_nobody_where_it_was_opened():
    answer = Client().get("/view/")

    assert answer.status_code == 200
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert "connect-src 'self'" in answer["Content-Security-Policy"]
    assert "Set-Cookie" not in answer or "session" not in answer.cookies


@pytest.mark.parametrize(
    ("size", "language"), [(browser.PHONE, "es"), (browser.DESKTOP, "en")], ids=["390-es", "1280-en"]
)
def test_she_makes_shows_renews_and_stops_a_link(site, open_page, size, language):
    owner = makers.owner(name="Maximiliana Fernández de la Torre")
    page = open_page(**size)
    sign_in(page, site, owner)
    if language == "es":
        page.get_by_role("button", name="Español").click()
    wrong = {}

    def look(least: int = 44) -> None:
        found = (browser.overflow(page), browser.too_small(page, least=least))
        if found != (0, []):
            wrong[page.url] = found
        expect(page.get_by_role("heading", level=1)).to_have_count(1)

    page.goto(f"{site}/share/")
    look()
    page.goto(f"{site}/share/new/")
    look(least=24)  # a box is small, but its words can be touched as well
    expect(page.locator("[data-live=total]")).to_contain_text("6")
    page.locator("[name=kinds][value=everything]").uncheck()
    page.locator("[name=kinds][value=allergies]").check()
    expect(page.locator("[data-live=total]")).to_contain_text("2")
    page.locator("[name=label]").fill("For the doctor in Lisbon")
    page.locator("[value=make]").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("For the doctor in Lisbon")
    look()
    passcode = page.locator("code.secret").text_content()
    visitor = open_page(**size, locale=language)
    visitor.goto(page.locator("#address").input_value())
    fill(visitor, passcode)
    expect(visitor.get_by_text("Penicillin")).to_be_visible()
    expect(visitor.get_by_text("High blood pressure")).to_have_count(0)
    page.reload()
    expect(page.get_by_text(NAME)).to_be_visible()
    look()
    uid = HealthLink.objects.get(owner=owner).pk
    page.goto(f"{site}/share/{uid}/stop/")
    look()
    page.locator("main form button").click()
    expect(page).to_have_url(f"{site}/share/")
    look()
    visitor.reload()
    fill(visitor, passcode)
    expect(visitor.locator("[data-state=over]")).to_be_visible()
    page.goto(f"{site}/access/")
    expect(page.get_by_text(NAME)).not_to_have_count(0)
    assert wrong == {}
