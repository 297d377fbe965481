"""Withings' answers, made up here and recorded from the vendor's demonstration account."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from local import seeding
from standards.fhir import json as fhir_json
from standards.fhir import validation
from sync.sources.wearables import observations
from sync.sources.wearables.maker import About, Window
from sync.sources.wearables.readings import Night, Sample, Spot, Stage, Stream, Total
from sync.sources.wearables.withings import mapping
from sync.sources.wearables.withings.facts import WITHINGS

RECORDED = seeding.SHARED_DATA / "wearables"
recorded = pytest.mark.skipif(not RECORDED.exists(), reason="the public data sets do not lie beside the checkout")
PARIS = About(ZoneInfo("Europe/Paris"))


def group(**changes):
    whole = {
        "grpid": 7,
        "attrib": 0,
        "date": 1_711_846_800,  # 31 March 2024, 01:00 UTC: the minute in which Paris goes from 2 to 3
        "category": 1,
        "deviceid": "d1",
        "model": "Body Cardio",
        "measures": [{"value": 7130, "type": 1, "unit": -2}],
    }
    return whole | changes


def measures(*groups, zone="Europe/Paris"):
    return mapping.measures([{"timezone": zone, "measuregrps": list(groups)}], About())


def test_value_is_a_whole_number_times_a_power_of_ten():
    (weight,) = measures(group()).readings

    assert (weight.metric.name, str(weight.value), weight.device.name) == ("weight", "71.3", "Body Cardio")


def test_time_is_told_in_the_offset_of_her_zone_then():
    before, after = measures(group(date=1_711_846_799), group()).readings

    assert [each.at.isoformat() for each in (before, after)] == [
        "2024-03-31T01:59:59+01:00",
        "2024-03-31T03:00:00+02:00",
    ]


def test_pressure_is_one_reading_and_its_pulse_another():
    said = [
        {"value": 81, "type": 9, "unit": 0},
        {"value": 122, "type": 10, "unit": 0},
        {"value": 64, "type": 11, "unit": 0},
    ]

    pressure, pulse = measures(group(measures=said, attrib=2, deviceid=None)).readings

    assert [(part.name, value) for part, value in pressure.parts] == [("systolic", 122), ("diastolic", 81)]
    assert (pulse.metric.name, pulse.value, pulse.by_hand, pulse.device.name) == (
        "heart-rate",
        64,
        True,
        "Withings app",
    )


def test_goal_and_somebodys_weight_are_passed_over_and_a_broken_group_is_counted():
    found = measures(group(category=2), group(attrib=1), {"grpid": 1}, group())

    assert (len(found.readings), found.passed_over, found.unusable) == (1, 2, 1)


def test_height_comes_in_metres():
    (height,) = measures(group(measures=[{"value": 172, "type": 4, "unit": -2}])).readings

    assert height.value == 172


def test_intraday_is_a_stream_for_each_device():
    series = {
        "1714550400": {"steps": 60, "duration": 60, "deviceid": "w", "model": "ScanWatch"},
        "1714550401": {"steps": 55, "duration": 60, "deviceid": "p", "model": "Android phone"},
        "1714550460": {"heart_rate": 71, "deviceid": "w", "model": "ScanWatch"},
    }

    found = mapping.intraday([{"series": series}], PARIS).readings

    assert [(each.metric.name, each.device.key, each.day, len(each.samples)) for each in found] == [
        ("heart-rate", "w", date(2024, 5, 1), 1),
        ("steps", "w", date(2024, 5, 1), 1),
        ("steps", "p", date(2024, 5, 1), 1),
    ]
    assert isinstance(found[1], Stream)
    assert isinstance(found[1].samples[0], Sample)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2024, 3, 31), [23]), (date(2024, 10, 27), [24, 1]), (date(2024, 5, 1), [24])]
)
def test_day_is_asked_for_from_midnight_to_midnight_and_never_more_than_a_day_at_once(day, hours):
    asked = list(WITHINGS.feed("intraday").asks(Window(day, day), PARIS))

    assert [(int(each["enddate"]) - int(each["startdate"])) / 3600 for each in asked] == hours


@recorded
def test_562_recorded_pressures_arrive_with_their_pulse():
    listed = json.loads((RECORDED / "withings-demo-account" / "measurement_list.json").read_text(), parse_float=Decimal)

    found = measures(*listed)

    kinds = Counter("pressure" if each.metric is None else each.metric.name for each in found.readings)
    # One of the 562 the vendor itself could not tell whose it is.
    assert (kinds["pressure"], found.unusable) == (561, 0)
    assert all(isinstance(each, Spot) for each in found.readings)


@recorded
def test_recorded_nights_add_up():
    answer = json.loads((RECORDED / "withings-demo-account" / "sleep_summary.json").read_text(), parse_float=Decimal)

    found = mapping.nights([answer["body"]], About())

    rows = answer["body"]["series"]
    assert (len(found.readings), found.unusable) == (len(rows), 0)
    for row, night in zip(rows, found.readings, strict=True):
        assert isinstance(night, Night)
        asleep = sum((each for stage, each in night.durations().items() if stage is not Stage.AWAKE), timedelta())
        if "total_sleep_time" in row["data"] and row["data"]["total_sleep_time"]:
            assert asleep == timedelta(seconds=row["data"]["total_sleep_time"])


def stage(first, last, state, device="w"):
    return {"startdate": first, "enddate": last, "state": state, "hash_deviceid": device}


def test_night_has_the_stages_of_its_own_device_in_order_and_no_time_twice():
    summary = {"id": 1, "startdate": 600, "enddate": 1800, "hash_deviceid": "w", "data": {"deepsleepduration": 900}}
    stages = [
        stage(1200, 2400, 2),
        stage(0, 900, 1),
        stage(600, 1200, 1),  # told once more by the next answer
        stage(900, 1000, 5),  # no stage that we have a word for
        stage(600, 1800, 3, device="another"),
        {"state": 1, "startdate": "soon"},
    ]

    found = mapping.nights([{"series": [summary]}, {"series": stages}], About())

    (night,) = found.readings
    told = [(int(start.timestamp()), int(end.timestamp()), each) for start, end, each in night.stages]
    assert told == [(600, 900, Stage.LIGHT), (900, 1200, Stage.LIGHT), (1200, 1800, Stage.DEEP)]
    assert (night.durations(), found.unusable) == ({Stage.DEEP: timedelta(minutes=15)}, 0)


def test_stages_are_asked_from_noon_to_noon_and_not_of_long_before_she_connected():
    def asked(connected):
        window, about = Window(date(2024, 5, 1), date(2024, 5, 2)), About(ZoneInfo("UTC"), connected)
        told = [each for name in ("sleep", "nights") for each in WITHINGS.feed(name).asks(window, about)]
        summed = [each for each in told if each["action"] == "getsummary"]
        # Each night is asked for once, with its stages or without.
        assert (summed[0]["startdateymd"], summed[-1]["enddateymd"]) == ("2024-05-01", "2024-05-02")
        assert len({each["startdateymd"] for each in summed}) == len(summed)
        return [(int(each["startdate"]), int(each["enddate"])) for each in told if each["action"] == "get"]

    noon = 1_714_478_400  # 30 April 2024, 12:00
    days = [(noon + day * 86_400, noon + (day + 1) * 86_400) for day in range(3)]
    assert asked(date(2024, 5, 1)) == days
    assert asked(date(2024, 5, 2) + timedelta(days=14)) == days[1:]
    assert asked(date(2024, 5, 3) + timedelta(days=14)) == []


@recorded
def test_recorded_stages_lie_in_their_nights_and_add_up_to_what_the_night_says():
    nights, stages = (
        json.loads((RECORDED / "withings-demo-account" / name).read_text())["body"]
        for name in ("sleep_summary.json", "sleep_no_datafields.json")
    )

    found = mapping.nights([nights, stages], About())

    told = {each.key: each for each in found.readings if each.stages}
    # Of eight nights there are stages, of the last one its first minute only.
    assert (len(told), found.unusable) == (8, 0)
    whole = [night for night in told.values() if len(night.stages) > 1]
    assert len(whole) == 7
    for night in whole:
        added = Counter()
        for start, end, stage in night.stages:
            added[stage] += (end - start).total_seconds()
        lasted = {each: night.lasted[each].total_seconds() for each in (Stage.LIGHT, Stage.DEEP, Stage.REM)}
        assert {each: added[each] for each in lasted} == lasted
    composed = observations.compose(whole, patient="p", assembler="Withings")
    assert all(not validation.problems(fhir_json.loads(fhir_json.dumps(each))) for each in composed)
    assert sum("valueSampledData" in part for each in composed for part in each.get("component", ())) == 7


@recorded
def test_recorded_days_of_the_older_api():
    answer = json.loads(
        (RECORDED / "shimmer-vendor-responses" / "withings" / "withings-activity-measures.json").read_text(),
        parse_float=Decimal,
    )

    found = mapping.activities([answer["body"]], About())

    first = [each for each in found.readings if each.day == date(2015, 6, 18)]
    assert {each.metric.name: each.value for each in first} == {
        "steps": 2934,
        "distance": 2563,
        "energy": 139,
        "exercise": 9,
    }
    assert all(isinstance(each, Total) for each in found.readings)


@recorded
def test_all_that_was_recorded_is_valid_fhir():
    listed = json.loads((RECORDED / "withings-demo-account" / "measurement_list.json").read_text(), parse_float=Decimal)

    composed = observations.compose(measures(*listed).readings[:200], patient="p", assembler="Withings")

    assert [validation.problems(fhir_json.loads(fhir_json.dumps(each))) for each in composed] == [[]] * len(composed)
