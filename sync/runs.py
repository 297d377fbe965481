"""A run: pull everything a hospital has about one person, page by page, and never lose the place.

The steps are in the database before the first page is asked for, each page is stored together with its ledger row and
the address of the next, and any worker may go on where another was killed (DESIGN D10, D13).
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from records import patient
from sync import (
    absences,
    budgets,
    claims,
    connections,
    notices,
    pages,
    pieces,
    pointers,
    recognition,
    schedules,
    tokens,
    vendors,
)
from sync.claims import Claim
from sync.leases import ClaimLost
from sync.models import Connection, Hospital, Run, RunState, RunStep, StepKind, StepState
from sync.problems import Problem, Remedy, SourceError
from sync.sources.fhir_rest import plan
from sync.sources.fhir_rest.mapping import Frame
from sync.sources.fhir_rest.source import FhirSource, Listed
from sync.sources.wearables import makers
from sync.sources.wearables.handed import HandedSource
from sync.sources.wearables.source import WearableSource

MAX_ATTEMPTS: Final = 8
FIRST_PAUSE: Final = timedelta(seconds=20)
LONGEST_PAUSE: Final = timedelta(hours=1)
HANDED_FOR: Final = timedelta(days=6)
"""So long a maker tries to hand over what it has; after that it is asked for."""
# What a listing may still be told when it is asked for too widely: 400, or 403 where a server keeps to US Core's word.
_TOO_WIDE: Final = frozenset({400, 403, 422})

_log = logging.getLogger(__name__)

Source = FhirSource | WearableSource


def perform(run_id: int) -> None:
    """Go on with a run until it ends or has to wait. Safe to call at any time, twice, or from two workers at once."""
    claim = claims.take(run_id, at=timezone.now())
    if claim is None:
        return
    try:
        if claim.attempts > MAX_ATTEMPTS:
            _finish(claim, problem=Problem.STUCK)
            return
        with _opened(claim) as source:
            _pull(claim, source)
        _finish(claim)
    except SourceError as error:
        _log.info("run %s: %s (%s)", run_id, error.problem, error)
        _stumble(claim, error)
    except ClaimLost:
        _log.info("run %s: another worker has it, or it was ended", run_id)


@contextmanager
def _opened(claim: Claim) -> Iterator[Source]:
    source = _wearable(claim) or _hospital(claim)
    try:
        yield source
    finally:
        source.close()


def _hospital(claim: Claim) -> FhirSource:
    hospital = claim.connection.hospital
    vendor = vendors.of(hospital.vendor)
    return FhirSource(
        hospital.fhir_base,
        _frame(claim),
        bearer=tokens.Keeper(claim.connection),
        pulse=claim.pulse,
        page_size=settings.SYNC_PAGE_SIZE,
        vendor=vendor,
        spend=_spending(hospital, vendor.requests_a_minute),
    )


def _wearable(claim: Claim) -> WearableSource | None:
    """Where the connection leads to a maker of devices and to no hospital."""
    connection = claim.connection
    maker = makers.of(connection.hospital.vendor)
    if maker is None:
        return None
    at = timezone.now()
    asked = (connection.hospital.fhir_base, maker, _frame(claim))
    ways: dict[str, Any] = {
        "assembler": connection.hospital.name,
        "callback": notices.callback(connection.hospital),
        "bearer": tokens.Keeper(connection),
        "pulse": claim.pulse,
        "spend": _spending(connection.hospital, maker.requests_a_minute),
        "connected": connection.connected,
        "complete": connection.last_success,
        "at": at,
    }
    if maker.push is None:
        return WearableSource(*asked, **ways)
    return HandedSource(*asked, shelf=pieces.Shelf(connection, maker), since=_missed(connection, at), **ways)


def _missed(connection: Connection, at: datetime) -> date | None:
    """From which day on a maker that hands over by itself may have had nobody to hand to; None where it always had."""
    complete = connection.last_success
    if complete is None:
        return date.min
    away = connection.connected > complete or at - complete > HANDED_FOR
    return (complete - timedelta(days=1)).date() if away else None


def _frame(claim: Claim) -> Frame:
    connection = claim.connection
    return Frame(
        owner_id=claim.owner_id,
        source_url=connection.hospital.source.url,
        base=connection.hospital.fhir_base,
        patient=connection.patient,
        patient_id=connection.owner.patient_id,
    )


def _spending(hospital: Hospital, most: int) -> Callable[[], None]:
    return lambda: budgets.spend(hospital.pk, most=most, at=timezone.now())


def _pull(claim: Claim, source: Source) -> None:
    if not RunStep.objects.filter(run_id=claim.run_id).exists():
        if isinstance(source, WearableSource):
            source.subscribe()
        found = [(StepKind.SEARCH, search.resource_type, search.query) for search in source.searches()]
        pages.add_steps(claim, found)
    while (step := _waiting(claim, StepKind.SEARCH)) is not None:
        _walk(claim, source, step)
    if isinstance(source, FhirSource):
        pointers.fetch(claim, source)
        absences.check(claim, source)
    patient.compose(claim.owner_id, at=timezone.now())


def _waiting(claim: Claim, kind: StepKind) -> RunStep | None:
    return RunStep.objects.filter(run_id=claim.run_id, kind=kind, state=StepState.WAITING).order_by("number").first()


def _walk(claim: Claim, source: Source, step: RunStep) -> None:
    """One listing, from where it stands to its end."""
    search = plan.Search(step.resource_type, step.query)
    while step.state == StepState.WAITING:
        address = pages.next_address(claim.owner_id, step)
        requested = datetime.now(UTC)
        try:
            listed = source.page(address) if address else source.first_page(search)
        except SourceError as error:
            _account_for(claim, source, step, search, address or source.first_address(search), error, requested)
            return
        page = _page(listed)
        if listed.mapped.outdated:
            step.problem = Problem.OLD_FHIR
        _follow(source, step, page)
        recognition.check(claim, source.frame, page.mapped.resources)
        pages.keep(claim, step, page, source.frame)
        if isinstance(source, HandedSource):
            # After it, not with it: what was read twice is the same, what was not read would be lost.
            source.kept(page.address)


def _page(listed: Listed) -> pages.Page:
    return pages.Page(
        listed.address,
        listed.mapped,
        listed.requested,
        listed.took,
        status=listed.status,
        tries=listed.tries,
        total=listed.total,
        next=listed.next,
    )


def _follow(source: Source, step: RunStep, page: pages.Page) -> None:
    """Decide where the listing goes on: at its end it is complete; a next that must not be followed fails it."""
    if not page.next:
        page.state = StepState.COMPLETE
    elif source.leads_elsewhere(page.next):
        page.next, page.state, step.problem = "", StepState.FAILED, Problem.FOREIGN_ADDRESS
    elif page.next == page.address or pages.seen(step, page.next):
        page.next, page.state, step.problem = "", StepState.FAILED, Problem.LOOP


def _account_for(
    claim: Claim,
    source: Source,
    step: RunStep,
    search: plan.Search,
    address: str,
    error: SourceError,
    requested: datetime,
) -> None:
    """A page that could not be had: what stops the run is raised again, the rest is the step's own matter."""
    if error.problem in {Problem.UNREACHABLE, Problem.BUSY, Problem.OUR_TURN} or error.remedy is Remedy.REAUTHORIZE:
        raise error
    if search.is_read and error.problem is Problem.REFUSED and source.vendor.forbidden_means_ended:
        # Nobody is refused her own Patient: this server says so of a token that has ended.
        raise SourceError(str(error), problem=Problem.SIGNED_OUT, remedy=Remedy.REAUTHORIZE, status=error.status)
    begun = step.pages_got > 0
    if begun and step.walk == 1 and error.problem in {Problem.MISSING, Problem.UNSUPPORTED}:
        # Some servers forget a listing that is not walked at once.
        pages.fail(claim, step, address, error, requested=requested)
        pages.walk_anew(claim, step)
        return
    if not begun and error.status in _TOO_WIDE and (narrower := plan.narrower(search)):
        found = [(StepKind.SEARCH, each.resource_type, each.query) for each in narrower]
        pages.add_steps(claim, found, instead_of=step)
    elif not begun and error.problem is Problem.REFUSED:
        pages.end(claim, step, StepState.REFUSED, problem=Problem.REFUSED)
    elif not begun and not search.is_read and error.problem in {Problem.UNSUPPORTED, Problem.MISSING}:
        pages.end(claim, step, StepState.UNSUPPORTED, problem=Problem.UNSUPPORTED)
    else:
        pages.fail(claim, step, address, error, requested=requested)


def _stumble(claim: Claim, error: SourceError) -> None:
    """Something that stops the whole run: put it off, ask her to sign in, or end it with what it has."""
    try:
        if error.remedy is Remedy.RETRY and claim.attempts < MAX_ATTEMPTS:
            # Waiting for our own turn is no fault of the hospital's, and no try of ours.
            tried = error.problem is not Problem.OUR_TURN
            until = timezone.now() + _pause(claim.attempts, error.wait)
            claim.put_off(until=until, problem=error.problem, tried=tried)
            return
        if error.remedy is Remedy.REAUTHORIZE:
            connections.ask_to_sign_in(claim.connection.pk)
        _finish(claim, problem=error.problem)
    except ClaimLost:
        _log.info("run %s: ended meanwhile", claim.run_id)


def _pause(attempts: int, asked: timedelta | None) -> timedelta:
    """As long as the hospital asked, or doubling; with some chance, lest all its patients come back at once."""
    doubling: timedelta = min(FIRST_PAUSE * 2 ** max(attempts - 1, 0), LONGEST_PAUSE)
    return max(asked or timedelta(), doubling) * random.uniform(1, 1.25)  # noqa: S311 - no secret


@transaction.atomic
def _finish(claim: Claim, *, problem: str = "") -> None:
    """Say how the run ended, and when the connection last succeeded and last brought anything new."""
    connection = Connection.objects.select_for_update(no_key=True).get(pk=claim.connection.pk)
    run = claim.lock()
    at = timezone.now()
    state, problem = _verdict(run, problem)
    claim.finish(state, problem=problem, at=at)
    news = RunStep.objects.filter(run=run).aggregate(news=Sum("new") + Sum("changed") + Sum("deleted"))["news"]
    connection.last_attempt = at
    if state == RunState.COMPLETE:
        connection.last_success = at
    if news:
        connection.last_new_data = at
    connection.due = schedules.following(connection, at=at)
    # What came while the run was under way. What was there before, and could not be read, waits for the usual update.
    if connection.due and pieces.wait(connection, since=(run.started or at) - notices.PAUSE):
        connection.due = at + notices.PAUSE
    connection.save(update_fields=["last_attempt", "last_success", "last_new_data", "due"])


def _verdict(run: Run, problem: str) -> tuple[RunState, str]:
    """Complete: everything the hospital lets us read has arrived. What it refuses or lacks is said at its step."""
    steps = RunStep.objects.filter(run=run)
    lost = steps.filter(state__in=[StepState.FAILED, StepState.SHORT]).exclude(problem="").first()
    problem = problem or (lost.problem if lost else "")
    if not problem:
        damaged = steps.exclude(state=StepState.REPLACED).filter(unusable__gt=0).first()
        problem = (damaged.problem or Problem.UNUSABLE) if damaged else ""
    if not problem:
        return RunState.COMPLETE, ""
    arrived = steps.filter(pages_got__gt=0).exists()
    return (RunState.PARTIAL if arrived else RunState.FAILED), problem
