"""The insurance that covers a chart's patient."""

from __future__ import annotations

from datetime import date

from sandbox import elements
from sandbox.chart import Chart, Resource


def enrol(chart: Chart, start: date, member: str) -> Resource:
    """Cover her from ``start`` on as the plan's member of that number."""
    return chart.write(
        "Coverage",
        elements.profile("us-core-coverage"),
        identifier=[
            {
                "type": elements.shown_token("v2-0203", "MB", "Member Number"),
                "system": "https://health-plan.example/members",
                "value": member,
            }
        ],
        status="active",
        type={
            "coding": [{"system": "https://nahdo.org/sopt", "code": "512", "display": "Commercial Managed Care - PPO"}],
            "text": "Preferred provider",
        },
        subscriberId=member,
        beneficiary=chart.subject,
        relationship=elements.shown_token("subscriber-relationship", "self", "Self"),
        period={"start": f"{start:%Y-%m-%d}"},
        payor=[chart.hospital.payer_reference],
    )
