"""A text she can send to her clinic: what does not work, in words its technicians can use, and nothing about her.

It names no id of hers, no value and no token: she may paste it into any form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from records.models import SourceKind
from sync.models import Connection, Hospital, PageEntry, PageOutcome, Run, RunStep, StepState
from sync.problems import Problem

# What the clinic can mend. Of the rest she or we can, and a letter would only send her round in circles.
ASKS: Final[Mapping[Problem, str | Promise]] = {
    Problem.UNREACHABLE: gettext_lazy("Your FHIR server could not be reached."),
    Problem.SERVER_ERROR: gettext_lazy("Your FHIR server answered with an error of its own."),
    Problem.UNREADABLE: gettext_lazy("Your FHIR server sent an answer that is not valid FHIR JSON."),
    Problem.TOO_LARGE: gettext_lazy("Your FHIR server sent a page of more than 50 MB."),
    Problem.FOREIGN_ADDRESS: gettext_lazy("A “next” link of your FHIR server leads to another address than its own."),
    Problem.LOOP: gettext_lazy("The “next” links of a search lead in a circle."),
    Problem.REFUSED: gettext_lazy("Your FHIR server refuses types of record that patients are entitled to."),
    Problem.UNUSABLE: gettext_lazy("Some entries of a search have no resource type or no id."),
    Problem.SHORT: gettext_lazy("A search lists fewer records than its total says."),
    Problem.NOT_SMART: gettext_lazy(
        "The address offers no SMART on FHIR access for patients (no PKCE, or no discovery)."
    ),
    Problem.NOT_REGISTERED: gettext_lazy("Your authorization server does not accept the app’s registration."),
    Problem.UNREGISTERED: gettext_lazy(
        "My app is not registered with you yet, and you do not offer dynamic registration (RFC 7591). How can it be?"
    ),
    Problem.NO_PATIENT: gettext_lazy("Your token response names no patient."),
    Problem.WRONG_ISSUER: gettext_lazy("Your id_token or authorization response names another issuer."),
    Problem.OLD_FHIR: gettext_lazy("Your FHIR server speaks a version older than R4."),
}
LINES_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that failed: of which type, with which status, when."""

    resource_type: str
    problem: str
    status: int | None
    at: datetime


def of_run(run: Run) -> list[Failure]:
    """What failed in a run, last of each type: pages that could not be had, and types that ended badly."""
    pages = PageEntry.objects.filter(step__run=run, outcome=PageOutcome.FAILED).select_related("step").order_by("pk")
    found = {
        page.step.resource_type: Failure(page.step.resource_type, page.problem, page.http_status, page.requested)
        for page in pages
        if page.step.state == StepState.FAILED
    }
    for step in RunStep.objects.filter(run=run).exclude(problem="").exclude(state=StepState.REPLACED):
        ended = step.finished or run.finished or run.queued
        found.setdefault(step.resource_type, Failure(step.resource_type, step.problem, None, ended))
    return [each for each in found.values() if each.problem in ASKS][:LINES_MAX]


def to_clinic(connection: Connection) -> str:
    """The letter about the newest run of a connection; empty where the clinic cannot help."""
    run = Run.objects.filter(owner_id=connection.owner_id, connection=connection).order_by("-id").first()
    if run is None or run.finished is None:
        return ""
    failures = of_run(run)
    if not failures and run.problem in ASKS:
        failures = [Failure("", run.problem, None, run.finished)]
    return compose(connection.hospital, failures)


def compose(hospital: Hospital, failures: Iterable[Failure]) -> str:
    """The letter, in her language; empty without failures that the clinic can mend, and for a maker of devices, to whom
    a letter about a FHIR server says nothing.
    """
    lines = [_line(each) for each in failures if each.problem in ASKS]
    if not lines or hospital.source.kind == SourceKind.WEARABLE:
        return ""
    opening = _("Hello, I collect my health record with an app of mine, by the SMART on FHIR access for patients.")
    trouble = _("It does not work as it should at this address:")
    asking = _("Could you pass this on to whoever looks after your patient portal and its FHIR server? Thank you.")
    return "\n".join([opening, f"{trouble} {hospital.fhir_base}", "", *lines, "", asking])


def _line(failure: Failure) -> str:
    where = " ".join(
        part
        for part in (
            failure.resource_type,
            f"HTTP {failure.status}" if failure.status else "",
            f"{failure.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        )
        if part
    )
    return f"- {ASKS[Problem(failure.problem)]} ({where})"
