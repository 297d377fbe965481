"""What a person's resources point to outside her compartment: noted while pages come, fetched after them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from sync import pages
from sync.claims import Claim
from sync.models import Pointer, PointerState, RunStep, StepKind, StepState
from sync.problems import Problem
from sync.sources.fhir_rest import plan
from sync.sources.fhir_rest.mapping import Pointed
from sync.sources.fhir_rest.source import BATCH, READS_IN_A_BATCH, FhirSource, Looked

# A practitioner or a medication seldom changes: one that is older than this is looked at again by the next run.
FRESH: Final = timedelta(days=7)


def fetch(claim: Claim, source: FhirSource) -> None:
    """Fetch all that is wanted, and what that points to in turn, up to plan.MAX_HOPS from her own resources."""
    _want_again(claim)
    _drop_listed(claim)
    while (resource_type := _next_type(claim)) is not None:
        step = _step(claim, resource_type)
        may_search = source.capability.searches_by_id(resource_type)
        batch = _batch(claim, resource_type, BATCH if may_search else READS_IN_A_BATCH)
        looked = source.look_up(resource_type, [pointer.remote_id for pointer in batch], may_search=may_search)
        pages.keep(claim, step, _page(batch, looked), source.frame)
    for step in _steps(claim).filter(state=StepState.WAITING):
        _end(claim, step)


def _want_again(claim: Claim) -> None:
    """At the beginning of this part of a run: what failed last time, and what was asked long ago."""
    if _steps(claim).exists():
        return
    old = Q(asked__lt=timezone.now() - FRESH) | Q(state=PointerState.FAILED)
    Pointer.objects.filter(old, connection=claim.connection).update(state=PointerState.WANTED)


def _drop_listed(claim: Claim) -> None:
    """A device or specimen may be listed as hers and pointed to as well: it is here already."""
    for resource_type in _wanted(claim):
        here = [each.remote_id for each in pages.listed(claim, resource_type)]
        pointed = Pointer.objects.filter(connection=claim.connection, resource_type=resource_type, remote_id__in=here)
        pointed.update(state=PointerState.FETCHED, asked=timezone.now())


def _wanted(claim: Claim) -> list[str]:
    wanted = Pointer.objects.filter(connection=claim.connection, state=PointerState.WANTED, hop__lte=plan.MAX_HOPS)
    return list(wanted.values_list("resource_type", flat=True).distinct())


def _next_type(claim: Claim) -> str | None:
    """In the plan's order, so that what a role leads to is fetched together with the rest of its type."""
    return min(_wanted(claim), key=plan.POINTED.index, default=None)


def _batch(claim: Claim, resource_type: str, size: int) -> Sequence[Pointer]:
    """Of one hop only: what they point to is one hop further."""
    wanted = Pointer.objects.filter(
        connection=claim.connection, resource_type=resource_type, state=PointerState.WANTED, hop__lte=plan.MAX_HOPS
    ).order_by("id")
    hop = wanted.values_list("hop", flat=True)[0]
    return list(wanted.filter(hop=hop)[:size])


def _steps(claim: Claim) -> QuerySet[RunStep]:
    return RunStep.objects.filter(run_id=claim.run_id, kind=StepKind.POINTED)


def _step(claim: Claim, resource_type: str) -> RunStep:
    pages.add_steps(claim, [(StepKind.POINTED, resource_type, "")])
    return _steps(claim).get(resource_type=resource_type)


def _page(batch: Sequence[Pointer], looked: Looked) -> pages.Page:
    outcomes = {
        PointerState.FETCHED: looked.found,
        PointerState.MISSING: looked.missing,
        PointerState.REFUSED: looked.refused,
        PointerState.FAILED: looked.failed,
    }
    state_of = {pointed: state for state, group in outcomes.items() for pointed in group}
    states = {pointer.pk: state_of[Pointed(pointer.resource_type, pointer.remote_id)] for pointer in batch}
    lost = len(looked.missing) + len(looked.refused) + len(looked.failed)
    return pages.Page(
        address=f"{batch[0].resource_type}#{batch[0].pk}",
        mapped=looked.mapped,
        requested=looked.requested,
        took=looked.took,
        missing=lost,
        hop=batch[0].hop + 1,
        pointers=states,
    )


def _end(claim: Claim, step: RunStep) -> None:
    """A pointer whose resource the hospital does not have or share is told as a figure; one that failed fails."""
    asked = Pointer.objects.filter(connection=claim.connection, resource_type=step.resource_type)
    failed = asked.filter(state=PointerState.FAILED).exists()
    refused = not step.received and asked.filter(state=PointerState.REFUSED).exists()
    if failed:
        pages.end(claim, step, StepState.FAILED, problem=Problem.SERVER_ERROR)
    elif refused:
        pages.end(claim, step, StepState.REFUSED, problem=Problem.REFUSED)
    else:
        pages.end(claim, step, StepState.COMPLETE)
