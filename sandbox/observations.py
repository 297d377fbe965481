"""Observations of a chart, whatever they are of: what vitals, laboratory and surveys have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sandbox import elements
from sandbox.catalogue import Code, Measure
from sandbox.chart import Chart, Resource
from standards.fhir.json import ExactDecimal

_CATEGORIES: Final = {
    "vital-signs": "Vital signs",
    "laboratory": "Laboratory",
    "social-history": "Social history",
    "survey": "Survey",
}


def record(
    chart: Chart,
    at: datetime,
    category: str,
    codes: Sequence[Code],
    visit: Resource | None,
    *,
    profiles: Sequence[str],
    **value: Any,
) -> Resource:
    """A final Observation; ``value`` holds its value[x] or its components."""
    return chart.write(
        "Observation",
        elements.profile(*profiles),
        status="final",
        category=[elements.token("observation-category", category, _CATEGORIES[category])],
        code=elements.concept(*codes),
        subject=chart.subject,
        encounter=elements.reference_if(visit),
        effectiveDateTime=chart.when(at),
        issued=chart.hospital.instant(at),
        **value,
    )


def draw(chart: Chart, measure: Measure, *, near: float | None = None) -> dict[str, Any]:
    """A Quantity of ``measure``, around ``near`` if given, with exactly its decimal places: ``1.10`` stays so."""
    spread = (measure.high - measure.low) / 12
    value = chart.rng.uniform(measure.low, measure.high) if near is None else chart.rng.gauss(near, spread)
    value = max(measure.low, min(measure.high, value)) if near is None else max(0.0, value)
    exact = round(value) if measure.places == 0 else ExactDecimal(f"{value:.{measure.places}f}")
    return elements.quantity(exact, measure.unit)
