"""Where a chart's resources came from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sandbox import elements
from sandbox.chart import Chart, Resource
from sandbox.staff import Staff


def attest(chart: Chart, at: datetime, targets: Iterable[Resource], staff: Staff) -> Resource:
    """Say that ``staff`` wrote the targets, for the hospital."""
    author = elements.shown_token("provenance-participant-type", "author", "Author")
    return chart.write(
        "Provenance",
        elements.profile("us-core-provenance"),
        target=[elements.reference(target) for target in targets],
        recorded=chart.hospital.instant(at),
        agent=[{"type": author, "who": staff.reference, "onBehalfOf": chart.hospital.organization_reference}],
    )
