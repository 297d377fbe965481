"""Plans of a chart: who cares for a problem, to what end, and how."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sandbox import catalogue, elements
from sandbox.catalogue import Code
from sandbox.chart import Chart, Resource
from sandbox.staff import Staff


def make(chart: Chart, at: datetime, name: str, problem: Resource, visit: Resource, staff: Staff) -> Resource:
    """A care team, a goal and the plan that names both; ``name`` is one of catalogue.PLANS."""
    kind, activities, aim = catalogue.PLANS[name]
    team = _gather(chart, at, visit, staff)
    goal = _aim(chart, at, aim, problem)
    return chart.write(
        "CarePlan",
        elements.profile("us-core-careplan"),
        text=elements.narrative(f"Care Plan for {kind.display}."),
        status="active",
        intent="order",
        category=[
            {"coding": [{"system": "http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "code": "assess-plan"}]},
            elements.concept(kind),
        ],
        subject=chart.subject,
        encounter=elements.reference(visit),
        period={"start": chart.when(at)},
        careTeam=[elements.reference(team)],
        addresses=[elements.reference(problem)],
        goal=[elements.reference(goal)],
        activity=_activities(chart, activities),
    )


def _gather(chart: Chart, at: datetime, visit: Resource, staff: Staff) -> Resource:
    members = (
        (catalogue.snomed("116154003", "Patient"), {**chart.subject, "display": chart.shown}),
        (catalogue.snomed("223366009", "Healthcare professional (occupation)"), staff.role_reference),
    )
    return chart.write(
        "CareTeam",
        elements.profile("us-core-careteam"),
        status="active",
        subject=chart.subject,
        encounter=elements.reference(visit),
        period={"start": chart.when(at)},
        participant=[{"role": [elements.concept(role)], "member": member} for role, member in members],
        managingOrganization=[chart.hospital.organization_reference],
    )


def _aim(chart: Chart, at: datetime, aim: str, problem: Resource) -> Resource:
    return chart.write(
        "Goal",
        elements.profile("us-core-goal"),
        lifecycleStatus="active",
        achievementStatus=elements.token("goal-achievement", "in-progress"),
        description={"text": aim},
        subject=chart.subject,
        startDate=f"{at:%Y-%m-%d}",
        target=[{"dueDate": f"{at + timedelta(days=365):%Y-%m}"}],
        addresses=[elements.reference(problem)],
    )


def _activities(chart: Chart, codes: Sequence[Code]) -> list[dict[str, Any]]:
    place = chart.hospital.location_reference
    return [{"detail": {"code": elements.concept(code), "status": "in-progress", "location": place}} for code in codes]
