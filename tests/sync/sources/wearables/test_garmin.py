"""Garmin's summaries, made up here and as its documentation and others' tests have them."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from local import seeding
from standards.fhir import json as fhir_json
from standards.fhir import validation
from standards.fhir.json import ExactDecimal
from sync.sources.wearables import observations, pushes
from sync.sources.wearables.garmin import mapping
from sync.sources.wearables.garmin.facts import GARMIN
from sync.sources.wearables.maker import About, Found
from sync.sources.wearables.readings import Night, Spot, Stage, Stream, Total, Workout

RECORDED = seeding.SHARED_DATA / "wearables"
recorded = pytest.mark.skipif(not RECORDED.exists(), reason="the public data sets do not lie beside the checkout")
KINDS = [feed.name for feed in GARMIN.feeds]

MIDNIGHT = 1_714_514_400  # 1 May 2024, 00:00 in Paris


def read(kind: str, *rows: dict[str, Any]) -> Found:
    return mapping.READS[kind]([{kind: list(rows)}], About())


def is_valid(found: Found) -> bool:
    composed = observations.compose(found.readings, patient="p", assembler="Garmin")
    return all(not validation.problems(fhir_json.loads(fhir_json.dumps(each))) for each in composed)


def at(seconds: int, **more: Any) -> dict[str, Any]:
    whole = {"startTimeInSeconds": MIDNIGHT + seconds, "startTimeOffsetInSeconds": 7200, "durationInSeconds": 900}
    return {"summaryId": f"s{seconds}", **whole, **more}


def test_quarter_of_an_hour_in_two_ways_of_moving_is_counted_together():
    found = read("epochs", at(0, steps=93, activityType="WALKING"), at(0, steps=400, activityType="RUNNING"))

    (stream,) = found.readings
    assert (stream.day, [(each.start.isoformat(), each.value) for each in stream.samples]) == (
        date(2024, 5, 1),
        [("2024-05-01T00:00:00+02:00", 493)],
    )


def test_day_has_its_totals_and_the_pulse_by_its_offset():
    found = read(
        "dailies",
        at(
            0,
            calendarDate="2024-05-01",
            steps=8012,
            floorsClimbed=0,
            averageHeartRateInBeatsPerMinute=72,
            moderateIntensityDurationInSeconds=1830,
            timeOffsetHeartRateSamples={"15": 61, "30": 0, "45": 63},
        ),
    )

    totals = {each.metric.name: each.value for each in found.readings if isinstance(each, Total)}
    # A count of none is no count, and the mean there is one of a week.
    assert totals == {"steps": 8012, "exercise": 30}
    (pulse,) = [each for each in found.readings if isinstance(each, Stream)]
    assert [(each.start.isoformat(), each.value) for each in pulse.samples] == [
        ("2024-05-01T00:00:15+02:00", 61),
        ("2024-05-01T00:00:45+02:00", 63),
    ]
    assert is_valid(found)


def test_series_that_runs_past_midnight_is_of_two_days():
    late = {"0": 14.5, "7200": 13}

    found = read("allDayRespiration", at(23 * 3600, timeOffsetEpochToBreaths=late))

    assert [(each.day.day, [one.value for one in each.samples]) for each in found.readings] == [
        (1, [Decimal("14.5")]),
        (2, [13]),
    ]


def test_sleep_that_is_told_anew_is_the_same_night_and_one_without_a_watch_is_none():
    tentative = at(0, durationInSeconds=3600, deepSleepDurationInSeconds=3600, validation="AUTO_TENTATIVE")
    final = at(600, durationInSeconds=7200, deepSleepDurationInSeconds=7000, validation="AUTO_FINAL")

    found = read("sleeps", tentative, final, at(80_000, validation="OFF_WRIST"))

    (night,) = found.readings
    assert (night.key, night.durations(), found.passed_over) == ("s0", {Stage.DEEP: timedelta(seconds=7000)}, 1)


def test_time_awake_belongs_to_the_night_whether_or_not_its_length_counts_it():
    parts = {"deepSleepDurationInSeconds": 3000, "awakeDurationInSeconds": 600}

    without, within = (read("sleeps", at(0, durationInSeconds=lasted, **parts)).readings[0] for lasted in (3000, 3600))

    assert without.end == within.end == without.start + timedelta(seconds=3600)


def test_nap_of_another_time_spoils_the_night_that_it_comes_with():
    nap = {"napDurationInSeconds": 600, "napStartTimeInSeconds": MIDNIGHT + 50 * 3600}

    found = read("sleeps", at(0, durationInSeconds=3600, naps=[nap]))

    assert (found.readings, found.unusable) == ([], 1)


def test_number_with_an_exponent_beyond_all_measure_is_unreadable_and_is_not_calculated():
    beyond = ExactDecimal("1e999999999")

    found = read("sleeps", at(0, durationInSeconds=beyond))
    assert (found.readings, found.unusable) == ([], 1)
    found = read("dailies", at(0, durationInSeconds=3600, steps=beyond))
    assert (found.readings, found.unusable) == ([], 1)


def test_nap_is_a_sleep_of_its_own():
    nap = {"napDurationInSeconds": 600, "napStartTimeInSeconds": MIDNIGHT + 50_000, "napOffsetInSeconds": 7200}

    _, nap = read("sleeps", at(0, durationInSeconds=3600, naps=[nap])).readings

    assert (nap.start.isoformat(), nap.durations()) == (
        "2024-05-01T13:53:20+02:00",
        {Stage.ASLEEP: timedelta(minutes=10)},
    )


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("dailies", at(0, timeOffsetHeartRateSamples={"999999999": 60})),
        ("dailies", at(0, timeOffsetHeartRateSamples=[60])),
        ("dailies", at(0, steps=True)),
        ("dailies", at(0, steps=1, calendarDate="today")),
        ("epochs", at(0, durationInSeconds=10**9, steps=1)),
        ("epochs", at(10**18, steps=1)),
        ("epochs", at(0, startTimeOffsetInSeconds=10**6, steps=1)),
        ("sleeps", at(0, sleepLevelsMap={"deep": [{"startTimeInSeconds": "x"}]})),
        ("bloodPressures", at(0, systolic=120)),
        ("activities", at(0)),
        ("bodyComps", {"weightInGrams": 1}),
    ],
)
def test_what_makes_no_sense_is_counted_and_nothing_is_made_of_it(kind, row):
    found = read(kind, row, None, "x")

    assert (found.readings, found.unusable) == ([], 3)


def told(name: str) -> pushes.Told:
    body = (RECORDED / "garmin-health-docs" / name).read_bytes()
    return pushes.read(GARMIN.push, body, KINDS)


def of(name: str, account: str = "sub-1") -> Found:
    entries = told(name).entries[account]
    return read(entries[0].kind, *(dict(each.content) for each in entries))


@recorded
def test_documented_pushes_are_read():
    pressure, pulse = of("blood_pressure.json").readings
    assert [(part.name, value) for part, value in pressure.parts] == [("systolic", 120), ("diastolic", 110)]
    assert (pressure.at.isoformat(), pressure.by_hand, pulse.value) == ("2022-09-21T11:00:00-05:00", True, 82)

    (steps, distance, energy) = of("epoch.json").readings
    assert [(each.metric.name, each.samples[0].value) for each in (steps, distance, energy)] == [
        ("steps", 93),
        ("distance", Decimal("49.11")),
        ("energy", 24),
    ]
    (oxygen,) = of("pulse_ox.json").readings
    assert [(each.start.isoformat(), each.value) for each in oxygen.samples] == [("2019-10-29T15:29:00+01:00", 93)]

    (night,) = of("sleeps.json").readings
    assert isinstance(night, Night)
    assert night.durations()[Stage.DEEP] == timedelta(seconds=11231)
    # Its map goes on for half a day after the night was over.
    assert all(start < end <= night.end for start, end, _ in night.stages)

    (run,) = of("activities.json").readings
    assert (run.device.name, run.said) == ("Forerunner 910XT", "RUNNING")
    assert told("stress.json").entries == told("health_snapshot.json").entries == {}
    for name in ("blood_pressure", "epoch", "pulse_ox", "sleeps", "activities"):
        assert is_valid(of(f"{name}.json")), name


@recorded
def test_payloads_of_other_peoples_tests_are_read():
    listed = json.loads((RECORDED / "open-wearables-payloads" / "garmin__test_garmin_247.py.json").read_text())
    payloads = {each["context"].rpartition(".")[2]: each["payload"] for each in listed}

    day = read("dailies", payloads["sample_daily"])
    assert {each.metric.name: each.value for each in day.readings if isinstance(each, Total)} == {
        "steps": 12500,
        "distance": Decimal("9500.5"),
        "energy": 650,
        "floors": 12,
        "resting-heart-rate": 55,
    }
    assert [each.metric.name for each in read("bodyComps", payloads["sample_body_comp"]).readings] == [
        "weight",
        "body-fat",
        "body-mass-index",
    ]
    (breaths,) = read("allDayRespiration", payloads["test_build_respiration_samples_webhook_field"]).readings
    assert [each.value for each in breaths.samples] == [Decimal("11.33"), Decimal("15.36"), 16]
    (night,) = read("sleeps", payloads["sample_sleep"]).readings
    assert night.end - night.start == timedelta(hours=8)
    (workout,) = read("activities", payloads["test_build_activity_record"]).readings
    assert (isinstance(workout, Workout), workout.key) == (True, "123456")
    assert read("dailies", payloads["test_normalize_dailies_missing_values"]).passed_over == 1
    spots = read("bloodPressures", payloads["sample_blood_pressure"]).readings
    assert all(isinstance(each, Spot) for each in spots)


def test_push_keeps_no_token_and_knows_a_summary_by_its_name():
    row = {"userId": "u1", "userAccessToken": "secret", "summaryId": "s1", "steps": 1}

    said = pushes.read(GARMIN.push, json.dumps({"dailies": [row, row | {"steps": 2}], "other": 7}).encode(), KINDS)

    first, second = said.entries["u1"]
    assert (dict(first.content), first.digest() == second.digest()) == ({"summaryId": "s1", "steps": 1}, True)


def test_push_under_another_name_of_its_kind_is_of_that_kind():
    body = json.dumps({"pulseOx": [{"userId": "u1", "summaryId": "s1"}]}).encode()

    assert [each.kind for each in pushes.read(GARMIN.push, body, KINDS).entries["u1"]] == ["pulseox"]


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b'{"dailies": {}}', b'{"dailies": 7}', b"[" * 100_000, b"\xff"])
def test_push_that_is_not_as_the_maker_says_is_refused(body):
    with pytest.raises(pushes.Unreadable):
        pushes.read(GARMIN.push, body, KINDS)


@pytest.mark.parametrize("account", [None, 7, "", "a\x00b", "x" * 65, ["u1"], {}])
def test_entry_that_says_not_whose_it_is_is_nobodys(account):
    body = json.dumps({"dailies": [{"userId": account}, 7, {"userId": "u1", "summaryId": "s"}]}).encode()

    assert list(pushes.read(GARMIN.push, body, KINDS).entries) == ["u1"]
