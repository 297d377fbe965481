"""Inside a chart, in a real browser: the EHR and we are two sites, and browsers keep what third parties store apart.

Chromium here in three minds: it lets other sites keep cookies, it blocks them except partitioned ones (as its private
windows do), and it refuses every cookie of a frame.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect

from smartlaunch import asks, clinicians, notices, visits
from smartlaunch.models import Ask, Clinician, Ehr, Visit
from tests import browser as pages
from tests.clinic.test_pages import patient_with_record
from tests.fakes.chart import ChartEHR
from tests.portal import people
from tests.smartlaunch import clinics
from tests.smartlaunch.test_asks import answer

pytestmark = pytest.mark.django_db(transaction=True)
BLOCKING = {"blocks nothing": 0, "blocks third parties": 1}


@pytest.fixture
def chart(live_server: Any, settings: Any) -> Iterator[ChartEHR]:
    """We are at localhost, the EHR is at 127.0.0.1: two origins, and two sites."""
    settings.PUBLIC_URL = live_server.url
    with ChartEHR(opens=f"{live_server.url}/ehr/launch").running() as running:
        yield running


@pytest.fixture
def ehr(chart: ChartEHR) -> Ehr:
    return clinics.ehr("Cedar Hospital", iss=chart.base, slug="cedar", frame_ancestors=[chart.origin])


@pytest.fixture
def profile(chromium: Browser, tmp_path: Path) -> Iterator[Callable[..., BrowserContext]]:
    """A browser with preferences of its own."""
    opened: list[BrowserContext] = []

    def begin(**preferences: Any) -> BrowserContext:
        place = tmp_path / f"profile-{len(opened)}" / "Default"
        place.mkdir(parents=True)
        (place / "Preferences").write_text(json.dumps({"profile": preferences}))
        context = chromium.browser_type.launch_persistent_context(
            place.parent,
            executable_path=pages.executable(),
            args=pages.OPTIONS,
            viewport={"width": 1280, "height": 900},
        )
        context.set_default_timeout(10_000)
        opened.append(context)
        return context

    yield begin
    for context in opened:
        context.close()


def in_frame(page: Page) -> Frame:
    return page.frames[1]


def open_chart(context: BrowserContext, chart: ChartEHR, patient: str = "p1") -> Page:
    page = context.new_page()
    page.goto(f"{chart.origin}/chart?patient={patient}")
    return page


def heading(page: Page) -> Any:
    return expect(page.frame_locator("iframe").locator("h1"))


def visit_in(page: Page) -> Visit:
    return Visit.objects.get(uid=in_frame(page).url.split("/")[4])


@pytest.mark.parametrize("mind", BLOCKING)
def test_a_launch_opens_inside_the_chart(profile, chart: ChartEHR, ehr: Ehr, mind: str):
    page = open_chart(profile(cookie_controls_mode=BLOCKING[mind]), chart)

    heading(page).to_have_text("Shared by the patient")
    expect(page.frame_locator("iframe").locator("header")).to_contain_text("Dr. Ana Rivera")
    # And this is what that mind is: whether a cookie of the usual kind is kept in there.
    usual = "document.cookie = 'usual=1; SameSite=None; Secure'; document.cookie.includes('usual')"
    assert in_frame(page).evaluate(usual) is (mind == "blocks nothing")


@pytest.mark.parametrize("mind", BLOCKING)
def test_two_tabs_on_two_patients_stay_apart(profile, chart: ChartEHR, ehr: Ehr, mind: str):
    context = profile(cookie_controls_mode=BLOCKING[mind])
    first, second = open_chart(context, chart, "p1"), open_chart(context, chart, "p2")
    for page in (first, second):
        heading(page).to_have_text("Shared by the patient")
    in_frame(first).evaluate("location.reload()")
    heading(first).to_have_text("Shared by the patient")

    told = [visits.opened_context(visit_in(page)).patient for page in (first, second)]

    assert told == ["p1", "p2"]


def test_where_frames_keep_no_cookie_a_window_of_its_own_does(profile, chart: ChartEHR, ehr: Ehr, live_server: Any):
    ours = live_server.url
    allowed = {f"{ours},{ours}": {"setting": 1}, f"{chart.origin},*": {"setting": 1}}
    context = profile(
        default_content_setting_values={"cookies": 2}, content_settings={"exceptions": {"cookies": allowed}}
    )
    page = open_chart(context, chart)
    heading(page).to_have_text("One more click")

    with context.expect_page() as opening:
        page.frame_locator("iframe").get_by_role("link", name="Open in a new window").click()
    window = opening.value

    expect(window.locator("h1")).to_have_text("Shared by the patient")
    assert visits.opened_context(Visit.objects.get()).patient == "p1"


def test_she_is_asked_out_of_the_frame_and_what_she_says_shows_there_and_goes_within_a_second(
    profile, chart: ChartEHR, ehr: Ehr
):
    person = patient_with_record()
    page = open_chart(profile(cookie_controls_mode=1), chart)
    frame = page.frame_locator("iframe")
    frame.get_by_label("Code of the patient").fill(asks.show_code(person, at=timezone.now()))
    frame.get_by_role("button", name="Ask", exact=True).press("Enter")
    expect(frame.get_by_role("status")).to_contain_text("If this leads to somebody")
    for each in Ask.objects.all():
        notices.deliver(each.pk, at=timezone.now())

    answer(person, "season")

    expect(frame.get_by_text("Zenobia Quillfeather")).to_be_visible(timeout=5000)
    expect(frame.get_by_text("Penicillin").first).to_be_visible()
    people.browser_of(person).post(f"/clinics/{ehr.organization.uid}/stop/")
    expect(frame.get_by_text("Nothing is shared with")).to_be_visible(timeout=2000)
    expect(frame.get_by_text("Zenobia Quillfeather")).to_have_count(0)


def test_a_clinician_who_was_shut_out_sees_the_page_locked_within_a_second(profile, chart: ChartEHR, ehr: Ehr):
    page = open_chart(profile(cookie_controls_mode=1), chart)
    heading(page).to_have_text("Shared by the patient")

    clinicians.deactivate(Clinician.objects.get(), at=timezone.now())

    expect(page.frame_locator("iframe").locator("h1")).to_have_text("This view is locked", timeout=2000)


def test_without_scripts_the_page_is_locked_with_the_next_click(chromium: Browser, chart: ChartEHR, ehr: Ehr):
    context = chromium.new_context(java_script_enabled=False)
    page = open_chart(context, chart)
    heading(page).to_have_text("Shared by the patient")

    clinicians.deactivate(Clinician.objects.get(), at=timezone.now())
    page.frame_locator("iframe").get_by_role("button", name="Close").click()

    heading(page).to_have_text("This view is locked")
    context.close()


def test_closing_works_inside_the_frame(profile, chart: ChartEHR, ehr: Ehr):
    page = open_chart(profile(cookie_controls_mode=1), chart)
    page.frame_locator("iframe").get_by_role("button", name="Close").click()

    heading(page).to_have_text("This view is locked")
    assert Visit.objects.get().sealed_token is None


def test_a_page_of_an_unlisted_site_cannot_hold_us(chromium: Browser, chart: ChartEHR, ehr: Ehr, live_server: Any):
    Ehr.objects.update(frame_ancestors=["https://chart.example"])
    context = chromium.new_context()
    page = open_chart(context, chart)
    page.wait_for_timeout(500)

    assert in_frame(page).url.startswith("chrome-error://") or in_frame(page).content().count("<h1") == 0
    context.close()


def test_a_launch_that_was_used_is_worth_nothing(chromium: Browser, chart: ChartEHR, ehr: Ehr):
    context = chromium.new_context()
    address = chart.launch("p1")
    page = context.new_page()
    page.goto(address)
    expect(page.locator("h1")).to_have_text("Shared by the patient")

    again = context.new_page()
    again.goto(address)

    expect(again.locator("h1")).to_have_text("Not opened")
    expect(again.locator("main")).to_contain_text("Code: refused_there")
    context.close()
