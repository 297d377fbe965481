"""Visits: the Encounters of a chart."""

from __future__ import annotations

from datetime import datetime, timedelta

from sandbox import elements
from sandbox.catalogue import TERMINOLOGY, Code
from sandbox.chart import Chart, Resource
from sandbox.staff import Staff


def record(
    chart: Chart,
    at: datetime,
    kind: tuple[str, Code],
    staff: Staff,
    *,
    minutes: int = 15,
    reason: Code | None = None,
) -> Resource:
    """A visit that is over; ``kind`` is one of catalogue.VISITS, a stay among them ends at home."""
    period = elements.period(chart, at, at + timedelta(minutes=minutes))
    performer = elements.shown_token("v3-ParticipationType", "PPRF", "primary performer")
    home = {"dischargeDisposition": elements.shown_token("discharge-disposition", "home", "Home")}
    visit = chart.write(
        "Encounter",
        elements.profile("us-core-encounter"),
        status="finished",
        class_={"system": f"{TERMINOLOGY}/v3-ActCode", "code": kind[0]},
        type=[elements.concept(kind[1])],
        subject={**chart.subject, "display": chart.shown},
        participant=[{"type": [performer], "period": period, "individual": staff.reference}],
        period=period,
        reasonCode=[elements.coding(reason)] if reason else None,
        hospitalization=home if kind[0] == "IMP" else None,
        location=[{"location": chart.hospital.location_reference}],
        serviceProvider=chart.hospital.organization_reference,
    )
    visit["identifier"] = [{"use": "official", "system": chart.hospital.identifiers, "value": str(visit["id"])}]
    return visit
