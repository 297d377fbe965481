"""A questionnaire from the clinic to her telephone and back into his frame, in a browser; each page as axe sees it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from smartlaunch.models import FollowUp
from tests import browser
from tests.architecture.test_accessibility import STILL, axe, come_as, look
from tests.clinic.test_follow_ups import opened_for
from tests.clinic.test_pages import patient_with_record
from tests.developers.conftest import site
from tests.portal import people

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
__all__ = ["axe", "site"]
FRAME = {"width": 600, "height": 800}


@pytest.mark.parametrize(("language", "worse"), [("en", "Worse"), ("es", "Peor")])
def test_he_asks_she_answers_on_her_phone_and_he_reads_it(site, open_page, axe, language, worse):
    person, wrong = patient_with_record(), {}
    visit, frame, chosen = opened_for(person)
    his, hers = open_page(**FRAME, **STILL), open_page(**browser.PHONE, **STILL)

    def seen(page: Page) -> None:
        found = look(page, axe)[0], browser.overflow(page), browser.too_small(page)
        if found != ([], 0, []):
            wrong[page.url] = found

    come_as(his, frame, site)
    his.goto(f"{site}/ehr/{visit.uid}/questionnaires/")
    seen(his)
    his.get_by_label("Questionnaire").select_option(str(chosen.uid))
    his.get_by_label("A word to the patient").fill("How are you after Tuesday?")
    his.get_by_role("button", name="Ask", exact=True).click()
    expect(his.get_by_text("not answered yet")).to_be_visible()
    seen(his)

    come_as(hers, people.browser_of(person), site, language=language)
    follow_up = FollowUp.objects.get()
    hers.goto(f"{site}/")
    hers.locator(f"main a[href='/asked/{follow_up.pk}/']").click()
    seen(hers)
    hers.locator("[name=q1]").select_option(label=worse)
    hers.locator("[name=q3]").fill("The stairs")
    hers.locator("main form button").first.click()
    expect(hers).to_have_url(f"{site}/own/answers/")
    seen(hers)

    his.goto(f"{site}/ehr/{visit.uid}/questionnaires/")
    his.get_by_role("link", name="After a visit").click()
    expect(his.get_by_text("Worse", exact=True)).to_be_visible()
    expect(his.get_by_text("The stairs")).to_be_visible()
    seen(his)
    assert wrong == {}


def test_it_is_all_done_without_scripts_and_with_the_keyboard(site, open_page):
    person = patient_with_record()
    visit, frame, chosen = opened_for(person)
    his, hers = open_page(**FRAME, java_script_enabled=False), open_page(**browser.PHONE, java_script_enabled=False)
    come_as(his, frame, site)
    his.goto(f"{site}/ehr/{visit.uid}/questionnaires/")
    his.get_by_label("Questionnaire").select_option(str(chosen.uid))
    his.get_by_role("button", name="Ask", exact=True).press("Enter")
    expect(his.get_by_text("not answered yet")).to_be_visible()

    come_as(hers, people.browser_of(person), site)
    hers.goto(f"{site}/asked/{FollowUp.objects.get().pk}/")
    hers.locator("[name=q1]").focus()
    hers.keyboard.press("ArrowDown")
    for _ in range(5):
        hers.keyboard.press("Tab")
    expect(hers.get_by_role("button", name="Send")).to_be_focused()
    hers.keyboard.press("Enter")
    expect(hers).to_have_url(f"{site}/own/answers/")
    his.goto(f"{site}/ehr/{visit.uid}/questionnaires/{FollowUp.objects.get().pk}/")
    expect(his.get_by_text("Better", exact=True)).to_be_visible()
