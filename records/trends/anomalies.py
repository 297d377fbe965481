"""What stands out, by simple published rules: each has its numbers and its document here, its words on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from records.trends import measures
from records.trends.measures import Value
from records.trends.pressure import Reading


class Rule(StrEnum):
    PRESSURE_SEVERE = "pressure-severe"
    PRESSURE_LOW = "pressure-low"
    GLUCOSE_VERY_LOW = "glucose-very-low"
    GLUCOSE_VERY_HIGH = "glucose-very-high"
    WEIGHT_LOST = "weight-lost"
    WEIGHT_GAINED = "weight-gained"


DOCUMENTS: Final = {
    Rule.PRESSURE_SEVERE: (
        "2017 ACC/AHA Guideline for high blood pressure in adults, section 11.2. Hypertension 2018;71:e13-e115"
    ),
    Rule.PRESSURE_LOW: "National Heart, Lung, and Blood Institute: Low Blood Pressure",
    Rule.GLUCOSE_VERY_LOW: (
        "American Diabetes Association: Standards of Care in Diabetes, section 6 (level 2 hypoglycemia)"
    ),
    Rule.GLUCOSE_VERY_HIGH: (
        "Battelino T et al. Clinical targets for continuous glucose monitoring data interpretation. "
        "Diabetes Care 2019;42:1593-1603 (level 2 hyperglycemia)"
    ),
    Rule.WEIGHT_LOST: "Cederholm T et al. GLIM criteria for the diagnosis of malnutrition. Clin Nutr 2019;38:1-9",
    Rule.WEIGHT_GAINED: (
        "2021 ESC Guidelines for acute and chronic heart failure, self-care. Eur Heart J 2021;42:3599-3726"
    ),
}
SEVERE: Final = (Decimal(180), Decimal(120))
LOW: Final = (Decimal(90), Decimal(60))
VERY_LOW, VERY_HIGH = Decimal(54), Decimal(250)
LOST_PERCENT: Final = Decimal(5)
LOST_WITHIN: Final = timedelta(days=183)
GAINED_KG: Final = Decimal(2)
GAINED_WITHIN: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Anomaly:
    """``count``: how often in the time looked at; ``day`` and ``ref`` are of the last. ``value``: what it was then, two
    numbers of a pressure, or the change of a weight."""

    rule: Rule
    count: int
    day: date
    value: tuple[Decimal, ...]
    ref: str

    @property
    def document(self) -> str:
        return DOCUMENTS[self.rule]


def of_pressure(readings: Iterable[Reading]) -> list[Anomaly]:
    def severe(one: Reading) -> bool:
        return one.pressure.systolic > SEVERE[0] or one.pressure.diastolic > SEVERE[1]

    def low(one: Reading) -> bool:
        return one.pressure.systolic < LOW[0] or one.pressure.diastolic < LOW[1]

    listed = list(readings)
    found = (_of_readings(Rule.PRESSURE_SEVERE, listed, severe), _of_readings(Rule.PRESSURE_LOW, listed, low))
    return [each for each in found if each]


def of_glucose(values: Iterable[Value]) -> list[Anomaly]:
    listed = list(values)
    lows = [each for each in listed if each.lowest < VERY_LOW]
    highs = [each for each in listed if each.highest > VERY_HIGH]
    found = []
    if lows:
        found.append(Anomaly(Rule.GLUCOSE_VERY_LOW, len(lows), lows[-1].day, (lows[-1].lowest,), lows[-1].ref))
    if highs:
        found.append(Anomaly(Rule.GLUCOSE_VERY_HIGH, len(highs), highs[-1].day, (highs[-1].highest,), highs[-1].ref))
    return found


def of_weight(values: Sequence[Value]) -> list[Anomaly]:
    """By the last value: what was lost within half a year, what was gained within three days."""
    if not values:
        return []
    last, found = values[-1], []
    lost = measures.change(values, within=LOST_WITHIN, until=last.day)
    if lost and -lost.by * 100 > LOST_PERCENT * lost.first.value:
        found.append(Anomaly(Rule.WEIGHT_LOST, 1, last.day, (lost.by, lost.percent), last.ref))
    gained = measures.change(values, within=GAINED_WITHIN, until=last.day)
    if gained and gained.by > GAINED_KG:
        found.append(Anomaly(Rule.WEIGHT_GAINED, 1, last.day, (gained.by, gained.percent), last.ref))
    return found


def _of_readings(rule: Rule, readings: Iterable[Reading], test: Callable[[Reading], bool]) -> Anomaly | None:
    met = [each for each in readings if test(each)]
    return Anomaly(rule, len(met), met[-1].day, tuple(met[-1].pressure), met[-1].refs[0]) if met else None
