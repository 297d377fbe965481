"""The readings of a time, as a reader may see them, in a fixed number of queries."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from benchmarks import walk
from consent import gate
from consent.terms import Terms
from records import sources
from records.models import SourceKind
from records.reading import RecordSet
from records.trends import gathering, measures
from records.trends.gathering import Period
from records.trends.places import Place, Sign
from standards.smart import scopes
from tests.records import people
from tests.records.trends.telling import observation, panel, quantity

pytestmark = pytest.mark.django_db
MARCH = Period(date(2024, 3, 1), date(2024, 3, 31))


def cuff():
    return sources.ensure(SourceKind.WEARABLE, "Maker", "https://maker.example/").pk


def put_home(person, *days, hour=7):
    told = [_of(panel(datetime(2024, 3, day, hour, tzinfo=UTC).isoformat(), 120 + day, 80)) for day in days]
    people.put(person, *told, source_id=cuff())


def _of(resource):
    category = [{"coding": [{"system": people.CATEGORY, "code": "vital-signs"}]}]
    return resource | {"subject": {"reference": "Patient/p"}, "category": category}


def test_each_reading_has_its_place_by_its_source_device_and_performer():
    person = people.sign_up()
    put_home(person, 4)
    device = {"resourceType": "Device", "id": "d", "patient": {"reference": "Patient/p"}}
    people.put(
        person,
        device,
        _of(panel("2024-03-05T10:00:00Z", 140, 90)),
        _of(panel("2024-03-06T10:00:00Z", 141, 90, device={"reference": "Device/d"})),
    )

    found = gathering.pressures(people.own(person), MARCH, zone=UTC)

    assert [(each.day.day, each.place, each.sign) for each in found.read.readings] == [
        (4, Place.HOME, Sign.FROM_HOME),
        (5, Place.CLINIC, Sign.FROM_A_CLINIC),
        (6, Place.HOME, Sign.HER_DEVICE),
    ]
    assert len(found.gathered.seen) == 3


def test_period_is_of_days_by_her_clock():
    person = people.sign_up()
    people.put(person, _of(panel("2024-02-29T23:30:00Z", 120, 80)), _of(panel("2024-03-31T23:30:00Z", 121, 80)))

    def days(zone):
        return [each.day for each in gathering.pressures(people.own(person), MARCH, zone=zone).read.readings]

    assert days(ZoneInfo("Europe/Paris")) == [date(2024, 3, 1)]
    assert days(UTC) == [date(2024, 3, 31)]


def test_what_a_reader_may_not_see_is_in_no_average():
    person = people.sign_up()
    put_home(person, 4, 5, 6)
    mine = gathering.pressures(people.own(person), MARCH, zone=UTC)
    assert mine.compared.home.average.count == 2

    rules = gate.rules([scopes.parse("patient/Observation.rs?category=laboratory")], Terms(), "s")
    theirs = gathering.pressures(RecordSet(person.pk, person.patient_id, rules), MARCH, zone=UTC)

    assert (theirs.compared.home.average, theirs.gathered.seen) == (None, ())


def test_queries_are_as_many_for_three_readings_as_for_hundreds():
    person = people.sign_up()
    put_home(person, 4, 5, 6)
    records = people.own(person)
    for hour in range(8, 20):
        put_home(person, *range(1, 31), hour=hour)

    with walk.counted() as asked:
        found = gathering.pressures(records, MARCH, zone=UTC)

    assert asked() <= 5
    assert len(found.read.readings) == 363


def test_more_than_can_be_read_is_told_and_hides_no_visit(monkeypatch):
    monkeypatch.setattr(gathering, "MOST", 10)
    person = people.sign_up()
    put_home(person, *range(5, 31))
    people.put(person, _of(panel("2024-03-02T10:00:00Z", 140, 90)))

    found = gathering.pressures(people.own(person), MARCH, zone=UTC)

    assert found.gathered.since == date(2024, 3, 21)
    assert [each.day.day for each in found.read.readings] == [2, *range(21, 31)]


def test_trend_of_a_measure_has_values_months_and_anomalies():
    person = people.sign_up()
    weights = [
        observation("29463-7", f"2024-03-{day:02}T08:00:00Z", **quantity(kg, "kg")) for day, kg in ((1, 80), (30, 75))
    ]
    people.put(person, *(_of(each) for each in weights))

    found = gathering.trend(people.own(person), measures.WEIGHT, MARCH, zone=UTC)

    assert [str(each.value) for each in found.values] == ["80", "75"]
    assert [each.rule for each in found.anomalies] == ["weight-lost"]
    assert [str(each.mean) for each in found.months] == ["77.5"]
    assert Period.back(31, until=MARCH.last) == MARCH
    assert MARCH.last - timedelta(days=30) == MARCH.first
