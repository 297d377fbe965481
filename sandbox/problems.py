"""Problems: the Conditions of a chart, diagnosed at a visit or kept on the problem list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sandbox import elements
from sandbox.catalogue import Code
from sandbox.chart import Chart, Resource

_KINDS: Final = {
    "encounter-diagnosis": ("Encounter Diagnosis", "us-core-condition-encounter-diagnosis"),
    "problem-list-item": ("Problem List Item", "us-core-condition-problems-health-concerns"),
}
"""By category: its display and the profile of such a Condition."""


def diagnose(
    chart: Chart,
    at: datetime,
    codes: Sequence[Code],
    visit: Resource | None,
    *,
    category: str = "encounter-diagnosis",
    ended: datetime | None = None,
    status: str = "confirmed",
    onset: str | None = None,
) -> Resource:
    """``onset`` is a FHIR date of any precision; without it the problem began when it was written down."""
    wrong = status == "entered-in-error"
    shown, profile = _KINDS[category]
    return chart.write(
        "Condition",
        elements.profile(profile),
        clinicalStatus=None if wrong else elements.token("condition-clinical", "resolved" if ended else "active"),
        verificationStatus=elements.token("condition-ver-status", status),
        category=[elements.token("condition-category", category, shown)],
        code=elements.concept(*codes),
        subject=chart.subject,
        encounter=elements.reference_if(visit),
        onsetDateTime=onset or chart.when(at),
        abatementDateTime=chart.when(ended) if ended else None,
        recordedDate=chart.when(at),
    )
