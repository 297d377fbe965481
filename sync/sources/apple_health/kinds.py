"""HealthKit's types: which metric each is, in which unit, and how it is kept.

Types with a LOINC code are rows of a table. Any other quantity, also one that Apple adds next year, is kept under
HealthKit's own name in the unit it is written in; whether its values add up follows from that unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sync.sources.wearables import metrics
from sync.sources.wearables.metrics import METRICS, Category, Metric, Shape

SYSTEM: Final = "http://developer.apple.com/documentation/healthkit"
QUANTITY: Final = "HKQuantityTypeIdentifier"
CATEGORY: Final = "HKCategoryTypeIdentifier"
SLEEP: Final = f"{CATEGORY}SleepAnalysis"
STAND_HOUR: Final = f"{CATEGORY}AppleStandHour"
STOOD: Final = "HKCategoryValueAppleStandHourStood"
GLUCOSE: Final = f"{QUANTITY}BloodGlucose"
SYSTOLIC: Final = f"{QUANTITY}BloodPressureSystolic"
DIASTOLIC: Final = f"{QUANTITY}BloodPressureDiastolic"


class Role(StrEnum):
    """How readings of a type become records."""

    STREAM = "stream"  # a day's readings of one device together
    SPOT = "spot"  # each by itself
    GLUCOSE = "glucose"  # of a sensor a stream, of a meter by itself
    PRESSURE = "pressure"  # systolic and diastolic of one moment together
    SLEEP = "sleep"  # stages of one night together
    EVENT = "event"  # something that happened, in a word


@dataclass(frozen=True, slots=True)
class Kind:
    """``unit``: UCUM of the values as written, which ``metrics.convert`` brings to that of the metric."""

    type: str
    role: Role
    unit: str = ""
    metric: Metric | None = None

    @property
    def words(self) -> str:
        return words(self.type)


STAND_HOURS: Final = Metric(
    "stand-hours",
    STAND_HOUR,
    "Hours with standing",
    "{count}",
    "hours",
    Category.ACTIVITY,
    Shape.AMOUNT,
    system=SYSTEM,
)

# Quantities with a LOINC code, by HealthKit's name without its beginning.
_STREAMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "StepCount": "steps",
        "DistanceWalkingRunning": "distance",
        "ActiveEnergyBurned": "energy",
        "FlightsClimbed": "floors",
        "AppleExerciseTime": "exercise",
        "HeartRate": "heart-rate",
        "RespiratoryRate": "respiratory-rate",
    }
)
_SPOTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "RestingHeartRate": "resting-heart-rate",
        "HeartRateVariabilitySDNN": "heart-rate-variability",
        "OxygenSaturation": "oxygen-saturation",
        "BodyTemperature": "body-temperature",
        "BodyMass": "weight",
        "Height": "height",
        "BodyMassIndex": "body-mass-index",
        "BodyFatPercentage": "body-fat",
        "LeanBodyMass": "lean-mass",
        "WaistCircumference": "waist",
    }
)
_OWN_SPOTS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "PeakExpiratoryFlowRate": ("19935-6", "Maximum expiratory gas flow Respiratory system airway", "L/min"),
        "ForcedExpiratoryVolume1": ("20150-9", "FEV1", "L"),
        "ForcedVitalCapacity": ("19870-5", "Forced vital capacity [Volume] Respiratory system by Spirometry", "L"),
        "PeripheralPerfusionIndex": ("61006-3", "Perfusion index Tissue by Pulse oximetry", "%"),
        "BloodAlcoholContent": ("74859-0", "Ethanol [Mass/volume] in Blood Estimated", "%"),
    }
)  # fmt: skip
# Without a LOINC code, and rare enough to stand by themselves.
_RARE: Final = frozenset(
    {
        "VO2Max",
        "WalkingHeartRateAverage",
        "AppleWalkingSteadiness",
        "AtrialFibrillationBurden",
        "BasalBodyTemperature",
        "AppleSleepingWristTemperature",
        "SixMinuteWalkTestDistance",
        "HeartRateRecoveryOneMinute",
        "NumberOfTimesFallen",
        "ElectrodermalActivity",
        "CyclingFunctionalThresholdPower",
        "AppleSleepingBreathingDisturbances",
    }
)
# Reproductive and sexual health, and drinking: said on the record itself, since no value set has Apple's names.
_SENSITIVE: Final = re.compile(
    r"Sexual|Pregnan|Menstrua|Ovulation|CervicalMucus|Contraceptive|Lactation|Progesterone|Bleeding|BasalBodyTemp"
    r"|VaginalDryness|HotFlashes|BreastPain"
)
_ALCOHOL: Final = re.compile(r"Alcohol")

# HealthKit's units as exports write them, in UCUM. A percentage is written as a fraction of one.
_UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "%": "1",
        "count": "{count}",
        "count/min": "/min",
        "count/s": "Hz",
        "kcal": "kcal",
        "Cal": "kcal",
        "cal": "cal",
        "kJ": "kJ",
        "J": "J",
        "km": "km",
        "m": "m",
        "cm": "cm",
        "mm": "mm",
        "mi": "[mi_i]",
        "yd": "[yd_i]",
        "ft": "[ft_i]",
        "in": "[in_i]",
        "kg": "kg",
        "g": "g",
        "mg": "mg",
        "mcg": "ug",
        "lb": "[lb_av]",
        "oz": "[oz_av]",
        "st": "[stone_av]",
        "degC": "Cel",
        "degF": "[degF]",
        "K": "K",
        "mmHg": "mm[Hg]",
        "kPa": "kPa",
        "cmAq": "cm[H2O]",
        "mg/dL": "mg/dL",
        "mmol<180.1558800000541>/L": "mmol/L",
        "mmol<180.1558800000541>/l": "mmol/L",
        "ms": "ms",
        "s": "s",
        "min": "min",
        "hr": "h",
        "L": "L",
        "l": "L",
        "dL": "dL",
        "mL": "mL",
        "fl_oz_us": "[foz_us]",
        "fl_oz_imp": "[foz_br]",
        "cup_us": "[cup_us]",
        "pt_us": "[pt_us]",
        "L/min": "L/min",
        "mL/min·kg": "mL/min/kg",
        "mL/kg*min": "mL/min/kg",
        "kcal/hr·kg": "kcal/h/kg",
        "kcal/kg*hr": "kcal/h/kg",
        "m/s": "m/s",
        "km/hr": "km/h",
        "mi/hr": "[mi_i]/h",
        "W": "W",
        "dBASPL": "dB[SPL]",
        "dBHL": "dB",
        "IU": "[IU]",
        "mcS": "uS",
        "S": "S",
        "mcV": "uV",
        "appleEffortScore": "{score}",
    }
)
_ADDING: Final = frozenset(
    {"{count}", "kcal", "cal", "kJ", "J", "km", "m", "[mi_i]", "[yd_i]", "[ft_i]", "g", "mg", "ug", "min", "s", "h"}
    | {"L", "dL", "mL", "[foz_us]", "[foz_br]", "[cup_us]", "[pt_us]", "[IU]"}
)
_NOT_ADDING: Final = re.compile(r"Length|Depth|Temperature|Oscillation|ContactTime|WalkTest|UVExposure")
_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_BEGINNING: Final = re.compile(r"^HK(?:Quantity|Category|Correlation|Data)?Type(?:Identifier)?|^HK")


def find(type_: str, unit: str) -> Kind | None:
    """How readings of this type in this unit are kept; None where nobody can tell what is measured, or in what."""
    if type_ == SLEEP:
        return Kind(type_, Role.SLEEP)
    if type_ == STAND_HOUR:
        return Kind(type_, Role.STREAM, STAND_HOURS.unit, STAND_HOURS)
    if type_.startswith(CATEGORY):
        return Kind(type_, Role.EVENT)
    ucum = _UNITS.get(unit)
    if ucum is None or not type_.startswith(QUANTITY):
        return None
    kind = _quantity(type_, ucum)
    return kind if kind.metric is not None and metrics.converts(kind.unit, kind.metric) else None


def _quantity(type_: str, ucum: str) -> Kind:
    name = type_.removeprefix(QUANTITY)
    if type_ in (SYSTOLIC, DIASTOLIC):
        return Kind(type_, Role.PRESSURE, ucum, METRICS["systolic" if type_ == SYSTOLIC else "diastolic"])
    if type_ == GLUCOSE:
        return Kind(type_, Role.GLUCOSE, ucum, METRICS["glucose-meter"])
    for role, table in ((Role.STREAM, _STREAMS), (Role.SPOT, _SPOTS)):
        if name in table:
            metric = METRICS[table[name]]
            return Kind(type_, role, metric.unit if ucum == "{count}" else ucum, metric)
    if name in _OWN_SPOTS:
        code, display, own = _OWN_SPOTS[name]
        metric = Metric(
            name, code, display, own, own, Category.VITAL_SIGNS, Shape.LEVEL, sensitivity=sensitivity(type_)
        )
        return Kind(type_, Role.SPOT, ucum, metric)
    return Kind(type_, Role.SPOT if name in _RARE else Role.STREAM, ucum, _own(type_, ucum))


def _own(type_: str, ucum: str) -> Metric:
    """A metric under HealthKit's name. A fraction is told in percent, as people say it."""
    unit = "%" if ucum == "1" else ucum
    adds = ucum in _ADDING and not _NOT_ADDING.search(type_)
    said = unit if "[" not in unit and "{" not in unit else unit.strip("[]{}").partition("_")[0]
    return Metric(
        f"{type_} {ucum}",
        type_,
        words(type_),
        unit,
        said,
        Category.ACTIVITY,
        Shape.AMOUNT if adds else Shape.LEVEL,
        digits=2,
        system=SYSTEM,
        sensitivity=sensitivity(type_),
    )


def in_unit(metric: Metric, unit: str) -> str:
    """UCUM of what is written in one of HealthKit's units; of a count, what the metric counts."""
    ucum = _UNITS.get(unit, unit)
    return metric.unit if ucum == "{count}" else ucum


def sensitivity(type_: str) -> str:
    """The information sensitivity policy (v3-ActCode) of what this type tells; empty for most."""
    if _SENSITIVE.search(type_):
        return "SEX"
    return "SUD" if _ALCOHOL.search(type_) else ""


def words(name: str) -> str:
    """A HealthKit name as words: ``HKQuantityTypeIdentifierStepCount`` is "Step count"."""
    parts = _WORD.findall(_BEGINNING.sub("", name))
    first, *rest = parts or [name]
    return " ".join([first, *(each if each.isupper() and len(each) > 1 else each.lower() for each in rest)])
