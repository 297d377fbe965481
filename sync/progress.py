"""How a connection stands, for the person: what was asked for, what arrived, what is missing and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Sum

from accounts.models import Person
from sync import connections, notices
from sync.models import Connection, ConnectionState, Feed, Run, RunStep, ShipmentShare, StepKind, StepState
from sync.problems import Explained, Problem, explain


@dataclass(frozen=True, slots=True)
class KindProgress:
    """One type in one run. ``stated``: how many the hospital says it has, None where it does not say; ``arrived``: how
    many came; ``kept``: how many of those are in her record; ``flagged``: kept though something is wrong with them.
    """

    resource_type: str
    stated: int | None
    arrived: int
    kept: int
    new: int
    changed: int
    flagged: int
    held_back: int
    unusable: int
    missing: int
    deleted: int
    pages_got: int
    pages_failed: int
    finished: bool
    problem: Explained | None

    @property
    def lost(self) -> int | None:
        """How many the hospital says it has and we do not; None where that cannot be known."""
        return None if self.stated is None else max(self.stated - self.arrived, 0) + self.unusable


@dataclass(frozen=True, slots=True)
class RunProgress:
    """One run. ``steps_done`` of ``steps``; ``kinds`` in the order in which they were asked for."""

    run_id: int
    kind: str
    state: str
    queued: datetime
    started: datetime | None
    finished: datetime | None
    waits_until: datetime | None
    steps_done: int
    steps: int
    arrived: int
    new: int
    changed: int
    deleted: int
    kinds: tuple[KindProgress, ...]
    problem: Explained | None

    @property
    def under_way(self) -> bool:
        return self.finished is None


@dataclass(frozen=True, slots=True)
class ShipmentProgress:
    """What the newest export of a group brought of hers: ``received`` lines, of which the others are a part."""

    at: datetime
    received: int
    new: int
    changed: int
    deleted: int
    unusable: int


@dataclass(frozen=True, slots=True)
class ConnectionProgress:
    """A connection as the portal shows it. ``problem``: what she should know or do about it now. ``fed``: whether the
    hospital also exports to us as a group, and ``shipment`` what came of that last. ``handing``: it is not asked
    for what it has, but hands that over by itself.
    """

    connection_id: int
    hospital: str
    hospital_slug: str
    place: str
    source_id: int
    state: str
    connected: datetime
    last_attempt: datetime | None
    last_success: datetime | None
    last_new_data: datetime | None
    schedule: str
    due: datetime | None
    removing: bool
    run: RunProgress | None
    problem: Explained | None
    fed: bool = False
    shipment: ShipmentProgress | None = None
    handing: bool = False

    @property
    def under_way(self) -> bool:
        return self.run is not None and self.run.under_way


def of(owner: Person) -> list[ConnectionProgress]:
    """Every connection of hers with its newest run; three queries however many there are, and one more where a hospital
    of hers also exports to us as a group."""
    fed = Exists(Feed.objects.filter(active=True, hospital=OuterRef("hospital_id")))
    found = list(connections.of(owner).annotate(is_fed=fed))
    newest = _newest_runs(owner, found)
    steps: dict[int, list[RunStep]] = {}
    for step in RunStep.objects.filter(run_id__in=[run.pk for run in newest.values()]).order_by("run_id", "number"):
        steps.setdefault(step.run_id, []).append(step)
    feeding = {each.pk for each in found if each.is_fed}
    shipped = _newest_shipments(found) if feeding else {}
    return [_connection(each, newest.get(each.pk), steps, each.pk in feeding, shipped) for each in found]


def of_connection(owner: Person, connection_id: int) -> ConnectionProgress | None:
    """One of her connections; None if she has none with that id."""
    return next((each for each in of(owner) if each.connection_id == connection_id), None)


def _newest_runs(owner: Person, found: Iterable[Connection]) -> dict[int, Run]:
    newest = (
        Run.objects.filter(owner=owner, connection__in=list(found))
        .order_by("connection_id", "-id")
        .distinct("connection_id")
    )
    return {run.connection_id: run for run in newest}


def _newest_shipments(found: Iterable[Connection]) -> dict[int, ShipmentProgress]:
    """By connection, of the newest shipment that brought it anything."""
    shares = ShipmentShare.objects.filter(connection__in=list(found)).order_by("connection_id", "shipment_id")
    summed = shares.values_list("connection_id", "shipment_id", "shipment__queued").annotate(
        *(Sum(name) for name in ("received", "new", "changed", "deleted", "unusable"))
    )
    return {key: ShipmentProgress(at, *counts) for key, _, at, *counts in summed}


def _connection(
    connection: Connection,
    run: Run | None,
    steps: dict[int, list[RunStep]],
    fed: bool,
    shipped: dict[int, ShipmentProgress],
) -> ConnectionProgress:
    hospital = connection.hospital
    told = _run(run, steps.get(run.pk, []), hospital.name) if run else None
    problem = {
        ConnectionState.NEEDS_REAUTH.value: Problem.SIGNED_OUT,
        ConnectionState.STOPPED.value: Problem.STOPPED,
        ConnectionState.HELD.value: Problem.NOT_HERS,
    }.get(connection.state)
    return ConnectionProgress(
        connection_id=connection.pk,
        hospital=hospital.name,
        hospital_slug=hospital.slug,
        place=hospital.place,
        source_id=hospital.source_id,
        state=connection.state,
        connected=connection.connected,
        last_attempt=connection.last_attempt,
        last_success=connection.last_success,
        last_new_data=connection.last_new_data,
        schedule=connection.schedule,
        due=connection.due if connection.state == ConnectionState.ACTIVE else None,
        removing=connection.removal is not None,
        run=told,
        problem=explain(problem, hospital.name) if problem else told.problem if told else None,
        fed=fed,
        shipment=shipped.get(connection.pk),
        handing=notices.handing(hospital) is not None,
    )


def _run(run: Run, steps: Sequence[RunStep], hospital: str) -> RunProgress:
    waits = run.finished is None and run.claim is None and run.due > run.queued
    return RunProgress(
        run_id=run.pk,
        kind=run.kind,
        state=run.state,
        queued=run.queued,
        started=run.started,
        finished=run.finished,
        waits_until=run.due if waits else None,
        steps_done=sum(step.state != StepState.WAITING for step in steps),
        steps=len(steps),
        arrived=sum(step.received + step.included for step in steps if step.kind != StepKind.ABSENT),
        new=sum(step.new for step in steps),
        changed=sum(step.changed for step in steps),
        deleted=sum(step.deleted for step in steps),
        kinds=tuple(_kind(name, group, hospital) for name, group in _by_type(steps).items()),
        problem=explain(run.problem, hospital),
    )


def _by_type(steps: Sequence[RunStep]) -> dict[str, list[RunStep]]:
    groups: dict[str, list[RunStep]] = {}
    for step in steps:
        groups.setdefault(step.resource_type, []).append(step)
    return groups


def _kind(resource_type: str, steps: Sequence[RunStep], hospital: str) -> KindProgress:
    came = [step for step in steps if step.kind != StepKind.ABSENT and step.state != StepState.REPLACED]
    worst = next((step.problem for step in came if step.problem), "")
    unusable = sum(step.unusable for step in came)
    # What came along with a match is of another type, and what came twice is one: neither hides what did not come.
    arrived = sum(step.received if step.listed is None else step.listed + step.unusable for step in came)
    return KindProgress(
        resource_type=resource_type,
        stated=_stated(came),
        arrived=arrived,
        kept=max(arrived - unusable - sum(step.held_back for step in came), 0),
        new=sum(step.new for step in came),
        changed=sum(step.changed for step in came),
        flagged=sum(step.invalid for step in came),
        held_back=sum(step.held_back for step in came),
        unusable=unusable,
        missing=sum(step.missing for step in came),
        deleted=sum(step.deleted for step in steps),
        pages_got=sum(step.pages_got for step in came),
        pages_failed=sum(step.pages_failed for step in came),
        finished=all(step.state != StepState.WAITING for step in steps),
        problem=explain(worst or (Problem.UNUSABLE if unusable else ""), hospital),
    )


def _stated(steps: Sequence[RunStep]) -> int | None:
    """The hospital's own figure: a single listing's total. Categories overlap, so their totals cannot be added."""
    listings = [step for step in steps if step.kind == StepKind.SEARCH]
    return listings[0].total if len(listings) == 1 else None
