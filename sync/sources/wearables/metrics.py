"""What a body-worn device measures: one row a metric, with its LOINC code and its UCUM unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

LOINC: Final = "http://loinc.org"


class Shape(StrEnum):
    """How readings of one metric stand to each other."""

    AMOUNT = "amount"  # counted over an interval: amounts of intervals that do not overlap add up
    LEVEL = "level"  # stands for an instant: levels are averaged, never added


class Category(StrEnum):
    """http://terminology.hl7.org/CodeSystem/observation-category"""

    VITAL_SIGNS = "vital-signs"
    ACTIVITY = "activity"
    LABORATORY = "laboratory"


@dataclass(frozen=True, slots=True)
class Metric:
    """``code``: LOINC; ``unit``: UCUM, ``unit_said``: the unit as people write it.

    ``day_code``: LOINC of a whole day's amount (or, of a level, of its mean), with its ``day_display``. ``lowest`` and
    ``highest``: LOINC of a level's extremes in 24 hours. ``reach``: for how long a level stands when another device is
    compared with it. ``digits``: after the point, in what is computed. ``system``: of ``code``, where LOINC has none.
    ``sensitivity``: a policy of v3-ActCode, for what no value set has.
    """

    name: str
    code: str
    display: str
    unit: str
    unit_said: str
    category: Category
    shape: Shape
    day_code: str = ""
    day_display: str = ""
    lowest: str = ""
    highest: str = ""
    reach: timedelta = timedelta(minutes=10)
    digits: int = 0
    system: str = LOINC
    sensitivity: str = ""


_VITAL, _ACTIVITY, _LAB = Category.VITAL_SIGNS, Category.ACTIVITY, Category.LABORATORY
_AMOUNT, _LEVEL = Shape.AMOUNT, Shape.LEVEL

_ALL: Final = (
    Metric(
        "steps",
        "55423-8",
        "Number of steps in unspecified time Pedometer",
        "{steps}",
        "steps",
        _ACTIVITY,
        _AMOUNT,
        "41950-7",
        "Number of steps in 24 hour Measured",
    ),
    Metric(
        "distance",
        "55430-3",
        "Walking distance unspecified time Pedometer",
        "m",
        "m",
        _ACTIVITY,
        _AMOUNT,
        "41953-1",
        "Walking distance 24 hour Calculated",
    ),
    Metric(
        "energy",
        "41981-2",
        "Calories burned",
        "kcal",
        "kcal",
        _ACTIVITY,
        _AMOUNT,
        "41979-6",
        "Calories burned in 24 hour Calculated",
    ),
    Metric("floors", "100304-5", "Flights climbed [#] Reporting Period", "{flights}", "floors", _ACTIVITY, _AMOUNT),
    Metric("exercise", "55411-3", "Exercise duration", "min", "min", _ACTIVITY, _AMOUNT),
    Metric(
        "heart-rate",
        "8867-4",
        "Heart rate",
        "/min",
        "beats/minute",
        _VITAL,
        _LEVEL,
        "41924-2",
        "Heart rate 24 hour mean",
        "8883-1",
        "8873-2",
    ),
    Metric("resting-heart-rate", "40443-4", "Heart rate --resting", "/min", "beats/minute", _VITAL, _LEVEL),
    Metric(
        "heart-rate-variability",
        "80404-7",
        "R-R interval.standard deviation (Heart rate variability)",
        "ms",
        "ms",
        _VITAL,
        _LEVEL,
    ),
    Metric("respiratory-rate", "9279-1", "Respiratory rate", "/min", "breaths/minute", _VITAL, _LEVEL, digits=1),
    Metric(
        "oxygen-saturation",
        "59408-5",
        "Oxygen saturation in Arterial blood by Pulse oximetry",
        "%",
        "%",
        _VITAL,
        _LEVEL,
    ),
    Metric("body-temperature", "8310-5", "Body temperature", "Cel", "°C", _VITAL, _LEVEL, digits=1),
    Metric(
        "glucose-sensor",
        "99504-3",
        "Glucose [Mass/volume] in Interstitial fluid",
        "mg/dL",
        "mg/dL",
        _LAB,
        _LEVEL,
        reach=timedelta(minutes=15),
    ),
    Metric(
        "glucose-meter",
        "41653-7",
        "Glucose [Mass/volume] in Capillary blood by Glucometer",
        "mg/dL",
        "mg/dL",
        _LAB,
        _LEVEL,
    ),
    Metric("systolic", "8480-6", "Systolic blood pressure", "mm[Hg]", "mmHg", _VITAL, _LEVEL),
    Metric("diastolic", "8462-4", "Diastolic blood pressure", "mm[Hg]", "mmHg", _VITAL, _LEVEL),
    Metric("weight", "29463-7", "Body weight", "kg", "kg", _VITAL, _LEVEL, digits=1),
    Metric("height", "8302-2", "Body height", "cm", "cm", _VITAL, _LEVEL),
    Metric("body-mass-index", "39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", "kg/m²", _VITAL, _LEVEL, digits=1),
    Metric("body-fat", "41982-0", "Percentage of body fat Measured", "%", "%", _VITAL, _LEVEL, digits=1),
    Metric("lean-mass", "91557-9", "Lean body weight", "kg", "kg", _VITAL, _LEVEL, digits=1),
    Metric("waist", "8280-0", "Waist Circumference at umbilicus by Tape measure", "cm", "cm", _VITAL, _LEVEL),
    Metric("sleep", "93832-4", "Sleep duration", "min", "min", _ACTIVITY, _AMOUNT),
)

METRICS: Final[Mapping[str, Metric]] = {each.name: each for each in _ALL}
BY_CODE: Final[Mapping[str, Metric]] = {
    **{each.code: each for each in _ALL},
    **{each.day_code: each for each in _ALL if each.day_code},
}
BLOOD_PRESSURE: Final = ("85354-9", "Blood pressure panel with all children optional")
BLOOD_PRESSURE_PARTS: Final = ("systolic", "diastolic")

# Exact, or as its unit is defined: (from, to) -> factor and, after it, what is added.
_CONVERSIONS: Final[Mapping[tuple[str, str], tuple[Decimal, Decimal]]] = {
    ("mmol/L", "mg/dL"): (Decimal("18.0156"), Decimal(0)),  # of glucose only, the one substance measured here
    ("[lb_av]", "kg"): (Decimal("0.45359237"), Decimal(0)),
    ("[stone_av]", "kg"): (Decimal("6.35029318"), Decimal(0)),
    ("g", "kg"): (Decimal("0.001"), Decimal(0)),
    ("[in_i]", "cm"): (Decimal("2.54"), Decimal(0)),
    ("[ft_i]", "cm"): (Decimal("30.48"), Decimal(0)),
    ("m", "cm"): (Decimal(100), Decimal(0)),
    ("km", "m"): (Decimal(1000), Decimal(0)),
    ("cm", "m"): (Decimal("0.01"), Decimal(0)),
    ("[mi_i]", "m"): (Decimal("1609.344"), Decimal(0)),
    ("[ft_i]", "m"): (Decimal("0.3048"), Decimal(0)),
    ("[yd_i]", "m"): (Decimal("0.9144"), Decimal(0)),
    ("[oz_av]", "kg"): (Decimal("0.028349523125"), Decimal(0)),
    ("mL", "L"): (Decimal("0.001"), Decimal(0)),
    ("h", "min"): (Decimal(60), Decimal(0)),
    ("kJ", "kcal"): (1 / Decimal("4.184"), Decimal(0)),
    ("cal", "kcal"): (Decimal("0.001"), Decimal(0)),
    ("[degF]", "Cel"): (Decimal(5) / 9, Decimal(-160) / 9),
    ("1", "%"): (Decimal(100), Decimal(0)),
    ("s", "min"): (1 / Decimal(60), Decimal(0)),
    ("s", "ms"): (Decimal(1000), Decimal(0)),
    ("Hz", "/min"): (Decimal(60), Decimal(0)),
    ("kPa", "mm[Hg]"): (Decimal("7.50061683"), Decimal(0)),
}
_PLACES: Final = Decimal("0.001")


class UnknownUnit(ValueError):
    """There is no way from this unit to the metric's own. The message names both."""


def converts(unit: str, metric: Metric) -> bool:
    """Whether values in this UCUM unit can be brought to that of the metric."""
    return unit == metric.unit or (unit, metric.unit) in _CONVERSIONS


def convert(value: Decimal, unit: str, metric: Metric) -> Decimal:
    """A value in another UCUM unit in that of the metric, to a thousandth; in the same unit it stays as it is written.

    Raises UnknownUnit.
    """
    if unit == metric.unit:
        return value
    try:
        factor, added = _CONVERSIONS[unit, metric.unit]
    except KeyError:
        raise UnknownUnit(f"{unit} is not {metric.unit}") from None
    return plain((value * factor + added).quantize(_PLACES))


def plain(value: Decimal) -> Decimal:
    """Without zeros at its end and without an exponent."""
    short = value.normalize()
    return short.quantize(Decimal(1)) if short == short.to_integral_value() else short
