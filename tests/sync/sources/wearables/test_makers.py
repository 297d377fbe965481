"""Each maker's answers: small ones made up here, and recorded ones of the public data sets."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from local import seeding
from standards.fhir import json as fhir_json
from standards.fhir import validation
from sync.sources.wearables import makers, observations
from sync.sources.wearables.client import LISTED
from sync.sources.wearables.dexcom import mapping as dexcom
from sync.sources.wearables.fitbit import mapping as fitbit
from sync.sources.wearables.maker import About, Window
from sync.sources.wearables.oura import mapping as oura
from sync.sources.wearables.polar import mapping as polar
from sync.sources.wearables.readings import Night, Stage, Workout
from sync.sources.wearables.strava import mapping as strava

RECORDED = seeding.SHARED_DATA / "wearables"
recorded = pytest.mark.skipif(not RECORDED.exists(), reason="the public data sets do not lie beside the checkout")
LISBON = About(ZoneInfo("Europe/Lisbon"))
DAY = Window(date(2024, 5, 1), date(2024, 5, 1))


def told(name):
    return json.loads((RECORDED / name).read_text(), parse_float=Decimal)


def payload(name, context):
    (found,) = (each["payload"] for each in told(name) if each["context"].endswith(context))
    return found


def is_valid(found):
    composed = observations.compose(found.readings, patient="p", assembler="Maker")
    assert composed
    return all(not validation.problems(fhir_json.loads(fhir_json.dumps(each))) for each in composed)


def amounts(workout):
    return {metric.name: value for metric, value in workout.amounts}


# --- Oura


def test_oura_night_has_its_stages_and_its_pulse_where_she_was():
    row = {
        "id": "n1",
        "type": "long_sleep",
        "bedtime_start": "2024-05-01T23:00:00+02:00",
        "bedtime_end": "2024-05-01T23:12:00+02:00",
        "sleep_phase_5_min": "421",
        "heart_rate": {"interval": 300.0, "items": [55, None, 53], "timestamp": "2024-05-01T23:00:00+02:00"},
    }

    night, pulse = oura.nights([{"data": [row]}], About()).readings

    assert [(end - start, stage) for start, end, stage in night.stages] == [
        (timedelta(minutes=5), Stage.AWAKE),
        (timedelta(minutes=5), Stage.LIGHT),
        (timedelta(minutes=2), Stage.DEEP),
    ]
    assert (pulse.day, [each.value for each in pulse.samples]) == (date(2024, 5, 1), [55, 53])


def test_oura_pages_go_on_by_token_and_a_day_more_is_asked():
    feed = makers.MAKERS["oura"].feed("sleep")

    assert list(feed.asks(DAY, About())) == [{"start_date": "2024-05-01", "end_date": "2024-05-02"}]
    assert feed.following({"next_token": "abc"}, {}) == {"next_token": "abc"}
    assert feed.following({"next_token": None}, {}) is None


@recorded
def test_oura_recorded_days_nights_and_workouts():
    mocked = "oura-mock-client/mock_client_v2.json"
    days = oura.activity([payload(mocked, "daily_activity")], About())
    assert {each.metric.name: (each.day, each.value) for each in days.readings} == {
        "steps": (date(2021, 11, 26), 18430),
        "energy": (date(2021, 11, 26), 1222),
        "distance": (date(2021, 11, 26), 20122),
    }
    assert is_valid(days)

    # Recorded with an end before its start: it is counted, and nothing is made of it.
    assert oura.workouts([payload(mocked, "workouts")], About()).unusable == 1

    nights = oura.nights(
        [{"data": payload("open-wearables-payloads/oura__test_oura_247.py.json", "filters_correctly")}], About()
    )
    assert ([each.key for each in nights.readings], nights.passed_over) == (["s1", "s2"], 2)
    assert is_valid(nights)


# --- Fitbit


def test_fitbit_minutes_are_those_of_the_clock_in_her_zone():
    answer = {
        "activities-heart": [{"dateTime": "2024-05-01"}],
        "activities-heart-intraday": {
            "dataset": [{"time": "00:00:00", "value": 61}, {"time": "00:01:00", "value": 62}]
        },
    }

    (stream,) = fitbit.minutes("heart", "heart-rate")([answer], LISBON).readings

    assert (stream.day, [each.start.isoformat() for each in stream.samples]) == (
        date(2024, 5, 1),
        ["2024-05-01T00:00:00+01:00", "2024-05-01T00:01:00+01:00"],
    )


def test_fitbit_day_without_steps_is_one_on_which_nothing_was_worn():
    rows = [{"dateTime": "2024-05-01", "value": "8012"}, {"dateTime": "2024-05-02", "value": "0"}]

    found = fitbit.daily("steps", "steps")([{"activities-steps": rows}], LISBON)

    assert ([(each.day.day, each.value) for each in found.readings], found.passed_over) == ([(1, 8012)], 1)


def test_fitbit_asks_minutes_day_by_day():
    feed = makers.MAKERS["fitbit"].feed("minutes-steps")

    assert feed.path.format(day="2024-05-01") == "1/user/-/activities/steps/date/2024-05-01/1d/1min.json"


@recorded
def test_fitbit_recorded_nights_and_weights():
    nights = fitbit.nights([told("shimmer-vendor-responses/fitbit/fitbit-sleep-date.json")], LISBON)
    nap = nights.readings[0]
    assert (nights.unusable, nap.start.isoformat(), nap.durations()) == (
        0,
        "2016-12-13T09:59:00+00:00",
        {Stage.ASLEEP: timedelta(minutes=63)},
    )
    assert all(isinstance(each, Night) for each in nights.readings)
    assert is_valid(nights)

    weights = fitbit.weights([told("shimmer-vendor-responses/fitbit/fitbit-body-log-weight.json")], LISBON)
    kilograms = [each.value for each in weights.readings if each.metric.name == "weight"]
    assert (kilograms, weights.unusable) == ([Decimal("56.7"), Decimal("55.9"), Decimal("58.1"), Decimal("57.2")], 0)
    assert weights.readings[0].at.isoformat() == "2015-05-13T18:28:59+01:00"
    assert is_valid(weights)

    empty = fitbit.nights([told("shimmer-vendor-responses/fitbit/fitbit-sleep-date-empty-sleep-list.json")], LISBON)
    assert (empty.readings, empty.unusable) == ([], 0)


# --- Dexcom


def egv(minute, value, **changes):
    whole = {
        "systemTime": f"2024-05-02T01:{minute:02}:10",
        "displayTime": f"2024-05-01T18:{minute:02}:12",
        "transmitterId": "t1",
        "transmitterGeneration": "g7",
        "value": value,
        "unit": "mg/dL",
    }
    return whole | changes


def test_dexcom_day_is_that_of_her_clock_and_the_instant_that_of_the_system():
    found = dexcom.glucose([{"records": [egv(0, 104), egv(5, 108), egv(10, 39, status="low")]}], About())

    (stream,) = found.readings
    assert (stream.day, stream.device.name) == (date(2024, 5, 1), "Dexcom G7")
    assert [(each.start.isoformat(), each.value) for each in stream.samples] == [
        ("2024-05-01T18:00:10-07:00", 104),
        ("2024-05-01T18:05:10-07:00", 108),
        ("2024-05-01T18:10:10-07:00", 39),
    ]
    assert is_valid(found)


def test_dexcom_value_without_a_known_unit_is_passed_over_and_another_unit_converted():
    found = dexcom.glucose([{"records": [egv(0, 104, unit="unknown"), egv(5, Decimal("5.5"), unit="mmol/L")]}], About())

    assert ([each.value for each in found.readings[0].samples], found.passed_over) == ([Decimal("99.086")], 1)


def test_dexcom_never_asks_for_more_than_thirty_days():
    feed = makers.MAKERS["dexcom"].feed("egvs")
    (asked,) = feed.asks(Window(date(2024, 5, 1), date(2024, 5, 1) + timedelta(days=feed.days - 1)), About())

    assert asked == {"startDate": "2024-04-30T10:00:00", "endDate": "2024-05-29T12:00:00"}


# --- Strava and Polar


@recorded
def test_strava_recorded_activity_is_a_workout_where_it_began():
    row = told("strava-docs-samples/activity.3.json")

    found = strava.activities([{LISTED: [row]}], About())

    (workout,) = found.readings
    assert isinstance(workout, Workout)
    assert workout.start.utcoffset() == timedelta(hours=-8)
    assert amounts(workout)["distance"] == row["distance"]
    assert is_valid(found)


def test_strava_asks_for_the_next_page_only_after_a_full_one():
    feed = makers.MAKERS["strava"].feed("activities")

    assert feed.following({LISTED: [{}] * 200}, {"page": "1"}) == {"page": "2"}
    assert feed.following({LISTED: [{}] * 199}, {"page": "2"}) is None


@recorded
def test_polar_recorded_exercise():
    row = payload("open-wearables-payloads/conftest.py.json", "sample_polar_exercise")

    found = polar.exercises([{LISTED: [row, {"id": "broken"}]}], About())

    (workout,) = found.readings
    assert (workout.start.isoformat(), workout.end.isoformat(), workout.device.name) == (
        "2024-01-15T08:00:00+01:00",
        "2024-01-15T09:00:00+01:00",
        "Polar Vantage V2",
    )
    assert amounts(workout) == {"distance": 10000, "energy": 650, "heart-rate": 145}
    assert found.unusable == 1
    assert is_valid(found)


# --- all of them


def test_every_makers_addresses_follow_the_directorys_base():
    for name, maker in makers.MAKERS.items():
        assert maker.address(maker.authorize, maker.base) == maker.authorize, name
        assert maker.address(maker.token, "http://127.0.0.1:9/").startswith("http://127.0.0.1:9/"), name
        assert maker.base.startswith("https://"), name
        assert len({feed.name for feed in maker.feeds}) == len(maker.feeds), name
