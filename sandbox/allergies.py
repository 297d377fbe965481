"""Allergies of a chart, and the statement that there are none."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sandbox import catalogue, elements
from sandbox.catalogue import Code
from sandbox.chart import Chart, Resource


def record(chart: Chart, at: datetime, name: str) -> Resource:
    """The allergy of that name in catalogue.ALLERGIES, with the reaction it gave."""
    substance, category, reaction = catalogue.ALLERGIES[name]
    return _write(
        chart,
        at,
        substance,
        type="allergy",
        category=[category],
        criticality=chart.rng.choice(["low", "high"]),
        reaction=[
            {
                "substance": elements.coding(substance),
                "manifestation": [elements.concept(catalogue.snomed(*reaction))],
                "severity": chart.rng.choice(["mild", "moderate", "severe"]),
            }
        ],
    )


def rule_out(chart: Chart, at: datetime) -> Resource:
    """Say that no allergy is known."""
    return _write(chart, at, catalogue.NO_KNOWN_ALLERGY)


def _write(chart: Chart, at: datetime, code: Code, *, reaction: Any = None, **kind: Any) -> Resource:
    return chart.write(
        "AllergyIntolerance",
        elements.profile("us-core-allergyintolerance"),
        clinicalStatus=elements.token("allergyintolerance-clinical", "active"),
        verificationStatus=elements.token("allergyintolerance-verification", "confirmed"),
        **kind,
        code=elements.concept(code),
        patient=chart.subject,
        recordedDate=chart.when(at),
        reaction=reaction,
    )
