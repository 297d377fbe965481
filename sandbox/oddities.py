"""What real hospitals send and the models forbid, or nearly: a few such records in an otherwise clean chart."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sandbox import catalogue, elements, laboratory, medicines, problems, vitals
from sandbox.chart import Chart, Resource
from sandbox.staff import Staff
from standards.fhir.json import ExactDecimal

BROKEN_CATEGORY: Final = "Vital Signs"


def write(chart: Chart, at: datetime, encounter: Resource, staff: Staff) -> None:
    """Add the oddities; exactly one of them, the reading whose ``category`` is a text, breaks the R4 models."""
    _broken_reading(chart, at, encounter)
    problems.diagnose(chart, at, catalogue.CONDITIONS["migraine"], encounter, status="entered-in-error")
    _text_only_problem(chart, encounter)
    _unmeasured(chart, at, encounter)
    _precise_value(chart, at, encounter)
    medicines.vaccinate(chart, at, catalogue.FLU, encounter, done=False)
    _historic_vaccine(chart)
    _unnamed_medicine(chart, at, staff)


def _broken_reading(chart: Chart, at: datetime, encounter: Resource) -> None:
    reading = vitals.measure(chart, at + timedelta(minutes=3), catalogue.HEART_RATE, encounter)
    reading["category"] = BROKEN_CATEGORY


def _text_only_problem(chart: Chart, encounter: Resource) -> None:
    chart.write(
        "Condition",
        elements.profile("us-core-condition-problems-health-concerns"),
        clinicalStatus=elements.token("condition-clinical", "active"),
        category=[elements.token("condition-category", "problem-list-item", "Problem List Item")],
        code={"text": "Knee gives way on stairs, left > right <since the fall>"},
        subject=chart.subject,
        encounter=elements.reference(encounter),
        onsetDateTime="2019",
        recordedDate="2020-03",
    )


def _unmeasured(chart: Chart, at: datetime, encounter: Resource) -> None:
    reading = laboratory.measure(chart, at, catalogue.HBA1C, encounter)
    del reading["valueQuantity"]
    reading["dataAbsentReason"] = elements.token("data-absent-reason", "not-performed", "Not Performed")


def _precise_value(chart: Chart, at: datetime, encounter: Resource) -> None:
    reading = laboratory.measure(chart, at, catalogue.SINGLE_LABS[2], encounter)
    reading["valueQuantity"] = elements.quantity(ExactDecimal("1.10"), "mg/dL")
    reading["referenceRange"] = [{"low": _plain("0.50"), "high": _plain("1.10"), "text": "0.50 - 1.10 mg/dL"}]
    reading["effectiveDateTime"] = reading["effectiveDateTime"][:7]


def _plain(value: str) -> dict[str, Any]:
    return elements.quantity(ExactDecimal(value), "mg/dL")


def _historic_vaccine(chart: Chart) -> None:
    chart.write(
        "Immunization",
        elements.profile("us-core-immunization"),
        status="completed",
        vaccineCode={"text": "Tetanus shot, per patient"},
        patient=chart.subject,
        occurrenceString="as a teenager",
        primarySource=False,
    )


def _unnamed_medicine(chart: Chart, at: datetime, staff: Staff) -> None:
    chart.write(
        "MedicationRequest",
        elements.profile("us-core-medicationrequest"),
        status="unknown",
        intent="plan",
        reportedBoolean=True,
        medicationCodeableConcept={"text": "Herbal tea for sleep"},
        subject=chart.subject,
        authoredOn=f"{at:%Y-%m}",
        requester=staff.reference,
    )
