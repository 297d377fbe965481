"""What a person is asked at a visit: smoking, screening questionnaires, social needs."""

from __future__ import annotations

from datetime import datetime

from sandbox import catalogue, elements, observations, procedures, reports
from sandbox.catalogue import Code, Measure
from sandbox.chart import Chart, Resource
from sandbox.staff import Staff


def ask(chart: Chart, at: datetime, visit: Resource, which: tuple[Code, Measure, Code], staff: Staff) -> Resource:
    """One of catalogue.SURVEYS: its score, the Procedure of asking and the report."""
    panel, score, procedure = which
    names = ["us-core-observation-survey"]
    if panel.code == "76499-3":
        names.insert(0, "us-core-observation-sdoh-assessment")
    observation = observations.record(
        chart,
        at,
        "survey",
        [score.loinc],
        visit,
        profiles=names,
        valueQuantity=observations.draw(chart, score),
    )
    procedures.perform(chart, at, procedure, visit)
    reports.list_results(chart, at, panel, visit, [observation], staff)
    return observation


def ask_smoking(chart: Chart, at: datetime, visit: Resource, answer: Code) -> Resource:
    return observations.record(
        chart,
        at,
        "social-history",
        [catalogue.SMOKING.loinc],
        visit,
        profiles=["us-core-smokingstatus", "us-core-observation-social-history"],
        valueCodeableConcept=elements.concept(answer),
    )


def ask_needs(chart: Chart, at: datetime, visit: Resource) -> Resource:
    """The social needs questionnaire (PRAPARE), one component a question."""
    return observations.record(
        chart,
        at,
        "survey",
        [catalogue.NEEDS_PANEL],
        visit,
        profiles=["us-core-observation-sdoh-assessment", "us-core-observation-survey"],
        component=[
            {
                "code": elements.concept(question.loinc),
                "valueCodeableConcept": elements.concept(chart.rng.choice(question.answers)),
            }
            for question in catalogue.NEEDS
        ],
    )
