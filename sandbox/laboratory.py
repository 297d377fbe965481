"""Laboratory results of a chart, single or by the panel."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox import elements, observations, reports
from sandbox.catalogue import Answer, Code, Measure, Panel
from sandbox.chart import Chart, Resource
from sandbox.staff import Staff


def measure(
    chart: Chart, at: datetime, test: Measure, visit: Resource | None, *, near: float | None = None
) -> Resource:
    return _record(chart, at, test.loinc, visit, valueQuantity=observations.draw(chart, test, near=near))


def examine(chart: Chart, at: datetime, question: Answer, visit: Resource | None) -> Resource:
    """A result in words."""
    answer = chart.rng.choice(question.answers)
    return _record(chart, at, question.loinc, visit, valueCodeableConcept=elements.concept(answer))


def run(chart: Chart, at: datetime, panel: Panel, visit: Resource | None, staff: Staff) -> Resource:
    """Every result of the panel, and the DiagnosticReport that lists them."""
    results = [measure(chart, at, test, visit) for test in panel.measures]
    results += [examine(chart, at, question, visit) for question in panel.answers]
    return reports.list_results(chart, at, panel.loinc, visit, results, staff)


def _record(chart: Chart, at: datetime, code: Code, visit: Resource | None, **value: Any) -> Resource:
    return observations.record(chart, at, "laboratory", [code], visit, profiles=["us-core-observation-lab"], **value)
