"""A story in a browser: she writes on her telephone, a clinician reads it in his chart and answers, she reads that."""

from __future__ import annotations

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import expect

from smartlaunch import notices
from tests import browser
from tests.clinic import charts
from tests.portal import people
from tests.portal.test_pages import sign_in
from tests.smartlaunch import clinics
from tests.smartlaunch.test_frames import chart, ehr, heading, open_chart, profile

__all__ = ["chart", "ehr", "profile"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def fits(page) -> None:
    assert browser.overflow(page) == 0
    assert browser.too_small(page, least=44) == []


def test_she_writes_he_reads_and_answers_and_she_is_told_and_reads_it(live_server, open_page, profile, chart, ehr):
    person = people.sign_up(name="Zenobia Quillfeather")
    charts.link(person, ehr, "p1")
    charts.share(person, ehr.organization)
    phone = open_page(**browser.PHONE)
    sign_in(phone, live_server.url, person)
    phone.goto(f"{live_server.url}/share/")
    phone.get_by_role("link", name="Messages with clinics").click()
    fits(phone)
    phone.get_by_role("link", name=ehr.organization.name).click()
    phone.get_by_label("What it is about").fill("Knee")
    phone.get_by_label("Message", exact=True).fill("May I run again?\nIt is six weeks now.")
    phone.get_by_role("button", name="Send").click()
    expect(phone.get_by_text("Your message is sent.")).to_be_visible()
    expect(phone.get_by_text("not opened yet")).to_be_visible()
    fits(phone)

    page = open_chart(profile(cookie_controls_mode=1), chart)
    heading(page).to_have_text("Summary")
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="1 new message from the patient").click()
    expect(frame.get_by_text("May I run again?")).to_be_visible()
    frame.get_by_label("Message", exact=True).fill("Yes, slowly.")
    frame.get_by_role("button", name="Send", exact=True).click()
    expect(frame.get_by_role("status")).to_contain_text("Sent.")
    expect(frame.get_by_text("Yes, slowly.")).to_be_visible()

    notices.tell_of_message(person.pk, at=timezone.now())
    assert [(each.to, "slowly" in each.body) for each in mail.outbox] == [([person.email], False)]
    phone.goto(f"{live_server.url}/")
    expect(phone.get_by_text("1 new message from a clinic.", exact=True)).to_be_visible()
    phone.get_by_role("link", name="Open your messages").click()
    phone.get_by_role("link", name=ehr.organization.name).click()
    expect(phone.get_by_text("Yes, slowly.")).to_be_visible()
    expect(phone.get_by_text("Dr. Ana Rivera", exact=False)).to_be_visible()
    expect(phone.get_by_text("not opened yet")).to_have_count(0)


def test_without_scripts_and_in_spanish_it_is_the_same(live_server, open_page):
    person, organization = people.sign_up(language="es"), clinics.ehr().organization
    charts.share(person, organization)
    page = open_page(**browser.SMALL_PHONE, java_script_enabled=False, locale="es")
    page.goto(f"{live_server.url}/accounts/login/")
    page.locator("[name=login]").fill(person.email)
    page.locator("[name=password]").fill(people.PASSWORD)
    page.locator("form.stack button").first.click()
    page.goto(f"{live_server.url}/messages/{organization.uid}/")

    page.get_by_label("Mensaje", exact=True).fill("¿Puedo correr?")
    page.get_by_role("button", name="Enviar").click()

    expect(page.get_by_text("Su mensaje está enviado.")).to_be_visible()
    expect(page.get_by_text("¿Puedo correr?")).to_be_visible()
    assert browser.overflow(page) == 0
