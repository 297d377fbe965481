"""Procedures of a chart, the orders for them and the devices they leave behind."""

from __future__ import annotations

from datetime import datetime, timedelta

from sandbox import catalogue, elements
from sandbox.catalogue import Code
from sandbox.chart import Chart, Resource
from sandbox.staff import Staff


def perform(
    chart: Chart,
    at: datetime,
    code: Code,
    visit: Resource | None,
    *,
    minutes: int = 15,
    reason: Resource | None = None,
    order: Resource | None = None,
) -> Resource:
    return chart.write(
        "Procedure",
        elements.profile("us-core-procedure"),
        basedOn=[elements.reference(order)] if order else None,
        status="completed",
        code=elements.concept(code),
        subject=chart.subject,
        encounter=elements.reference_if(visit),
        performedPeriod=elements.period(chart, at, at + timedelta(minutes=minutes)),
        location=chart.hospital.location_reference,
        reasonReference=[elements.named_reference(reason)] if reason else None,
    )


def order(chart: Chart, at: datetime, code: Code, visit: Resource, staff: Staff) -> Resource:
    """A ServiceRequest for surgery."""
    return chart.write(
        "ServiceRequest",
        elements.profile("us-core-servicerequest"),
        status="completed",
        intent="order",
        category=[elements.concept(catalogue.snomed("387713003", "Surgical procedure"))],
        code=elements.concept(code),
        subject=chart.subject,
        encounter=elements.reference_if(visit),
        occurrenceDateTime=chart.when(at),
        authoredOn=chart.when(at),
        requester=staff.reference,
    )


def implant(chart: Chart, at: datetime, kind: Code) -> Resource:
    """A Device in the body, with its unique device identifier."""
    lot, serial = chart.rng.randrange(10**11, 10**12), chart.rng.randrange(10**9, 10**10)
    item = f"{chart.rng.randrange(10**13, 10**14)}"
    until = at + timedelta(days=9131)
    return chart.write(
        "Device",
        elements.profile("us-core-implantable-device"),
        udiCarrier=[
            {
                "deviceIdentifier": item,
                "carrierHRF": f"(01){item}(11){at:%y%m%d}(17){until:%y%m%d}(10){lot}(21){serial}",
            }
        ],
        status="active",
        distinctIdentifier=item,
        manufactureDate=chart.when(at),
        expirationDate=chart.when(until),
        lotNumber=str(lot),
        serialNumber=str(serial),
        deviceName=[{"name": kind.display, "type": "user-friendly-name"}],
        type=elements.concept(kind),
        patient=chart.subject,
    )
