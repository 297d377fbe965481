"""Vital signs of a chart."""

from __future__ import annotations

from datetime import datetime

from sandbox import catalogue, elements, observations
from sandbox.catalogue import Measure
from sandbox.chart import Chart, Resource


def measure(chart: Chart, at: datetime, sign: Measure, visit: Resource, *, near: float | None = None) -> Resource:
    codes = [sign.loinc]
    if sign is catalogue.OXYGEN:
        codes.append(catalogue.OXYGEN_OXIMETRY)
    return observations.record(
        chart,
        at,
        "vital-signs",
        codes,
        visit,
        profiles=[catalogue.VITAL_PROFILES.get(sign.code, "us-core-vital-signs")],
        valueQuantity=observations.draw(chart, sign, near=near),
    )


def measure_pressure(chart: Chart, at: datetime, visit: Resource, *, systolic: float = 126) -> Resource:
    """Blood pressure around ``systolic``, in mm[Hg], as one Observation with two components."""
    pairs = ((catalogue.DIASTOLIC, systolic * 0.64), (catalogue.SYSTOLIC, systolic))
    return observations.record(
        chart,
        at,
        "vital-signs",
        [catalogue.PRESSURE_PANEL],
        visit,
        profiles=["us-core-blood-pressure"],
        component=[
            {
                "code": elements.concept(sign.loinc),
                "valueQuantity": observations.draw(chart, sign, near=near),
            }
            for sign, near in pairs
        ],
    )
