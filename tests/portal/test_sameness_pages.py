"""One list from all sources, in a browser: it unfolds without script, fits and can be touched."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests import browser
from tests.portal import people
from tests.portal.test_pages import sign_in
from tests.records.sameness.telling import allergy, medicine, problem, state

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    ("size", "language"), [(browser.PHONE, "en"), (browser.DESKTOP, "es")], ids=["390-en", "1280-es"]
)
def test_lists_and_disagreements_fit_and_unfold(live_server, open_page, size, language):
    person = people.sign_up(name="Maximiliana Fernández de la Torre")
    ended = problem("e", "Acute viral sinusitis (disorder)", "444814009", clinicalStatus=state("resolved"))
    people.store_records(
        person,
        [problem("a", onsetDateTime="2019-03"), ended, allergy("none", "No known allergies"),
         medicine("m", "Lisinopril 10 MG Oral Tablet", "314076")],
    )  # fmt: skip
    people.store_records(
        person,
        [problem("b", "Bronchial asthma", onsetDateTime="2021-05-06"), allergy("nut", "Peanut"),
         medicine("n", "lisinopril 20 mg tablet"),
         medicine("o", "Hydrochlorothiazide 25 MG / Lisinopril 20 MG Oral Tablet")],
        hospital="Cedar Clinic of Madison and the Lakes",
    )  # fmt: skip
    page, wrong = open_page(**size, java_script_enabled=False), {}
    sign_in(page, live_server.url, person)
    if language == "es":
        page.get_by_role("button", name="Español").click()

    for address in ("", "problems/", "medicines/", "allergies/", "differences/", "with/Condition/a/"):
        page.goto(f"{live_server.url}/same/{address}")
        for summary in page.locator(".told > summary").all():
            summary.click()
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        if address == "problems/":
            expect(page.locator(".voice:visible")).to_have_count(3)
        found = page_problems(page)
        if found:
            wrong[address] = found

    assert wrong == {}


def page_problems(page) -> list[str]:
    wide = browser.overflow(page)
    return [*([f"{wide} px too wide"] if wide else []), *browser.too_small(page)]
