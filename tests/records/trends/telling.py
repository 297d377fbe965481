"""Small Observations of pressure, glucose and weight, and where they were taken."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from itertools import count
from zoneinfo import ZoneInfo

from records.trends.places import Place, Sign

PARIS = ZoneInfo("Europe/Paris")
HOME = (1, Place.HOME, Sign.FROM_HOME)
CLINIC = (2, Place.CLINIC, Sign.AT_A_VISIT)
_numbers = count(1)


def coded(code):
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def quantity(value, unit="mm[Hg]"):
    return {"valueQuantity": {"value": Decimal(str(value)), "code": unit}}


def observation(code, when, **said):
    return {
        "resourceType": "Observation",
        "id": f"o{next(_numbers)}",
        "status": "final",
        "code": coded(code),
        "effectiveDateTime": when,
        **said,
    }


def panel(when, systolic, diastolic, *, unit="mm[Hg]", **said):
    parts = [
        {"code": coded("8480-6"), **quantity(systolic, unit)},
        {"code": coded("8462-4"), **quantity(diastolic, unit)},
    ]
    return observation("85354-9", when, component=parts, **said)


def at_home(when, systolic, diastolic, **said):
    return (panel(when, systolic, diastolic, **said), *HOME)


def in_clinic(when, systolic, diastolic, **said):
    return (panel(when, systolic, diastolic, **said), *CLINIC)


def local(day, hour, minute=0, zone=PARIS):
    return datetime(2024, 3, day, hour, minute, tzinfo=zone).isoformat()
