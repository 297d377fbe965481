"""Trying again: the newest run goes on with what failed in it, and with nothing else.

A listing that broke off goes on at the page that could not be had; one whose place is lost, or that ended short, is
walked anew; of what her records point to, only what failed is asked for.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import F, Q

from sync import pages
from sync.models import Connection, Pointer, PointerState, Run, RunState, RunStep, StepKind, StepState

ENDED_BADLY = (RunState.PARTIAL, RunState.FAILED)


def newest(connection: Connection) -> Run | None:
    return Run.objects.filter(owner_id=connection.owner_id, connection=connection).order_by("-id").first()


def reopen(run: Run, *, at: datetime, resource_type: str = "") -> None:
    """Queue a run again that ended with something missing. The caller holds its connection's row.

    ``resource_type``: only what failed of this type.
    """
    for step in _lacking(run, resource_type):
        _reopen_step(run, step, at)
    Run.objects.filter(pk=run.pk, state__in=ENDED_BADLY).update(
        state=RunState.QUEUED, problem="", finished=None, claim=None, attempts=0, queued=at, due=at, rung=None
    )


def _lacking(run: Run, resource_type: str) -> list[RunStep]:
    lacking = Q(state__in=[StepState.FAILED, StepState.SHORT]) | Q(unusable__gt=0, kind=StepKind.SEARCH)
    found = RunStep.objects.filter(lacking, run=run).exclude(state=StepState.REPLACED)
    return list(found.filter(resource_type=resource_type) if resource_type else found)


def _reopen_step(run: Run, step: RunStep, at: datetime) -> None:
    if step.kind == StepKind.POINTED:
        failed = Pointer.objects.filter(
            connection_id=run.connection_id, resource_type=step.resource_type, state=PointerState.FAILED
        ).update(state=PointerState.WANTED)
        _wait_again(step, missing=F("missing") - failed)
    elif step.state == StepState.FAILED and (step.sealed_next is not None or not step.pages_got):
        _wait_again(step)
    else:
        pages.replace(step, at=at)


def _wait_again(step: RunStep, **changes: object) -> None:
    RunStep.objects.filter(pk=step.pk).update(
        state=StepState.WAITING, problem="", finished=None, listed=None, **changes
    )
