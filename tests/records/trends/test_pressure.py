"""Blood pressure at home and in the clinic, against numbers worked out by hand."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local import seeding
from records.trends import pressure
from records.trends.guidelines import Pressure, Region
from records.trends.places import Place, Sign
from records.trends.pressure import Average, Lack, Pattern
from standards.fhir import json as fhir_json
from sync.sources.wearables import observations
from sync.sources.wearables.maker import About
from sync.sources.wearables.withings import mapping
from tests.records.trends.telling import CLINIC, HOME, PARIS, at_home, coded, in_clinic, local, observation, quantity

SHARED = seeding.SHARED_DATA
recorded = pytest.mark.skipif(not SHARED.exists(), reason="the public data sets do not lie beside the checkout")


def read(*told, zone=PARIS):
    return pressure.read(told, zone=zone)


def compare(*told, zone=PARIS):
    return pressure.compare(read(*told, zone=zone).readings)


def average(systolic, diastolic, count):
    return Average(Pressure(Decimal(systolic), Decimal(diastolic)), count)


def week(systolic, diastolic, *, days=4):
    """Twice each morning and evening, from the 4th of March on."""
    return [
        at_home(local(4 + day, hour, minute), systolic, diastolic)
        for day in range(days)
        for hour in (7, 21)
        for minute in (0, 1)
    ]


def visits(systolic, diastolic):
    return [in_clinic(local(day, 10), systolic, diastolic) for day in (1, 20)]


# Day 1 is dropped. Then, systolic: mornings 130, 134; 128, 132; 126, 130 (780 of 6), evenings 140, 138; 142, 136; 144,
# 139 (839 of 6): 780/6 = 130.0, 839/6 = 139.83…, 1619/12 = 134.916…. Diastolic: mornings 80, 82; 84, 86; 78, 80 (490),
# evenings 88, 90; 86, 84; 92, 90 (530): 81.666…, 88.333…, 1020/12 = 85.
WORKED = (
    *((4, 7, 199, 119), (4, 21, 199, 119)),
    *((5, 7, 130, 80), (5, 8, 134, 82), (5, 20, 140, 88), (5, 21, 138, 90)),
    *((6, 7, 128, 84), (6, 8, 132, 86), (6, 20, 142, 86), (6, 21, 136, 84)),
    *((7, 7, 126, 78), (7, 8, 130, 80), (7, 20, 144, 92), (7, 21, 139, 90)),
)


def test_home_average_drops_the_first_day_and_tells_mornings_and_evenings():
    home = compare(*(at_home(local(day, hour), high, low) for day, hour, high, low in WORKED)).home

    assert (home.dropped, home.dropped_count) == (date(2024, 3, 4), 2)
    assert home.average == average("134.9", "85.0", 12)
    assert home.morning == average("130.0", "81.7", 6)
    assert home.evening == average("139.8", "88.3", 6)
    assert (home.days, home.lacks) == (3, ())


def test_each_guideline_judges_by_its_own_thresholds():
    compared = compare(
        *(at_home(local(day, hour), high, low) for day, hour, high, low in WORKED),
        in_clinic(local(1, 10), 138, 84),
        in_clinic(local(20, 10), 136, 82),
    )

    assert compared.clinic.average == average("137.0", "83.0", 2)
    europe, states = compared.by(Region.EUROPE), compared.by(Region.UNITED_STATES)
    assert (europe.home_high, europe.clinic_high, europe.pattern) == (True, False, Pattern.MASKED)  # 85.0 reaches 85
    assert (states.home_high, states.clinic_high, states.pattern) == (True, True, Pattern.SUSTAINED)
    assert compared.matters


@pytest.mark.parametrize(
    ("clinic", "home", "europe", "states"),
    [
        ((150, 95), (120, 75), Pattern.WHITE_COAT, Pattern.WHITE_COAT),
        ((150, 95), (133, 79), Pattern.WHITE_COAT, Pattern.SUSTAINED),
        ((120, 75), (140, 70), Pattern.MASKED, Pattern.MASKED),
        ((139, 89), (134, 84), Pattern.BELOW, Pattern.SUSTAINED),
        ((140, 70), (135, 70), Pattern.SUSTAINED, Pattern.SUSTAINED),
        ((129, 79), (129, 79), Pattern.BELOW, Pattern.BELOW),
    ],
)
def test_pattern_follows_from_both_sides(clinic, home, europe, states):
    compared = compare(*week(*home), *visits(*clinic))

    assert [each.pattern for each in compared.verdicts] == [europe, states]


def test_pattern_is_told_only_where_both_sides_suffice():
    whole = [*week(150, 95), *visits(120, 75)]
    assert compare(*whole).verdicts[0].pattern is Pattern.MASKED

    assert compare(*week(150, 95, days=3), *visits(120, 75)).home.lacks == (Lack.READINGS, Lack.DAYS)
    assert compare(*week(150, 95), visits(120, 75)[0]).clinic.lacks == (Lack.VISITS,)
    for less in (whole[:12], whole[:-1], week(150, 95), visits(120, 75)):
        assert {each.pattern for each in compare(*less).verdicts} == {None}


def test_many_readings_at_one_time_of_day_do_not_suffice():
    noons = [at_home(local(day, 13), 150, 95) for day in range(4, 24)]

    home = compare(*noons).home

    assert home.average == average("150.0", "95.0", 19)
    assert (home.morning, home.evening, home.lacks) == (None, None, (Lack.MORNINGS, Lack.EVENINGS))


def test_nothing_at_all_is_told_as_nothing():
    compared = compare()

    assert (compared.home.average, compared.home.dropped, compared.clinic.average) == (None, None, None)
    assert [(each.home_high, each.clinic_high, each.pattern) for each in compared.verdicts] == [(None, None, None)] * 2
    assert not compared.matters


def test_day_is_that_of_her_clock():
    told = at_home("2024-03-04T23:30:00Z", 120, 80)

    assert [read(told, zone=ZoneInfo(name)).readings[0].day.day for name in ("UTC", "Europe/Paris")] == [4, 5]


def test_two_values_of_one_source_and_moment_are_one_reading():
    when = local(4, 7)
    systolic = observation("8480-6", when, **quantity(131))
    diastolic = observation("8462-4", when, **quantity(84))

    found = read((systolic, *HOME), (diastolic, *HOME), (diastolic, *CLINIC))

    assert [tuple(each.pressure) for each in found.readings] == [(131, 84)]
    assert found.readings[0].refs == (f"Observation/{systolic['id']}", f"Observation/{diastolic['id']}")
    assert found.unusable == 1  # the half that the clinic told


def test_same_reading_from_maker_and_phone_counts_once_and_names_both():
    told, again = at_home(local(4, 7), 131, 84), at_home(local(4, 7), 131, 84)

    found = read(told, (again[0], 7, Place.HOME, Sign.FROM_HOME))

    assert [each.sources for each in found.readings] == [(1, 7)]
    assert found.twice == 1


def test_two_alike_readings_of_one_device_in_one_minute_are_two():
    found = read(at_home("2024-03-04T07:00:05Z", 131, 84), at_home("2024-03-04T07:00:55Z", 131, 84))

    assert (len(found.readings), found.twice) == (2, 0)


def test_what_is_no_reading_is_left_out_and_counted():
    half = observation("85354-9", local(4, 7), component=[{"code": coded("8480-6"), **quantity(131)}])
    wrong_unit = at_home(local(4, 8), 131, 84, unit="cm[H2O]")
    impossible = at_home(local(4, 9), 84, 131)
    undated = at_home("2024-03", 131, 84)
    cancelled = at_home(local(4, 10), 131, 84, status="entered-in-error")

    found = read((half, *HOME), wrong_unit, impossible, undated, cancelled)

    assert (found.readings, found.unusable) == ((), 4)  # what was taken back never was a reading


def test_kilopascal_is_brought_to_mmhg():
    (one,) = read(at_home(local(4, 7), 16, 10, unit="kPa")).readings

    assert (round(one.pressure.systolic), round(one.pressure.diastolic)) == (120, 75)


def test_months_are_averaged_by_place():
    told = [at_home(local(4, 7), 120, 80), at_home(local(5, 7), 131, 81), in_clinic(local(6, 10), 150, 90)]

    readings = read(*told).readings

    assert pressure.by_month(readings, Place.HOME) == {(2024, 3): average("125.5", "80.5", 2)}
    assert pressure.by_month(readings, Place.CLINIC) == {(2024, 3): average("150.0", "90.0", 1)}


# A machine that does other work is no fault of the strategy's.
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(1, 28), st.integers(0, 23), st.integers(90, 200), st.integers(40, 89))))
def test_no_average_leaves_what_was_measured_and_nothing_is_counted_twice(told):
    home = compare(*(at_home(local(day, hour), high, low) for day, hour, high, low in told)).home

    counted = sum(each.count for each in (home.morning, home.evening) if each)
    assert counted <= (home.average.count if home.average else 0) <= len(told) - home.dropped_count
    if home.average:
        highs = [high for day, _, high, _ in told if day != home.dropped.day]
        assert min(highs) <= home.average.pressure.systolic <= max(highs)


def withings():
    answer = json.loads((SHARED / "wearables/withings-demo-account/measurement_list.json").read_text())
    found = mapping.measures([{"timezone": "Europe/Paris", "measuregrps": answer}], About())
    composed = observations.compose(found.readings, patient="p", assembler="Withings")
    return [(each, *HOME) for each in composed if each["resourceType"] == "Observation"]


def synthea():
    bundle = "fhir-synthea/stanford-spezi-r4-2023/Beatris270_Bogan287_5b3645de-a2d0-d016-0839-bab3757c4c58.json"
    entries = fhir_json.loads((SHARED / bundle).read_bytes())["entry"]
    return [(each["resource"], *CLINIC) for each in entries if each["resource"]["resourceType"] == "Observation"]


@recorded
def test_half_a_year_of_a_recorded_cuff_beside_synthetic_visits():
    """8 February to 7 August 2022: 181 readings at one in the afternoon, of which 112/112 of 29 June is none. Without
    the first day 179 are left, 26,119 and 17,711 together: 145.9162 and 98.9441. Visits: 129/68 and 129/76.
    """
    found = read(*(each for each in [*withings(), *synthea()] if _is_pressure(each[0])))
    of_time = [each for each in found.readings if date(2022, 2, 8) <= each.day <= date(2022, 8, 7)]
    compared = pressure.compare(of_time)

    assert compared.home.average == average("145.9", "98.9", 179)
    assert (compared.home.dropped, compared.home.days) == (date(2022, 2, 8), 179)
    assert compared.clinic.average == average("129.0", "72.0", 2)
    assert compared.home.lacks == (Lack.MORNINGS, Lack.EVENINGS)  # so no pattern, however high
    assert [(each.home_high, each.clinic_high, each.pattern) for each in compared.verdicts] == [(True, False, None)] * 2
    # 31 readings in July, 4,628 and 3,016 together.
    assert pressure.by_month(of_time, Place.HOME)[2022, 7] == average("149.3", "97.3", 31)


def _is_pressure(resource):
    return bool({each.get("code") for each in resource["code"]["coding"]} & set(pressure.CODES))
