"""One page into the record and into the ledger, in one transaction: a worker killed anywhere leaves both or neither."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import orjson
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from audit import events
from audit.models import Action, Agent, Outcome
from records import sealing, store
from sync.claims import Claim
from sync.models import PageEntry, PageOutcome, Pointer, PointerState, RunStep, StepKind, StepState
from sync.problems import Problem, SourceError
from sync.sources.fhir_rest import mapping
from sync.sources.fhir_rest.mapping import Mapped, Pointed

_LISTING: Final = "page listing"
_NEXT: Final = "next page"


@dataclass(slots=True)
class Page:
    """A page on its way in: what it holds, how it was asked for, and what follows from it.

    ``next`` is the address to go on at, empty at the end; ``gone`` are remote resources to hide; ``state`` what the
    step is in afterwards; ``missing`` and ``pointers`` what became of resources asked for one by one.
    """

    address: str
    mapped: Mapped
    requested: datetime
    took: timedelta
    status: int | None = None
    tries: int = 1
    total: int | None = None
    next: str = ""
    state: StepState = StepState.WAITING
    gone: Sequence[Pointed] = ()
    missing: int = 0
    hop: int = 1
    pointers: dict[int, PointerState] = field(default_factory=dict)


@transaction.atomic
def keep(claim: Claim, step: RunStep, page: Page, frame: mapping.Frame) -> None:
    """Store a page and account for it. Raises ClaimLost, and then nothing of it was stored."""
    claim.lock()
    at = timezone.now()
    source_id = claim.connection.hospital.source_id
    outcome = store.put_page(owner_id=claim.owner_id, source_id=source_id, resources=page.mapped.resources, at=at)
    hidden = _hide(claim, page.gone, frame, at) if page.gone else 0
    _want(claim, page)
    _enter(claim, step, page, PageOutcome.STORED, "")
    counts = {
        "received": page.mapped.received,
        "included": page.mapped.included,
        "new": outcome.new,
        "changed": outcome.changed,
        "unchanged": outcome.unchanged + outcome.repeated + page.mapped.repeated,
        "invalid": outcome.invalid,
        "unusable": len(page.mapped.unusable) + len(outcome.refused),
        "held_back": page.mapped.held_back,
        "warnings": page.mapped.warnings,
        "deleted": hidden,
        "missing": page.missing,
        "pages_asked": 1,
        "pages_got": 1,
    }
    _account(claim, step, counts, page, at)
    _tell(claim, mapping.count_by_type(page.mapped.resources), counts)
    claim.advanced(at=at)


@transaction.atomic
def fail(claim: Claim, step: RunStep, address: str, error: SourceError, *, requested: datetime) -> None:
    """Account for a page that could not be had or read. It ends its step: what came after it is not known of.

    Its address stays, for who tries again (sync.retries).
    """
    claim.lock()
    at = timezone.now()
    lost = Page(address, Mapped(), requested, at - requested, status=error.status, tries=error.tries)
    lost.state = StepState.FAILED
    _enter(claim, step, lost, PageOutcome.FAILED, error.problem)
    step.problem = error.problem
    _account(claim, step, {"pages_asked": 1, "pages_failed": 1}, lost, at)
    claim.advanced(at=at)


@transaction.atomic
def end(claim: Claim, step: RunStep, state: StepState, *, problem: str = "") -> None:
    """End a step that has no page to account for."""
    claim.lock()
    RunStep.objects.filter(pk=step.pk).update(state=state, problem=problem, finished=timezone.now())


@transaction.atomic
def make_up(claim: Claim, step: RunStep, there: int) -> None:
    """A short listing after all has everything: ``there`` of what it left out were found by themselves."""
    claim.lock()
    RunStep.objects.filter(pk=step.pk).update(state=StepState.COMPLETE, problem="", listed=F("listed") + there)


@transaction.atomic
def add_steps(claim: Claim, wanted: Iterable[tuple[str, str, str]], *, instead_of: RunStep | None = None) -> None:
    """Append steps (kind, type, query) to the run; doing it twice adds none."""
    run = claim.lock()
    there = {
        (kind, resource_type, query): number
        for kind, resource_type, query, number in RunStep.objects.filter(run=run).values_list(
            "kind", "resource_type", "query", "number"
        )
    }
    missing = [each for each in dict.fromkeys(wanted) if each not in there]
    first = max(there.values(), default=0) + 1
    RunStep.objects.bulk_create(
        RunStep(run=run, number=number, kind=kind, resource_type=resource_type, query=query)
        for number, (kind, resource_type, query) in enumerate(missing, first)
    )
    if instead_of is not None:
        RunStep.objects.filter(pk=instead_of.pk).update(state=StepState.REPLACED, finished=timezone.now())


@transaction.atomic
def walk_anew(claim: Claim, step: RunStep) -> None:
    """Begin a listing again from its first page."""
    claim.lock()
    replace(step, at=timezone.now())


def replace(step: RunStep, *, at: datetime) -> RunStep:
    """Another walk of the same listing, at the end of the run. What the first one listed counts as listed before."""
    last = RunStep.objects.filter(run=step.run_id).order_by("number").values_list("number", flat=True).last() or 0
    RunStep.objects.filter(pk=step.pk).update(state=StepState.REPLACED, finished=at, sealed_next=None)
    return RunStep.objects.create(
        run_id=step.run_id,
        number=last + 1,
        kind=step.kind,
        resource_type=step.resource_type,
        query=step.query,
        walk=step.walk + 1,
    )


def next_address(owner_id: int, step: RunStep) -> str | None:
    """Where to go on; None before the first page."""
    if step.sealed_next is None:
        return None
    return sealing.open_secret(owner_id, _NEXT, bytes(step.sealed_next)).decode()


def seen(step: RunStep, address: str) -> bool:
    """Whether this step has had that page: then the server's ``next`` leads in a circle."""
    return PageEntry.objects.filter(step=step, outcome=PageOutcome.STORED, digest=_digest(address)).exists()


def listed(claim: Claim, resource_type: str, *, before: bool = False) -> set[Pointed]:
    """What the hospital listed of a type in this run, or ``before`` it: in another run, or in a walk begun anew."""
    sealed = _listings(claim, resource_type, before=before).values_list("listing", flat=True)
    pairs = (pair for each in sealed if each for pair in _open_listing(claim.owner_id, bytes(each)))
    return {Pointed(name, remote_id) for name, remote_id in pairs if name == resource_type}


def _different(claim: Claim, step: RunStep) -> int:
    """How many different matches a listing had: pages overlap where a server's order moves under our feet."""
    sealed = PageEntry.objects.filter(step=step, listing__isnull=False).values_list("listing", flat=True)
    return len({tuple(pair) for each in sealed if each for pair in _open_listing(claim.owner_id, bytes(each))})


def forget_older_listings(claim: Claim, resource_type: str) -> None:
    """Earlier listings have been compared; this run's are what the next one compares with."""
    old = list(_listings(claim, resource_type, before=True).values_list("pk", flat=True))
    PageEntry.objects.filter(pk__in=old).update(listing=None)


@transaction.atomic
def carry_over(claim: Claim, step: RunStep, unasked: Sequence[Pointed]) -> None:
    """Keep on the list what this run did not come to ask for."""
    if not unasked:
        return
    claim.lock()
    at = timezone.now()
    rest = Page(f"{step.resource_type}#unasked", Mapped(listing=list(unasked)), at, timedelta())
    _enter(claim, step, rest, PageOutcome.STORED, "")
    RunStep.objects.filter(pk=step.pk).update(missing=F("missing") + len(unasked))


def types_listed_before(claim: Claim) -> set[str]:
    """The types of which an earlier run's listing is still kept."""
    return set(_all_listings(claim, before=True).values_list("step__resource_type", flat=True).distinct().order_by())


def _listings(claim: Claim, resource_type: str, *, before: bool) -> QuerySet[PageEntry]:
    return _all_listings(claim, before=before).filter(step__resource_type=resource_type)


def _all_listings(claim: Claim, *, before: bool) -> QuerySet[PageEntry]:
    found = PageEntry.objects.filter(
        step__run__owner_id=claim.owner_id,
        step__run__connection=claim.connection,
        step__kind__in=[StepKind.SEARCH, StepKind.ABSENT],
        listing__isnull=False,
    )
    now = Q(step__run_id=claim.run_id) & ~Q(step__state=StepState.REPLACED)
    return found.exclude(now) if before else found.filter(now)


def _open_listing(owner_id: int, sealed: bytes) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = orjson.loads(zlib.decompress(sealing.open_secret(owner_id, _LISTING, sealed)))
    return pairs


def _digest(address: str) -> bytes:
    return hashlib.sha256(address.encode()).digest()[:16]


def _hide(claim: Claim, gone: Sequence[Pointed], frame: mapping.Frame, at: datetime) -> int:
    hidden = [(each.resource_type, frame.logical_id(each.resource_type, each.remote_id)) for each in gone]
    source_id = claim.connection.hospital.source_id
    return store.delete(owner_id=claim.owner_id, source_id=source_id, references=hidden, at=at)


def _want(claim: Claim, page: Page) -> None:
    """Note what the page points to, and what became of the pointers it answers."""
    wanted = [
        Pointer(connection=claim.connection, resource_type=each.resource_type, remote_id=each.remote_id, hop=page.hop)
        for each in sorted(page.mapped.pointed)
    ]
    Pointer.objects.bulk_create(wanted, ignore_conflicts=True)
    for state in set(page.pointers.values()):
        answered = [key for key, value in page.pointers.items() if value is state]
        Pointer.objects.filter(pk__in=answered).update(state=state, asked=page.requested)


def _enter(claim: Claim, step: RunStep, page: Page, outcome: PageOutcome, problem: str) -> None:
    listed = [(each.resource_type, each.remote_id) for each in page.mapped.listing]
    sealed = sealing.seal_secret(claim.owner_id, _LISTING, zlib.compress(orjson.dumps(listed))) if listed else None
    number = PageEntry.objects.filter(step=step).count() + 1
    PageEntry.objects.create(
        step=step,
        number=number,
        outcome=outcome,
        problem=problem,
        http_status=page.status,
        entries=page.mapped.received + page.mapped.included,
        tries=page.tries,
        requested=page.requested,
        took_ms=round(page.took.total_seconds() * 1000),
        digest=_digest(page.address),
        listing=sealed,
    )


def _account(claim: Claim, step: RunStep, counts: dict[str, int], page: Page, at: datetime) -> None:
    changes: dict[str, object] = {name: F(name) + count for name, count in counts.items() if count}
    changes |= {"state": page.state, "problem": step.problem}
    if not counts.get("pages_failed"):
        sealed = sealing.seal_secret(claim.owner_id, _NEXT, page.next.encode()) if page.next else None
        changes["sealed_next"] = sealed
    if page.total is not None:
        # A total that changes under way may have been too low before or now: the higher one hides no loss.
        changes["total"] = max(page.total, step.total or 0)
    RunStep.objects.filter(pk=step.pk).update(**changes)
    step.refresh_from_db()
    if page.state != StepState.WAITING:
        _close(claim, step, at)


def _close(claim: Claim, step: RunStep, at: datetime) -> None:
    """At the end of a listing: did as many come as the hospital says it has?"""
    step.finished = at
    step.listed = _different(claim, step)
    if step.state == StepState.COMPLETE and lacks(step):
        step.state, step.problem = StepState.SHORT, Problem.SHORT
    step.save(update_fields=["finished", "listed", "state", "problem"])


def lacks(step: RunStep) -> int:
    """How many matches the hospital says it has that did not come."""
    return max((step.total or 0) - (step.listed or 0) - step.unusable, 0)


def _tell(claim: Claim, by_type: dict[str, int], counts: dict[str, int]) -> None:
    """One event for each page that brought something: the source wrote into her record."""
    if not by_type and not counts["deleted"]:
        return
    hospital = claim.connection.hospital
    kept = ("new", "changed", "unchanged", "unusable", "held_back", "deleted")
    events.append(
        owner_id=claim.owner_id,
        action=Action.UPDATE,
        interaction="sync",
        outcome=Outcome.SUCCESS,
        agent_kind=Agent.SOURCE,
        agent=hospital.source.url[:120],
        agent_name=hospital.name,
        detail={"types": by_type, **{name: counts[name] for name in kept if counts[name]}},
    )
