"""Charts in a browser: drawn without a script, zoomed and walked through with one, by keyboard, on paper."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests import browser
from tests.portal import people
from tests.portal.test_pages import sign_in
from tests.portal.test_results import weight
from tests.portal.test_timeline import record_of_years

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
NEWEST = datetime(2024, 6, 1, 12, tzinfo=UTC)


def weighed(number: int = 40):
    person = people.sign_up()
    usual = [{"low": {"value": 65, "unit": "kg"}, "high": {"value": 75, "unit": "kg"}}]
    people.store_records(
        person,
        [
            weight(
                person,
                f"w{each}",
                70 + each % 7,
                effectiveDateTime=(NEWEST - timedelta(days=each)).isoformat(),
                referenceRange=usual,
            )
            for each in range(number)
        ],
    )
    pounds = weight(person, "lake", 160, "[lb_av]", effectiveDateTime=(NEWEST - timedelta(days=10)).isoformat())
    people.store_records(person, [pounds], hospital="Lake")
    return person


@pytest.mark.parametrize("size", [browser.SMALL_PHONE, browser.PHONE, browser.DESKTOP], ids=["320", "390", "1280"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_pages_fit_and_can_be_touched(live_server, open_page, size, language):
    person, page = weighed(), open_page(**size)
    people.store_records(person, [people.condition(person, "c", code={"text": "x" * 150})])
    sign_in(page, live_server.url, person)
    if language == "es":
        page.get_by_role("button", name="Español").click()
        expect(page.locator("html")).to_have_attribute("lang", "es")

    wrong = {}
    for address in ("/", "/timeline/", "/timeline/?q=zzz&kind=conditions&from=2020-01-01", "/results/", "/results/w0/"):
        page.goto(f"{live_server.url}{address}")
        if address.endswith("w0/"):
            expect(page.locator(".curve-live canvas")).to_be_visible()
        found = (browser.overflow(page), browser.too_small(page, least=44))
        if found != (0, []):
            wrong[address] = found
        expect(page.get_by_role("heading", level=1)).to_have_count(1)

    assert wrong == {}


def test_without_scripts_the_picture_and_the_table_are_there(live_server, open_page):
    page = open_page(java_script_enabled=False)
    sign_in(page, live_server.url, weighed())

    page.goto(f"{live_server.url}/results/w0/")

    expect(page.get_by_role("img", name="Body weight from")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(26)
    expect(page.get_by_role("button", name="Zoom in")).to_have_count(0)


def test_the_keyboard_moves_along_the_values_and_opens_a_record(live_server, open_page):
    page = open_page()
    sign_in(page, live_server.url, weighed())
    page.goto(f"{live_server.url}/results/w0/")
    chart, told = page.get_by_role("application"), page.locator("[data-told]")
    expect(chart).to_be_visible()

    chart.focus()
    page.keyboard.press("End")
    expect(told).to_contain_text("70 kg, Riverside")
    page.keyboard.press("ArrowLeft")
    expect(told).to_contain_text("May 31, 2024")
    page.keyboard.press("Home")
    expect(told).to_contain_text("Apr 23, 2024")
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{live_server.url}/record/Observation/w39/")


def test_closer_is_asked_of_the_server_and_back_again(live_server, open_page):
    page = open_page()
    sign_in(page, live_server.url, weighed())
    page.goto(f"{live_server.url}/results/w0/")
    expect(page.get_by_role("application")).to_be_visible()

    with page.expect_response(lambda answer: "from=" in answer.url) as closer:
        page.get_by_role("button", name="Zoom in").click()
    assert 0 < len(closer.value.json()["charts"][0]["lines"][0]["points"]) < 40
    with page.expect_response(lambda answer: "points.json" in answer.url and "from=" not in answer.url):
        page.get_by_role("button", name="Whole time").click()

    page.get_by_role("application").focus()
    page.keyboard.press("Home")
    expect(page.locator("[data-told]")).to_contain_text("Apr 23, 2024")


def test_a_failed_answer_leaves_the_still_picture(live_server, open_page):
    page = open_page()
    sign_in(page, live_server.url, weighed())
    page.route("**/points.json*", lambda route: route.fulfill(status=404, body=""))

    page.goto(f"{live_server.url}/results/w0/")

    expect(page.get_by_role("img", name="Body weight from")).to_be_visible()


def test_on_paper_the_still_picture_is_printed(live_server, open_page):
    page = open_page()
    sign_in(page, live_server.url, weighed())
    page.goto(f"{live_server.url}/results/w0/")
    expect(page.get_by_role("application")).to_be_visible()

    page.emulate_media(media="print")

    expect(page.locator(".curve-still svg")).to_be_visible()
    expect(page.locator(".curve-live")).to_be_hidden()


def test_the_timeline_is_narrowed_by_form(live_server, open_page):
    page = open_page(**browser.PHONE)
    sign_in(page, live_server.url, record_of_years())
    page.get_by_role("link", name="Timeline").click()
    page.get_by_text("Choose kind, source and time").click()
    page.get_by_label("Kind").select_option("laboratory")
    page.get_by_role("button", name="Show").click()

    expect(page.locator(".rows > li")).to_have_count(2)
    page.get_by_role("link", name="Show everything again").click()
    expect(page.locator(".rows > li")).to_have_count(6)
