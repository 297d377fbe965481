"""Whole walks of a patient through her pages, in a browser: at least one for each paragraph of what the portal is for.

docs/journeys.md says which test shows which sentence.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Page, expect

from portal import ahead
from records import sources, store
from records.models import SourceKind
from tests import browser
from tests.portal import people
from tests.portal.test_pages import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
YESTERDAY = timezone.now() - timedelta(days=1)


@pytest.fixture
def site(live_server, settings) -> str:
    settings.PUBLIC_URL = live_server.url
    return live_server.url


def went(page: Page, address: str) -> None:
    page.goto(address)
    assert browser.overflow(page) == 0, address


def medicine(person, logical_id: str, name: str, started: str, *, status: str = "active") -> dict:
    return {
        "resourceType": "MedicationRequest",
        "id": logical_id,
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm",
                                                  "code": "314076", "display": name}]},
        "subject": {"reference": f"Patient/{person.patient_id}"},
        "authoredOn": started,
    }  # fmt: skip


def seen_by_two_hospitals(**fields):
    """Glucose over two years, one medicine that both tell of, a problem, and a second hospital that came yesterday."""
    person = people.sign_up(**fields)
    glucose = {"coding": [{"system": "http://loinc.org", "code": "2345-7",
                           "display": "Glucose [Mass/volume] in Serum or Plasma"}]}  # fmt: skip
    results = [
        people.observation(
            person,
            f"g{year}",
            code=glucose,
            valueQuantity={"value": 90 + number, "unit": "mg/dL", "system": "http://unitsofmeasure.org",
                           "code": "mg/dL"},
            effectiveDateTime=f"{year}-05-01T23:30:00Z",
        )
        for number, year in enumerate((2023, 2024))
    ]  # fmt: skip
    tablets = medicine(person, "m", "lisinopril 10 MG Oral Tablet", "2024-01-05")
    people.store_records(person, [*results, tablets, people.condition(person, "c")])
    lakeside = sources.ensure(SourceKind.EHR, "Lakeside", "https://lakeside.example/fhir")
    with transaction.atomic():
        store.put_page(
            owner_id=person.pk,
            source_id=lakeside.pk,
            resources=[medicine(person, "m2", "lisinopril 10 MG Oral Tablet", "2024-02-06")],
            at=YESTERDAY,
        )
    return person


def test_she_sees_what_is_new_finds_it_and_is_led_to_where_it_came_from(site, open_page):
    person = seen_by_two_hospitals()
    page = open_page(**browser.PHONE)
    sign_in(page, site, person)

    page.get_by_role("link", name=re.compile("^Lakeside")).click()  # what is new leads to the timeline of its source
    expect(page.get_by_role("heading", level=1)).to_have_text("Timeline")
    expect(page.locator("ul.rows > li")).to_have_count(1)

    went(page, f"{site}/timeline/")
    page.get_by_label("Search").fill("blood sugar")  # by the plain word; its source never wrote it
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("ul.rows > li")).to_have_count(2)
    page.get_by_text("Choose kind, source and time").click()
    page.get_by_label("Go to this day and back from there").fill("2023-12-31")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("ul.rows > li")).to_have_count(1)
    page.get_by_role("link", name=re.compile("Blood sugar")).click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Blood sugar (glucose)")
    for words in ("Glucose [Mass/volume] in Serum or Plasma", "In plain words", "Where it came from", "Riverside"):
        expect(page.get_by_text(words).first).to_be_visible()
    page.get_by_role("link", name="See it over time").click()
    expect(page.get_by_role("heading", name="Every value")).to_be_visible()


def test_one_list_unfolds_into_who_said_what_and_was_shorter_the_day_before(site, open_page):
    person = seen_by_two_hospitals()
    page = open_page()
    sign_in(page, site, person)

    went(page, f"{site}/same/medicines/")
    expect(page.locator("details.told")).to_have_count(1)
    page.locator("details.told > summary").click()
    expect(page.locator(".voice")).to_have_count(2)
    expect(page.locator(".voices")).to_contain_text("Lakeside")

    page.get_by_text("As it was known on another day").click()
    page.get_by_label("Day", exact=True).fill((YESTERDAY - timedelta(days=2)).date().isoformat())
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("As it was known here on")).to_be_visible()
    page.locator("details.told > summary").click()
    expect(page.locator(".voice")).to_have_count(1)
    page.get_by_role("link", name="Back to today").click()
    expect(page.get_by_text("As it was known here on")).to_have_count(0)


def test_what_she_writes_is_hers_and_she_corrects_it_and_takes_it_back(site, open_page):
    page = open_page(**browser.PHONE)
    sign_in(page, site, people.sign_up())

    went(page, f"{site}/own/")
    page.get_by_role("link", name="Blood pressure", exact=True).click()
    page.get_by_label("Upper number").fill("300")
    page.get_by_label("Lower number").fill("8")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".errorlist")).to_have_count(1)  # a slip is told at the field
    page.get_by_label("Upper number").fill("128")
    page.get_by_label("Lower number").fill("82")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("128/82 mmHg")).to_be_visible()

    page.get_by_role("link", name="Correct it or take it back").click()
    page.get_by_label("Upper number").fill("126")
    page.get_by_role("button", name="Correct it").click()
    expect(page.get_by_text("126/82 mmHg")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Blood pressure")).last.click()
    expect(page.get_by_text("You wrote this yourself.")).to_be_visible()
    page.get_by_role("link", name="Correct it or take it back").click()
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_text("entered in error", exact=True)).to_be_visible()


def test_without_javascript_she_signs_in_sees_and_shares(site, open_page):
    person = seen_by_two_hospitals()
    page = open_page(**browser.PHONE, java_script_enabled=False)
    sign_in(page, site, person)

    page.get_by_role("link", name="Results and measurements", exact=True).click()
    page.get_by_role("link", name=re.compile("Blood sugar")).click()
    assert page.locator("svg path.curve-dots, svg path.curve-line").count() > 0
    expect(page.get_by_role("cell", name="91 mg/dL").first).to_be_visible()
    page.goto(f"{site}/share/new/")
    page.locator("[name=label]").fill("School nurse")
    page.get_by_role("button", name="Make the link").click()
    expect(page.get_by_alt_text("A QR code that holds the link below.")).to_be_visible()
    assert "/view/#shlink:/" in page.locator("#address").input_value()
    page.goto(f"{site}/share/")
    page.get_by_role("button", name="As long again").click()
    expect(page.get_by_text("School nurse").first).to_be_visible()
    page.get_by_role("link", name="Stop it").first.click()
    page.get_by_role("button", name="Stop it").click()
    expect(page.get_by_role("heading", name="Links that are open")).to_be_visible()
    assert page.get_by_role("link", name="Show the link").count() == 0


def test_her_time_zone_and_language_change_what_every_page_says(site, open_page):
    person = seen_by_two_hospitals(time_zone="America/New_York")
    page = open_page()
    sign_in(page, site, person)
    address = f"{site}/record/Observation/g2024/"
    page.goto(address)
    expect(page.locator(".heading p")).to_have_text("May 1, 2024, 7:30 PM")

    page.goto(f"{site}/account/")
    page.get_by_label("Time zone").select_option("Europe/Madrid")
    page.get_by_label("Language").select_option("es")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    page.goto(address)
    expect(page.locator(".heading p")).to_have_text("2 de mayo de 2024 a las 01:30")
    expect(page.get_by_role("heading", level=1)).to_have_text("Azúcar en la sangre (glucosa)")

    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator(".heading p")).to_have_text("May 2, 2024, 1:30 AM")


def test_she_asks_to_be_erased_and_thinks_again(site, open_page):
    person = seen_by_two_hospitals()
    page = open_page(**browser.PHONE)
    sign_in(page, site, person)

    page.goto(f"{site}/account/")
    page.get_by_role("link", name="Erase everything").click()
    expect(page.get_by_role("link", name="Download everything first")).to_be_visible()
    page.get_by_role("button", name="Erase everything").click()
    expect(page.get_by_role("heading", name="Your record will be erased")).to_be_visible()
    page.get_by_role("button", name="Keep my record").click()
    page.goto(f"{site}/account/erase/")
    expect(page.get_by_role("heading", name="Erase everything?")).to_be_visible()
    page.goto(f"{site}/results/")
    expect(page.get_by_role("link", name=re.compile("Blood sugar"))).to_be_visible()


def test_she_asks_for_a_reminder_gets_it_by_mail_and_reads_what_is_to_come(site, open_page):
    person = people.sign_up()
    start = timezone.now() + timedelta(hours=20)
    patient = {"reference": f"Patient/{person.patient_id}"}
    visit = {"resourceType": "Appointment", "id": "visit", "status": "booked", "description": "Eye clinic"}
    visit |= {"start": start.astimezone(UTC).isoformat(), "end": (start + timedelta(hours=1)).isoformat()}
    people.store_records(person, [visit | {"participant": [{"status": "accepted", "actor": patient}]}])
    page = open_page(**browser.PHONE)
    sign_in(page, site, person)

    page.goto(f"{site}/account/notices/")
    page.get_by_label("An appointment, the day before").select_option("mail")
    page.get_by_role("button", name="Save").click()
    mail.outbox.clear()
    assert ahead.remind(at=datetime.now(UTC)) == 1
    (message,) = mail.outbox
    assert "Eye clinic" not in message.subject + message.body

    page.goto(re.search(r"https?://\S+/record/Appointment/visit/", message.body)[0])
    expect(page.get_by_role("heading", name="Eye clinic")).to_be_visible()
    page.goto(f"{site}/visits/")
    expect(page.get_by_role("link", name=re.compile("Eye clinic"))).to_be_visible()


def test_every_journey_that_is_named_is_there():
    told = (Path(__file__).parents[2] / "docs" / "journeys.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", told)

    assert len(named) > 30
    for path, name in named:
        written = (Path(__file__).parents[2] / path).read_text("utf-8")
        assert f"def {name}(" in written, f"{path}::{name}"
