"""Medicines a chart says were prescribed, and vaccines that were given."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox import elements
from sandbox.catalogue import TERMINOLOGY, Code
from sandbox.chart import Chart, Resource
from sandbox.staff import Staff
from standards.fhir.json import ExactDecimal


def prescribe(
    chart: Chart,
    at: datetime,
    medicine: Code,
    visit: Resource | None,
    staff: Staff,
    *,
    active: bool = False,
    reason: Resource | None = None,
    by_reference: bool = False,
) -> Resource:
    """A MedicationRequest; ``by_reference``: it points at a Medication instead of naming the medicine itself."""
    named = _medication(chart, medicine) if by_reference else {"medicationCodeableConcept": elements.concept(medicine)}
    return chart.write(
        "MedicationRequest",
        elements.profile("us-core-medicationrequest"),
        status="active" if active else "stopped",
        intent="order",
        category=[elements.shown_token("medicationrequest-category", "community", "Community")],
        **named,
        subject=chart.subject,
        encounter=elements.reference_if(visit),
        authoredOn=chart.when(at),
        requester=staff.reference,
        reasonReference=[elements.named_reference(reason)] if reason else None,
        dosageInstruction=[_dose(chart)],
    )


def _medication(chart: Chart, medicine: Code) -> dict[str, Any]:
    code = elements.concept(medicine)
    stock = chart.write("Medication", elements.profile("us-core-medication"), status="active", code=code)
    return {"medicationReference": elements.named_reference(stock)}


def _dose(chart: Chart) -> dict[str, Any]:
    if chart.rng.random() < 0.3:
        return {"sequence": 1, "text": "Take as needed.", "asNeededBoolean": True}
    times = chart.rng.choice([1, 1, 2, 3])
    ordered = Code(f"{TERMINOLOGY}/dose-rate-type", "ordered", "Ordered")
    return {
        "sequence": 1,
        "timing": {"repeat": {"frequency": times, "period": ExactDecimal("1.0"), "periodUnit": "d"}},
        "asNeededBoolean": False,
        "doseAndRate": [{"type": elements.coding(ordered), "doseQuantity": {"value": ExactDecimal("1.0")}}],
    }


def vaccinate(chart: Chart, at: datetime, vaccine: Code, visit: Resource, *, done: bool = True) -> Resource:
    """An Immunization; one not ``done`` was refused."""
    return chart.write(
        "Immunization",
        elements.profile("us-core-immunization"),
        status="completed" if done else "not-done",
        statusReason=None if done else elements.token("v3-ActReason", "PATOBJ", "patient objection"),
        vaccineCode=elements.concept(vaccine),
        patient=chart.subject,
        encounter=elements.reference_if(visit),
        occurrenceDateTime=chart.when(at),
        primarySource=True,
        location=chart.hospital.location_reference,
    )
