"""The thresholds of blood pressure in a clinic and at home, each with the document it is from. mmHg, "at or above"."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple


class Pressure(NamedTuple):
    systolic: Decimal
    diastolic: Decimal


class Region(StrEnum):
    EUROPE = "europe"
    UNITED_STATES = "united-states"


@dataclass(frozen=True, slots=True)
class Guideline:
    """``clinic`` and ``home``: high is a mean that reaches either number. ``documents``: as they are cited."""

    region: Region
    name: str
    clinic: Pressure
    home: Pressure
    documents: tuple[str, ...]


def _pressure(systolic: int, diastolic: int) -> Pressure:
    return Pressure(Decimal(systolic), Decimal(diastolic))


EUROPE: Final = Guideline(
    Region.EUROPE,
    "ESH/ESC",
    clinic=_pressure(140, 90),
    home=_pressure(135, 85),
    documents=(
        "2023 ESH Guidelines for the management of arterial hypertension. J Hypertens 2023;41:1874-2071",
        "2024 ESC Guidelines for the management of elevated blood pressure and hypertension. Eur Heart J "
        "2024;45:3912-4018",
    ),
)
UNITED_STATES: Final = Guideline(
    Region.UNITED_STATES,
    "ACC/AHA",
    clinic=_pressure(130, 80),
    home=_pressure(130, 80),
    documents=(
        "2017 ACC/AHA Guideline for the prevention, detection, evaluation, and management of high blood pressure in "
        "adults. Hypertension 2018;71:e13-e115",
    ),
)
GUIDELINES: Final = (EUROPE, UNITED_STATES)

PROTOCOL: Final = (
    "2021 European Society of Hypertension practice guidelines for office and out-of-office blood pressure "
    "measurement. J Hypertens 2021;39:1293-1302",
    "Self-measured blood pressure monitoring at home: a joint policy statement from the American Heart Association "
    "and American Medical Association. Circulation 2020;142:e42-e63",
)
"""Where the home protocol is from: mornings and evenings, several days, the first one dropped, at least 12 readings."""


def reaches(mean: Pressure, threshold: Pressure) -> bool:
    return mean.systolic >= threshold.systolic or mean.diastolic >= threshold.diastolic
