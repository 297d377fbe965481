"""The pages in a browser: on a small phone and a desktop, by keyboard, with and without scripts."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from sync.models import Run, RunState, RunStep, StepState
from tests import browser
from tests.portal import people
from tests.sync import files

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LONG = "Cholesterol in HDL [Mass/volume] in Serum or Plasma ultracentrifugate--after-12-hour-fast"


def sign_in(page: Page, site: str, person) -> None:
    page.goto(f"{site}/accounts/login/")
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_label("Password", exact=True).fill(people.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def person_with_everything():
    person = people.sign_up()
    codes = {"coding": [{"system": "http://loinc.org", "code": "2085-9", "display": LONG}]}
    value = {"value": 1234.5678, "unit": "milligram per deciliter"}
    people.store_records(
        person,
        [
            people.observation(person, "a", code=codes, valueQuantity=value),
            people.condition(person, "b", clinicalStatus="active", code={"text": "x" * 150}),
            people.condition(person, "s", code={"coding": [{"display": f"Opioid abuse {'x' * 150}"}]}),
        ],
    )
    connection = people.connect(person, people.list_hospital("St. Anne's Regional Medical Center", "Springfield"))
    people.end_run(connection, RunState.PARTIAL, problem="server_error", Observation={"total": 4, "received": 1})
    authorization = people.let_in(person, "patient/*.rs", name="An App With Quite A Long Name Indeed")
    others = files.bundle(files.patient(given="Berta", family="Other"), files.observation())
    archive = files.zipped({f"{'long' * 30}.json": others, "scan.png": files.PNG, "letter.exe": b"MZ\x00"})
    upload = files.give(people.browser_of(person), archive, f"{'name' * 30}.zip")
    return person, connection, authorization, upload


@pytest.mark.parametrize("size", [browser.SMALL_PHONE, browser.PHONE, browser.DESKTOP], ids=["320", "390", "1280"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_pages_fit_and_can_be_touched(live_server, open_page, size, language):
    person, connection, authorization, upload = person_with_everything()
    page = open_page(**size)
    sign_in(page, live_server.url, person)
    if language == "es":
        page.get_by_role("button", name="Español").click()
        expect(page.locator("html")).to_have_attribute("lang", "es")

    wrong = {}
    for address in (
        "/",
        "/records/laboratory/",
        "/records/conditions/",
        "/record/Observation/a/",
        "/record/Condition/b/",
        "/record/Condition/s/",
        "/private/",
        "/private/?kind=UNC",
        "/hospitals/",
        f"/hospitals/{connection.pk}/",
        f"/hospitals/{connection.pk}/stop/",
        "/files/",
        f"/files/{upload.uid}/",
        f"/files/{upload.uid}/take-back/",
        "/apps/",
        f"/apps/{authorization.pk}/withdraw/",
        "/access/",
        "/account/",
        "/account/download/",
        "/account/erase/",
        "/accounts/password/change/",
        "/accounts/email/",
        "/accounts/logout/",
        "/nothing/",
    ):
        page.goto(f"{live_server.url}{address}")
        found = (browser.overflow(page), browser.too_small(page, least=44))
        if found != (0, []):
            wrong[address] = found
        expect(page.get_by_role("heading", level=1)).to_have_count(1)

    assert wrong == {}


@pytest.mark.parametrize("address", ["/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"])
def test_pages_for_visitors_fit(live_server, open_page, address):
    page = open_page(**browser.SMALL_PHONE)

    page.goto(f"{live_server.url}{address}")

    assert (browser.overflow(page), browser.too_small(page, least=44)) == (0, [])


def test_she_signs_up_and_out(live_server, open_page):
    page = open_page(timezone_id="Asia/Tokyo")
    page.goto(live_server.url)
    page.get_by_role("main").get_by_role("link", name="Create your account").click()
    page.get_by_label("Your name").fill("Ana Example")
    page.get_by_label("E-mail").fill("ana@example.org")
    page.get_by_label("Password").fill(people.PASSWORD)
    page.get_by_role("button", name="I agree, create my account").click()
    expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()

    page.get_by_role("link", name="Account").click()
    expect(page.get_by_label("Time zone")).to_have_value("Asia/Tokyo")
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("main").get_by_role("link", name="Sign in")).to_be_visible()


def test_keyboard_reaches_the_content_first(live_server, open_page):
    page = open_page()
    sign_in(page, live_server.url, people.sign_up())
    page.goto(f"{live_server.url}/apps/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()


def test_every_control_has_a_name(live_server, open_page):
    person, connection, *_ = person_with_everything()
    page = open_page(**browser.PHONE)
    sign_in(page, live_server.url, person)

    for address in ("/", "/hospitals/", f"/hospitals/{connection.pk}/", "/apps/", "/account/"):
        page.goto(f"{live_server.url}{address}")
        tree = page.locator("body").aria_snapshot()
        assert re.findall(r"^\s*- (?:button|link|textbox|combobox|searchbox)(?::.*)?$", tree, re.MULTILINE) == []


def test_arriving_records_are_shown_without_reload(live_server, open_page):
    person = people.sign_up()
    connection = people.connect(person, people.list_hospital("Riverside Hospital"))
    run = Run.objects.get(connection=connection)
    page = open_page()
    sign_in(page, live_server.url, person)
    page.goto(f"{live_server.url}/hospitals/{connection.pk}/")
    expect(page.get_by_text("Your records are arriving")).to_be_visible()

    RunStep.objects.create(
        run=run,
        number=1,
        kind="search",
        resource_type="Condition",
        total=12,
        received=7,
        new=7,
        state=StepState.WAITING,
    )
    expect(page.get_by_role("cell", name="7 of 12")).to_be_visible()
    RunStep.objects.filter(run=run).update(received=12, new=12)
    people.end_run(connection, RunState.COMPLETE)

    expect(page.get_by_role("main").get_by_text("up to date")).to_be_visible()


def test_it_all_works_without_scripts(live_server, open_page):
    person, _, authorization, _ = person_with_everything()
    page = open_page(java_script_enabled=False)
    sign_in(page, live_server.url, person)

    page.get_by_role("link", name="Laboratory results").click()
    page.get_by_role("link", name=re.compile("Cholesterol")).click()
    expect(page.get_by_text("1234.5678 milligram per deciliter").last).to_be_visible()
    page.goto(f"{live_server.url}/apps/{authorization.pk}/withdraw/")
    page.get_by_role("button", name="Withdraw").click()

    expect(page.get_by_text("can no longer see anything of yours")).to_be_visible()
