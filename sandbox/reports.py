"""The DiagnosticReports of a chart: over results, or holding a text."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sandbox import elements
from sandbox.catalogue import Code
from sandbox.chart import Chart, Resource
from sandbox.staff import Staff


def list_results(
    chart: Chart, at: datetime, code: Code, visit: Resource | None, results: Iterable[Resource], staff: Staff
) -> Resource:
    return _write(
        chart,
        at,
        visit,
        staff,
        kind="lab",
        category=elements.token("v2-0074", "LAB", "Laboratory"),
        code=elements.concept(code),
        result=[elements.named_reference(result) for result in results],
    )


def present(
    chart: Chart, at: datetime, kind: dict[str, Any], visit: Resource, attachment: dict[str, str], staff: Staff
) -> Resource:
    """A report that is the attached text; ``kind``, a CodeableConcept, is both its category and its code."""
    return _write(chart, at, visit, staff, kind="note", category=kind, code=kind, presentedForm=[attachment])


def _write(
    chart: Chart,
    at: datetime,
    visit: Resource | None,
    staff: Staff,
    *,
    kind: str,
    category: dict[str, Any],
    code: dict[str, Any],
    **content: Any,
) -> Resource:
    return chart.write(
        "DiagnosticReport",
        elements.profile(f"us-core-diagnosticreport-{kind}"),
        status="final",
        category=[category],
        code=code,
        subject=chart.subject,
        encounter=elements.reference_if(visit),
        effectiveDateTime=chart.when(at),
        issued=chart.hospital.instant(at),
        performer=[staff.reference],
        **content,
    )
