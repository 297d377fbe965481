"""A day as her devices saw it: each walk once, and how the total was made."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from records import identity
from sync import device_orders
from sync.sources.wearables import observations, packing
from sync.sources.wearables.metrics import METRICS
from sync.sources.wearables.readings import Device, DeviceKind, Night, Sample, Stage
from tests.portal import people
from tests.portal.test_hospitals import words

pytestmark = pytest.mark.django_db

WATCH = Device("w", "Her watch", DeviceKind.WATCH)
PHONE = Device("p", "Her phone", DeviceKind.PHONE)
EIGHT = datetime(2024, 5, 1, 8, tzinfo=UTC)


def walked(device, *said):
    """``said``: (from, to, steps) in minutes after eight."""
    samples = [Sample(EIGHT + timedelta(minutes=a), EIGHT + timedelta(minutes=b), Decimal(n)) for a, b, n in said]
    return packing.by_day(METRICS["steps"], device, samples).streams


def keep(person, readings, *, source):
    composed = observations.compose(readings, patient=person.patient_id, assembler="Maker")
    ids = {
        f"{each['resourceType']}/{each['id']}": identity.logical_id(person.pk, source, each["resourceType"], each["id"])
        for each in composed
    }
    for each in composed:
        each["id"] = ids[f"{each['resourceType']}/{each['id']}"]
        if "device" in each:
            each["device"]["reference"] = "Device/" + ids[each["device"]["reference"]]
    people.store_records(person, composed, hospital=source)


def her_walks():
    person = people.sign_up()
    keep(person, [*walked(WATCH, (0, 20, 2000))], source="Maker of watches")
    keep(person, [*walked(PHONE, (0, 20, 1900), (40, 50, 1000))], source="Maker of phones")
    return person


def test_walk_that_two_devices_of_two_makers_saw_counts_once_and_the_page_says_how():
    page = words(people.browser_of(her_walks()).get("/days/2024-05-01/"))

    assert "Steps 3,000 steps How this total was made" in page
    assert "Her watch counted 2,000 steps; all of it counts." in page
    assert (
        "Her phone counted 2,900 steps; 1,000 steps of it counts: the rest was counted at the same time already."
        in page
    )
    assert "08:00\N{EN DASH}08:20 Her watch: 2,000 steps" in page
    assert "08:40\N{EN DASH}08:50 Her phone: 1,000 steps" in page


def test_night_and_nap_of_a_day_add_up_and_a_second_device_adds_nothing():
    person = people.sign_up()
    hour = timedelta(hours=1)
    night = [Night(EIGHT - 9 * hour, EIGHT - 2 * hour, WATCH, "n", lasted={Stage.LIGHT: 6 * hour, Stage.AWAKE: hour})]
    nap = [Night(EIGHT + 5 * hour, EIGHT + 6 * hour, WATCH, "m")]
    keep(person, [*night, *nap, Night(EIGHT - 9 * hour, EIGHT - 2 * hour, PHONE, "o")], source="Maker")

    page = words(people.browser_of(person).get("/days/2024-05-01/"))

    assert "Sleep 7 h 0 min" in page  # six hours asleep in the night, one at noon
    assert "Her phone counted 7 h 0 min; 0 minutes of it counts" in page


def test_her_order_of_devices_decides_and_is_nobody_elses():
    person = her_walks()
    browser = people.browser_of(person)
    page = browser.get("/days/2024-05-01/").content.decode()
    (phone,) = re.findall(r'name="device" value="([^"]+)"', page)

    answer = browser.post("/days/2024-05-01/first/", {"metric": "steps", "device": phone})

    assert answer.headers["Location"] == "/days/2024-05-01/"
    page = words(browser.get("/days/2024-05-01/"))
    assert "Steps 2,900 steps" in page
    assert "Her watch counted 2,000 steps; 0 steps of it counts" in page
    assert browser.post("/days/2024-05-01/first/", {"metric": "steps", "device": "none"}).status_code == 404
    assert browser.post("/days/2024-05-01/first/", {"metric": "none", "device": phone}).status_code == 404
    other = people.browser_of(people.sign_up())
    assert other.post("/days/2024-05-01/first/", {"metric": "steps", "device": phone}).status_code == 404
    assert device_orders.of(person.pk) == {"steps": [phone]}


def test_newest_day_is_found_and_an_empty_one_says_so():
    browser = people.browser_of(her_walks())

    assert browser.get("/days/").headers["Location"] == "/days/2024-05-01/"
    assert "None of your devices told us anything of it." in words(browser.get("/days/2024-05-02/"))
    assert browser.get("/days/2024-13-01/").status_code == 404
    assert "Connect a watch" in words(people.browser_of(people.sign_up()).get("/days/"))


def test_pulse_is_told_with_its_range():
    person = people.sign_up()
    beats = [Sample.at(EIGHT + timedelta(minutes=n), Decimal(60 + n)) for n in range(5)]
    keep(person, [*packing.by_day(METRICS["heart-rate"], WATCH, beats).streams], source="Maker")

    page = words(people.browser_of(person).get("/days/2024-05-01/"))

    assert "Heart rate 62 beats per minute on average; between 60 and 64" in page
    assert "Her watch measured 5 times; each counts." in page


def test_nobody_elses_day_is_shown():
    her_walks()

    assert "None of your devices" in words(people.browser_of(people.sign_up()).get("/days/2024-05-01/"))


def test_makers_are_listed_apart_from_hospitals():
    browser = people.browser_of(people.sign_up())
    entry = people.list_hospital("Maker of watches")
    assert "Maker of watches" in words(browser.get("/hospitals/"))

    type(entry).objects.filter(pk=entry.pk).update(vendor="withings", client_id="ours")

    assert "Maker of watches" not in words(browser.get("/hospitals/"))
    assert "Maker of watches Connect" in words(browser.get("/devices/"))
