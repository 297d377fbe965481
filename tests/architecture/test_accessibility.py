"""Every page, as axe-core sees it (WCAG 2.2 A and AA, and its best practices) in light and in dark.

The pages are those of the list of addresses, each with something of hers on it: a page that is added is looked at, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from django.test import Client
from django.urls import resolve
from django.utils import timezone
from playwright import sync_api as playwright
from playwright.sync_api import Page, expect

from accounts.models import Person, Role
from local import options
from portal.pdf import reading
from sandbox import intake, loading, populating
from sharing import links
from tests import browser
from tests.architecture import addresses, possessions
from tests.clients import packages
from tests.developers.conftest import site
from tests.portal import pdfs, people
from tests.sandbox.conftest import hospital
from tests.sandbox.test_wards import chart_of
from tests.sharing import makers

__all__ = ["hospital", "site"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
T = TypeVar("T")
# A ceremony of passkeys that a browser without one would begin; leaving, which would end the walk.
PASSED_OVER = {"webauthn", "logout"}
# Colours that are on their way to others have no contrast that means anything.
STILL = {"reduced_motion": "reduce"}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOK = """async rules => {
  const seen = await axe.run(document, {runOnly: rules, preload: false, iframes: false, resultTypes: ['violations']});
  const wrong = seen.violations.map(
    one => one.id + ': ' + one.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | '));
  return {wrong, passed: seen.passes.length};
}"""
PAGE = options.ROOT / "docs" / "accessibility.md"


@pytest.fixture(scope="session")
def axe() -> str:
    return (packages.ensure() / "axe-core" / "axe.min.js").read_text()


def pages_of(estate: possessions.Estate) -> Iterator[tuple[Client, str]]:
    """Each address that answers with a page, and who looks at it."""
    hers = estate.holders[""]
    asked = [(estate.holder(route), route.path(estate.hers(route))) for route in addresses.varying()
             if not estate.missing(route)]  # fmt: skip
    varied = {path for _, path in asked}
    asked += [(hers, path) for path in addresses.every() if path not in varied and not _varies(path)]
    for asker, path in asked:
        if asker.headers or PASSED_OVER & set(path.split("/")):
            continue
        answer = asker.ask("get", path)
        # What others wrote is shown in a frame without rights: not a page of ours, and no script looks at it.
        framed = "sandbox" in answer.get("Content-Security-Policy", "")
        if answer.status_code == 200 and answer.get("Content-Type", "").startswith("text/html") and not framed:
            yield asker.client, path


def _varies(path: str) -> bool:
    return bool({"x", "1", addresses.UID} & set(path.split("/")))


def look(page: Page, axe: str) -> tuple[list[str], int]:
    """What is wrong with this page, and how many rules it keeps: all in light, then those about colours in dark."""
    page.evaluate(axe)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(LOOK, RULES)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(LOOK, {"type": "rule", "values": ["color-contrast", "link-in-text-block"]})
    page.emulate_media(color_scheme="light")
    return light["wrong"] + dark["wrong"], light["passed"]


def come_as(page: Page, client: Client | None, site: str, *, language: str = "en") -> None:
    """The page is now whoever this is, or a visitor."""
    held = {} if client is None else {name: morsel.value for name, morsel in client.cookies.items() if morsel.value}
    cookies = {**held, "language": language}
    page.context.clear_cookies()
    page.context.add_cookies([{"name": name, "value": value, "url": site} for name, value in cookies.items()])


def at(page: Page, address: str, see: Callable[[], T]) -> T:
    """What ``see`` says of the page; asked again of one that loaded itself anew, as some do at news."""
    for _ in range(2):
        page.goto(address)
        try:
            return see()
        except playwright.Error as error:
            if "context was destroyed" not in error.message:
                raise
    page.goto(address)
    return see()


@pdfs.drawing
@pytest.mark.parametrize("data", [pdfs.of_pages(30), pdfs.of_pages(1, drawn=b"0 0 m 9 9 l S"), pdfs.locked()])
def test_no_page_of_a_pdf_breaks_a_rule(open_page, axe, data):
    """It stands in a frame where no script looks at it, so here it is looked at by itself."""
    page = open_page(**browser.PHONE, **STILL)
    page.set_content(reading.page(data, 1, version="") or "")
    for summary in page.locator("summary").all():
        summary.click()

    assert look(page, axe)[0] == []


def walk(page: Page, axe: str, site: str, asked: list[tuple[Client | None, str]], **cookies: Any) -> dict[str, Any]:
    """What is wrong, by address."""
    wrong = {}
    for client, path in asked:
        come_as(page, client, site, **cookies)
        if found := at(page, site + path, lambda: [*look(page, axe)[0], *_unfit(page)]):
            wrong[path] = found
    return wrong


def _unfit(page: Page) -> list[str]:
    wide = browser.overflow(page)
    return [f"{wide} px too wide"] if wide else []


def test_no_page_of_hers_breaks_a_rule(site, open_page, axe):
    estate = possessions.estate()
    waiting = estate.ids["gateway:consent-for"]["uid"][0]
    asked = [*pages_of(estate), (estate.holders[""].client, f"/oauth/consent/{waiting}/own")]
    assert len(asked) > 60
    assert {"/", "/account/", "/apps/", "/developers/", "/share/"} <= {path for _, path in asked}

    assert walk(open_page(**browser.PHONE, **STILL), axe, site, asked) == {}


def test_no_page_for_visitors_breaks_a_rule(site, open_page, axe):
    signing = (f"/accounts/{name}/" for name in ("login", "signup", "password/reset"))
    asked = [(None, path) for path in ("/", "/view/", "/developers/", "/nothing/", *signing)]

    assert walk(open_page(**STILL), axe, site, asked, language="es") == {}


def test_no_page_with_nothing_on_it_breaks_a_rule(site, open_page, axe):
    """Every place she can go says what is not there yet."""
    nothing = people.browser_of(people.sign_up())
    paths = ("/", "/records/laboratory/", "/same/", "/timeline/", "/readings/", "/hospitals/", "/files/", "/apps/")
    asked = [(nothing, path) for path in (*paths, "/share/", "/people/", "/access/", "/private/", "/account/data/")]
    page = open_page(**browser.PHONE, **STILL)

    assert walk(page, axe, site, asked, language="es") == {}
    for client, path in asked:
        said = client.get(path).content.decode()
        assert len(re.sub(r"<[^>]+>|\s", "", said.partition("</h1>")[2])) > 20, f"{path} says nothing"


def test_no_opened_link_breaks_a_rule(site, open_page, axe):
    page = open_page(**browser.PHONE, **STILL)
    page.goto(links.address(makers.make(makers.owner(), passcode="")).viewer)
    page.locator("#recipient").fill("Dr. Visitor")
    page.locator("#open button").click()
    expect(page.get_by_role("heading", name="Allergies and intolerances")).to_be_visible()

    assert look(page, axe)[0] == []


def test_no_page_of_a_hospital_breaks_a_rule(hospital, live_server, open_page, axe):
    loading.load(intake.gather(chart_of("Ann"), origin="the test"), at=timezone.now())
    clinician = Client()
    clinician.force_login(Person.objects.get(email=populating.ensure_clinician().email))
    patient = Person.objects.get(role=Role.PATIENT)
    asked = [(clinician, path) for path in ("/", "/patients/", f"/patients/{patient.patient_id}/")]

    assert walk(open_page(**STILL), axe, live_server.url, asked) == {}


TABS = """() => {
  const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
  if (at === document.body || at === document.documentElement) return null;
  const over = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  // A field of a date is several stops at one control.
  const again = at.dataset.reached && !at.dataset.last;
  document.querySelectorAll('[data-last]').forEach(one => delete one.dataset.last);
  at.dataset.reached = at.dataset.last = 'yes';
  return {
    what: at.outerHTML.slice(0, 120),
    outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    seen: over !== null && (at.contains(over) || over.contains(at) || over.closest('label')?.control === at),
    again,
  };
}"""
UNREACHED = """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
  .filter(one => one.type !== 'hidden')
  .filter(one => one.checkVisibility({visibilityProperty: true}) && !one.matches(':disabled') && !one.dataset.reached)
  .filter(one => !(one.type === 'radio' && document.querySelector(`[name="${one.name}"][data-reached]`)))
  .map(one => one.outerHTML.slice(0, 120))"""


def tab_through(page: Page) -> tuple[list[str], int]:
    """What goes wrong on the way by the Tab key from the top of the page to its end, and how many stops there are."""
    wrong, steps = [], 0
    while True:
        page.keyboard.press("Tab")
        at, steps = page.evaluate(TABS), steps + 1
        if at is None or at["again"]:
            break
        wrong += [f"{fault}: {at['what']}" for fault in ("outlined", "seen") if not at[fault]]
        assert steps < 300, "a trap"
    return [*wrong, *(f"never reached: {what}" for what in page.evaluate(UNREACHED))], steps - 1


def test_every_control_is_reached_and_seen_by_keyboard(site, open_page):
    """WCAG 2.1.1, 2.1.2, 2.4.3, 2.4.7 and 2.4.11: reached, outlined, not covered, left again."""
    estate, wrong = possessions.estate(), {}
    hers, page = estate.holders[""].client, open_page(**browser.PHONE, **STILL)
    waiting = estate.ids["gateway:consent-for"]["uid"][0]
    asked = [
        "/",
        "/same/conditions/",
        "/record/Condition/hers/",
        "/hospitals/",
        "/apps/",
        "/share/new/",
        "/people/invite/",
    ]
    asked += ["/access/", "/account/", f"/oauth/consent/{waiting}/own", "/developers/apps/new/"]
    for path in asked:
        come_as(page, hers, site)
        page.goto(site + path)
        if found := tab_through(page)[0]:
            wrong[path] = found

    assert wrong == {}


def test_the_first_tab_leads_past_the_navigation(site, open_page):
    page = open_page(**STILL)
    come_as(page, people.browser_of(people.sign_up()), site)
    for path in ("/", "/hospitals/", "/developers/"):
        page.goto(site + path)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('main').contains(document.activeElement)"), path


@pytest.mark.slow
@pytest.mark.thorough
def test_every_page_by_rule_and_by_key_into_the_documentation(site, open_page, axe):
    """Each page of hers by axe-core and by keyboard; ``WRITE=yes`` (make accessibility) writes down what was found."""
    estate, rows, wrong = possessions.estate(), set(), {}
    page = open_page(**browser.PHONE, **STILL)
    for client, path in pages_of(estate):
        come_as(page, client, site)
        (broken, kept), (missed, stops) = at(page, site + path, lambda: (look(page, axe), tab_through(page)))
        if broken or missed:
            wrong[path] = broken + missed
        rows.add(f"| `{_pattern(path)}` | {kept} | {len(broken)} | {stops} | {len(missed)} |")

    assert wrong == {}
    if options.flag("WRITE"):
        PAGE.write_text(HEADING + "\n".join(sorted(rows)) + "\n")


def _pattern(path: str) -> str:
    """The address as the list of addresses has it."""
    return "/" + resolve(path).route.replace("^", "").replace("\\Z", "")


HEADING = """# Accessibility, page by page

Every page of the list of addresses with something of a person's on it, on a telephone (390 px): axe-core (WCAG 2.0,
2.1 and 2.2, A and AA, and its best practices) in light and dark, and the Tab key from top to end. Written by
`make accessibility`; the ordinary run of the tests asks the same of every page by axe-core, and of a dozen by keyboard.
*Missed*: controls that the key does not reach, or that show no outline or are covered when it does.

| page | rules kept | rules broken | stops of the Tab key | missed |
|---|---|---|---|---|
"""
