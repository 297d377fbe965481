"""What a hospital used to list and no longer does: each is asked for once more, and hidden only if it is truly gone.

The ids come from the ledger's own listings, never from the record, so that only what this connection brought can be
taken away by it, and only after a listing of the type that reached its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sync import pages
from sync.claims import Claim
from sync.models import RunStep, StepKind, StepState
from sync.sources.fhir_rest.mapping import Pointed
from sync.sources.fhir_rest.source import READS_IN_A_BATCH, FhirSource

# More than this in one run would be a hospital gone wrong rather than records gone; the rest is asked for next time.
MAX_READS: Final = 500


def check(claim: Claim, source: FhirSource) -> None:
    """Ask for every absent resource of the types that were listed to their end."""
    for resource_type in sorted(_listed_to_the_end(claim) & pages.types_listed_before(claim)):
        _check_type(claim, source, resource_type)


def _listed_to_the_end(claim: Claim) -> set[str]:
    """The types all of whose searches in this run are complete; her own Patient is no listing."""
    states: dict[str, set[str]] = {}
    steps = RunStep.objects.filter(run_id=claim.run_id, kind=StepKind.SEARCH).exclude(resource_type="Patient")
    for resource_type, state in steps.values_list("resource_type", "state"):
        states.setdefault(resource_type, set()).add(state)
    ended = {StepState.COMPLETE, StepState.SHORT}
    return {name for name, found in states.items() if found <= ended | {StepState.REPLACED} and found & ended}


def _check_type(claim: Claim, source: FhirSource, resource_type: str) -> None:
    listed = pages.listed(claim, resource_type)
    absent = sorted(pages.listed(claim, resource_type, before=True) - listed)
    if absent:
        pages.add_steps(claim, [(StepKind.ABSENT, resource_type, "")])
        step = RunStep.objects.get(run_id=claim.run_id, kind=StepKind.ABSENT, resource_type=resource_type)
        asked, later = absent[:MAX_READS], absent[MAX_READS:]
        for first in range(0, len(asked), READS_IN_A_BATCH):
            _check_group(claim, source, step, asked[first : first + READS_IN_A_BATCH])
        pages.carry_over(claim, step, later)
        pages.end(claim, step, StepState.COMPLETE)
        _make_up(claim, resource_type)
    pages.forget_older_listings(claim, resource_type)


def _make_up(claim: Claim, resource_type: str) -> None:
    """A listing that was short may have left out just what was then found by asking for it."""
    steps = RunStep.objects.filter(run_id=claim.run_id, resource_type=resource_type)
    there = steps.get(kind=StepKind.ABSENT).received
    short = list(steps.filter(kind=StepKind.SEARCH, state=StepState.SHORT))
    if there and len(short) == 1 and pages.lacks(short[0]) <= there:
        pages.make_up(claim, short[0], there)


def _check_group(claim: Claim, source: FhirSource, step: RunStep, group: Sequence[Pointed]) -> None:
    looked = source.look_up(step.resource_type, [each.remote_id for each in group], may_search=False)
    unsure = looked.refused | looked.failed
    # Still on its list for the next run: what is there after all, and what could not be told.
    looked.mapped.listing = sorted(looked.found | unsure)
    page = pages.Page(
        address=f"{step.resource_type}#{group[0].remote_id}",
        mapped=looked.mapped,
        requested=looked.requested,
        took=looked.took,
        gone=sorted(looked.missing),
        missing=len(unsure),
    )
    pages.keep(claim, step, page, source.frame)
