"""Her pressure at home beside the clinic's, as a page: the numbers, why, and nothing that a reader may not see."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import Event
from portal import readings
from records import sources, store
from records.models import SourceKind
from tests.portal import people
from tests.portal.test_hospitals import words
from tests.records.trends import telling

pytestmark = pytest.mark.django_db
CATEGORY = [{"coding": [{"system": people.OBSERVATION_CATEGORY, "code": "vital-signs"}]}]


def put(person, kind, *resources):
    source = sources.ensure(kind, f"A {kind}", f"https://{kind}.example/fhir")
    whole = [
        each | {"category": CATEGORY, "subject": {"reference": f"Patient/{person.patient_id}"}} for each in resources
    ]
    with transaction.atomic():
        assert not store.put_page(owner_id=person.pk, source_id=source.pk, resources=whole, at=people.LOADED).refused


def measured(person):
    """Four days with two mornings and two evenings of 150/95, and two visits with 120/75."""
    today = timezone.now().astimezone(ZoneInfo("UTC")).replace(minute=0, second=0, microsecond=0)

    def at(days, hour, minute=0):
        return (today - timedelta(days=days)).replace(hour=hour, minute=minute).isoformat()

    home = [
        telling.panel(at(9 + day, hour, minute), 150, 95) for day in range(4) for hour in (7, 21) for minute in (0, 1)
    ]
    put(person, SourceKind.WEARABLE, *home)
    put(person, SourceKind.EHR, telling.panel(at(5, 10), 120, 75), telling.panel(at(3, 10), 120, 75))


def test_page_tells_both_sides_the_pattern_and_how_it_was_worked_out():
    person = people.sign_up()
    measured(person)

    page = words(people.browser_of(person).get("/readings/"))

    assert "At home 150.0/95.0 mmHg 12 readings on 3 days" in page
    assert "In the clinic 120.0/75.0 mmHg 2 readings on 2 days" in page
    assert "Europe: ESH/ESC : Masked pattern" in page.replace("ESC:", "ESC :")
    assert "At home at or above 135/85, in the clinic below 140/90." in page
    assert "is left out (4 readings)" in page
    assert "At home: it came from a maker of devices, an app or a phone" in page


def test_page_is_one_event_in_her_log_and_none_where_it_showed_nothing():
    person = people.sign_up()
    assert "No blood pressure reading in this time." in words(people.browser_of(person).get("/readings/"))
    assert not Event.objects.filter(owner_id=person.pk, interaction="search").exists()

    measured(person)
    people.browser_of(person).get("/readings/")

    (event,) = Event.objects.filter(owner_id=person.pk, interaction="search")
    assert event.detail == {"types": {"Observation": 18}}


@pytest.mark.parametrize(
    ("asked", "months"), [("3", 3), ("24", 24), ("5", 6), ("", 6), (None, 6), ("9" * 99, 6), ("²", 6)]
)
def test_only_the_offered_times_can_be_asked_for(asked, months):
    assert readings.months_asked(asked) == months


def test_what_stands_out_names_its_rule_and_its_document():
    person = people.sign_up()
    now = timezone.now()
    put(person, SourceKind.WEARABLE, telling.panel(now.isoformat(), 190, 100))
    weights = [
        telling.observation(
            "29463-7", (timezone.now() - timedelta(days=days)).isoformat(), **telling.quantity(kg, "kg")
        )
        for days, kg in ((60, Decimal(80)), (1, Decimal("75.5")))
    ]
    put(person, SourceKind.APP, *weights)

    page = words(people.browser_of(person).get("/readings/"))

    assert "Very high blood pressure 1 time, last 190/100 mmHg on" in page
    assert "A reading above 180 systolic or above 120 diastolic. 2017 ACC/AHA Guideline" in page
    assert "Weight lost \N{MINUS SIGN}4.5 kg (\N{MINUS SIGN}5.6 %) until" in page
    assert "Cederholm" in page


def test_queries_do_not_grow_with_the_readings():
    person = people.sign_up()
    measured(person)
    browser = people.browser_of(person)
    browser.get("/readings/")
    counted = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            browser.get("/readings/?months=24")
        counted.append(len(queries))
        more = [(timezone.now() - timedelta(days=days)).isoformat() for days in range(30, 230)]
        put(person, SourceKind.WEARABLE, *(telling.panel(when, 130, 80) for when in more))

    assert counted[0] == counted[1] <= 30
