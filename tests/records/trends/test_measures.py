"""Glucose and weight over time, against numbers worked out by hand."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from records.trends import anomalies, measures
from records.trends.anomalies import Rule
from records.trends.measures import A1C, GLUCOSE, SENSOR, WEIGHT, Month
from tests.records.trends.telling import CLINIC, HOME, PARIS, at_home, local, observation, quantity
from tests.records.trends.test_pressure import read as read_pressure


def read(measure, *told):
    return measures.read(told, measure, zone=PARIS)


def glucose(when, value, unit="mg/dL", *, code="41653-7", place=HOME):
    return (observation(code, when, **quantity(value, unit)), *place)


def weight(day, value, unit="kg"):
    return (observation("29463-7", local(day, 8), **quantity(value, unit)), *HOME)


def sensor_day(day, mean, lowest, highest, count):
    def part(code, said):
        return {"code": {"coding": [{"system": "s", "code": code}]}, **said}

    parts = [
        part("average", quantity(mean, "mg/dL")),
        part("minimum", quantity(lowest, "mg/dL")),
        part("maximum", quantity(highest, "mg/dL")),
        part("count", {"valueInteger": count}),
    ]
    return (observation(SENSOR, day, component=parts), *HOME)


def test_month_weighs_a_sensors_day_by_what_it_measured():
    values = read(GLUCOSE, sensor_day("2024-03-04", 150, 60, 260, 3), glucose(local(5, 8), 90))

    # (150 × 3 + 90) / 4 = 135
    assert measures.by_month(values) == [Month(2024, 3, Decimal("135.0"), Decimal("60.0"), Decimal("260.0"), 4)]


def test_glucose_in_mmol_is_told_in_mg():
    (one,) = read(GLUCOSE, glucose(local(4, 8), 5, "mmol/L", place=CLINIC))

    assert one.value == Decimal("90.0780")


def test_same_value_of_the_same_minute_counts_once():
    assert len(read(WEIGHT, weight(4, 70), weight(4, 70), weight(5, 70))) == 2


def test_what_is_no_value_of_the_measure_is_left_out():
    told = [
        weight(4, 70, "[in_i]"),
        weight(4, 9000),
        (observation("4548-4", local(4, 8), **quantity(6, "%")), *CLINIC),
        (observation("29463-7", local(4, 8), valueQuantity={"value": True, "code": "kg"}), *HOME),
        (observation("29463-7", local(4, 8), valueQuantity={"value": 70, "code": "kg", "comparator": ">"}), *HOME),
    ]

    assert read(WEIGHT, *told) == []
    assert [str(each.value) for each in read(A1C, *told)] == ["6"]


def test_change_is_from_the_first_to_the_last_of_a_time():
    values = read(WEIGHT, weight(1, 80), weight(10, 79), weight(20, 75))

    found = measures.change(values, within=timedelta(days=15), until=date(2024, 3, 20))

    assert (str(found.by), str(found.percent)) == ("-4.0", "-5.1")  # from 79: 4 / 79 = 5.06 %
    assert measures.change(values[:1], within=timedelta(days=15), until=date(2024, 3, 20)) is None


def test_each_anomaly_has_its_rule_its_last_value_and_its_document():
    pressures = read_pressure(
        at_home(local(4, 7), 181, 90), at_home(local(5, 7), 150, 121), at_home(local(6, 7), 88, 61)
    )
    sugar = read(
        GLUCOSE, glucose(local(4, 8), 53), glucose(local(4, 9), 251), sensor_day("2024-03-06", 150, 50, 250, 9)
    )

    found = [*anomalies.of_pressure(pressures.readings), *anomalies.of_glucose(sugar)]

    assert [(each.rule, each.count, each.day.day, tuple(map(str, each.value))) for each in found] == [
        (Rule.PRESSURE_SEVERE, 2, 5, ("150", "121")),
        (Rule.PRESSURE_LOW, 1, 6, ("88", "61")),
        (Rule.GLUCOSE_VERY_LOW, 2, 6, ("50",)),
        (Rule.GLUCOSE_VERY_HIGH, 1, 4, ("251",)),
    ]
    assert all(each.document for each in found)


def test_limits_themselves_are_no_anomalies():
    pressures = read_pressure(at_home(local(4, 7), 180, 120), at_home(local(5, 7), 90, 60))
    sugar = read(GLUCOSE, glucose(local(4, 8), 54), glucose(local(4, 9), 250))

    assert anomalies.of_pressure(pressures.readings) == []
    assert anomalies.of_glucose(sugar) == []


def test_weight_lost_in_half_a_year_or_gained_in_three_days_stands_out():
    lost = anomalies.of_weight(read(WEIGHT, weight(1, 80), weight(29, "75.9")))
    gained = anomalies.of_weight(read(WEIGHT, weight(26, 80), weight(29, "82.1")))

    assert [(each.rule, tuple(map(str, each.value))) for each in lost] == [(Rule.WEIGHT_LOST, ("-4.1", "-5.1"))]
    assert [(each.rule, tuple(map(str, each.value))) for each in gained] == [(Rule.WEIGHT_GAINED, ("2.1", "2.6"))]
    for unremarkable in ((weight(1, 80), weight(29, 76)), (weight(26, 80), weight(29, 82)), (weight(1, 80),), ()):
        assert anomalies.of_weight(read(WEIGHT, *unremarkable)) == []
