"""Documents of a chart: the notes of its visits, as hospitals send them. What they say is written in notes.py."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sandbox import catalogue, elements, reports
from sandbox.catalogue import Code
from sandbox.chart import Chart, Resource
from sandbox.staff import Staff

_CLINICAL_NOTE: Final = Code(
    "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "clinical-note", "Clinical Note"
)
_FORMAT: Final = {
    "system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
    "code": "urn:ihe:iti:xds:2017:mimeTypeSufficient",
    "display": "mimeType Sufficient",
}


def file(
    chart: Chart,
    at: datetime,
    text: str,
    visit: Resource,
    staff: Staff,
    *,
    codes: Sequence[Code] = (catalogue.HISTORY_NOTE, catalogue.PLAN_NOTE),
    current: bool = True,
) -> Resource:
    """The note twice, as hospitals send it: a DiagnosticReport and a DocumentReference with the same text."""
    attachment = {"contentType": "text/plain; charset=utf-8", "data": base64.b64encode(text.encode()).decode()}
    kind = elements.coding(*codes)
    reports.present(chart, at, kind, visit, attachment, staff)
    return _refer(chart, at, kind, visit, attachment, staff, status="current" if current else "superseded")


def _refer(
    chart: Chart,
    at: datetime,
    kind: dict[str, Any],
    visit: Resource,
    attachment: dict[str, str],
    staff: Staff,
    *,
    status: str,
) -> Resource:
    name = uuid.UUID(int=chart.rng.getrandbits(128))
    return chart.write(
        "DocumentReference",
        elements.profile("us-core-documentreference"),
        identifier=[{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{name}"}],
        status=status,
        type=kind,
        category=[elements.coding(_CLINICAL_NOTE)],
        subject=chart.subject,
        date=chart.hospital.instant(at),
        author=[staff.reference],
        custodian=chart.hospital.organization_reference,
        content=[{"attachment": attachment, "format": {**_FORMAT}}],
        context={"encounter": [elements.reference(visit)], "period": visit["period"]},
    )
