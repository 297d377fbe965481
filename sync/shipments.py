"""A shipment: one group export ordered, waited for and read line by line into the records of those it is about.

Nothing of a file is kept on disk. Some lines at a time go into the records, the shares and the ledger in one
transaction, so a worker killed anywhere leaves a file that is read on from the line after. Lines about people who are
not linked here are counted and forgotten.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from records import sealing
from sync import budgets, feeds, leases, lines, recipients, vendors
from sync.leases import ClaimLost, Lease
from sync.models import FileKind, FileState, Shipment, ShipmentState, ShippedFile
from sync.problems import Problem, Remedy, SourceError
from sync.sources.bulk_export import mapping
from sync.sources.bulk_export.access import ServiceBearer
from sync.sources.bulk_export.client import Client, Waiting

MAX_ATTEMPTS: Final = 8
ANEW_MAX: Final = 3
FIRST_PAUSE: Final = timedelta(seconds=30)
LONGEST_PAUSE: Final = timedelta(hours=1)
PATIENCE: Final = timedelta(days=7)
"""An export that is not ready by then never will be."""
MANIFESTS_MAX: Final = 1000
"""Documents of one manifest."""
BATCH_LINES: Final = 500
BATCH_BYTES: Final = 8_000_000
PATIENTS_MAX: Final = 1000
"""As many as an order names; where more are linked, the whole group is asked for."""
_FILE: Final = "file of a shipment"
_STATUS: Final = "status of a shipment"

_log = logging.getLogger(__name__)


class Claim(Lease[Shipment]):
    """One call's hold on one shipment."""

    def __init__(self, shipment: Shipment, key: uuid.UUID) -> None:
        super().__init__(Shipment.objects.all(), shipment.pk, key)
        self.shipment = shipment

    def advanced(self) -> None:
        """Some of it arrived. Raises ClaimLost."""
        self.update(heartbeat=timezone.now(), attempts=0)
        self.shipment.attempts = 0


def perform(shipment_id: int) -> None:
    """Go on with a shipment until it ends or has to wait. Safe to call at any time, twice, or by two at once."""
    claim = _take(shipment_id, at=timezone.now())
    if claim is None:
        return
    client = _client(claim)
    try:
        _go_on(claim, client)
    except SourceError as error:
        _log.info("shipment %s: %s (%s)", shipment_id, error.problem, error)
        _stumble(claim, error)
    except ClaimLost:
        _log.info("shipment %s: another worker has it", shipment_id)
    finally:
        client.close()


def _take(shipment_id: int, *, at: datetime) -> Claim | None:
    free = Shipment.objects.filter(pk=shipment_id).claimable(at=at, lease=settings.SYNC_LEASE)
    key = leases.take(free, at=at, problem="")
    if key is None:
        return None
    return Claim(Shipment.objects.select_related("feed__hospital__source").get(pk=shipment_id), key)


def _client(claim: Claim) -> Client:
    feed = claim.shipment.feed
    key = sealing.open_site_secret(feeds.purpose(feed.hospital), bytes(feed.sealed_key)).decode()
    base = feed.hospital.fhir_base
    bearer = ServiceBearer(base, client_id=feed.client_id, key=key, scope=feed.scopes)
    most = vendors.of(feed.hospital.vendor).requests_a_minute
    return Client(
        base,
        bearer=bearer,
        pulse=claim.pulse,
        spend=lambda: budgets.spend(feed.hospital.pk, most=most, at=timezone.now()),
    )


def _go_on(claim: Claim, client: Client) -> None:
    shipment = claim.shipment
    if shipment.attempts > MAX_ATTEMPTS:
        _finish(claim, problem=Problem.STUCK)
        return
    if shipment.state == ShipmentState.QUEUED:
        _order(claim, client)
    if shipment.state == ShipmentState.ORDERED and not _is_ready(claim, client):
        return
    for file in ShippedFile.objects.filter(shipment=shipment, state=FileState.WAITING).order_by("number"):
        _read(claim, client, file)
    client.remove(_status(shipment))
    _finish(claim)


def _order(claim: Claim, client: Client) -> None:
    shipment, feed = claim.shipment, claim.shipment.feed
    patients: list[str] = []
    if feed.by_patient:
        linked = recipients.linked(feed.hospital).order_by("patient").values_list("patient", flat=True).distinct()
        patients = list(linked[: PATIENTS_MAX + 1])
    named = patients if len(patients) <= PATIENTS_MAX else []
    status = client.order(feed.group, types=feed.types, since=shipment.since, patients=named)
    shipment.sealed_status = sealing.seal_site_secret(f"{_STATUS}|{shipment.pk}", status.encode())
    shipment.state = ShipmentState.ORDERED
    claim.update(state=shipment.state, sealed_status=shipment.sealed_status, attempts=0, heartbeat=timezone.now())


def _status(shipment: Shipment) -> str:
    assert shipment.sealed_status is not None
    return sealing.open_site_secret(f"{_STATUS}|{shipment.pk}", bytes(shipment.sealed_status)).decode()


def _is_ready(claim: Claim, client: Client) -> bool:
    """Note the files of a finished export; of one that is not, when to ask again."""
    shipment = claim.shipment
    documents: list[Mapping[str, Any]] = []
    address, seen = _status(shipment), set[str]()
    while address:
        answer = client.ask(address)
        if isinstance(answer, Waiting):
            _wait(claim, answer)
            return False
        documents.append(answer.manifest)
        expires = answer.expires
        seen.add(address)
        address = mapping.following(answer.manifest)
        if address in seen or len(seen) > MANIFESTS_MAX:
            raise SourceError("a manifest that leads in a circle", problem=Problem.LOOP)
    _note_files(claim, mapping.manifest(*documents), expires)
    return True


def _wait(claim: Claim, answer: Waiting) -> None:
    """Until the whole of its manifest is there."""
    if timezone.now() - claim.shipment.queued > PATIENCE:
        raise SourceError("the export does not end", problem=Problem.STUCK)
    claim.update(claim=None, due=timezone.now() + answer.wait, attempts=0, said=_plain(answer.said))


@transaction.atomic
def _note_files(claim: Claim, listed: mapping.Manifest, expires: datetime | None) -> None:
    claim.lock()
    shipment = claim.shipment
    ShippedFile.objects.bulk_create(
        ShippedFile(
            shipment=shipment,
            number=number,
            kind=file.kind,
            resource_type=file.resource_type,
            sealed_address=sealing.seal_site_secret(f"{_FILE}|{shipment.pk}|{number}", file.address.encode()),
            stated=file.count,
        )
        for number, file in enumerate(listed.files, 1)
    )
    shipment.state, shipment.signed = ShipmentState.FETCHING, listed.signed
    shipment.transaction_time, shipment.expires = listed.transaction_time, expires
    claim.update(
        state=shipment.state,
        signed=shipment.signed,
        transaction_time=shipment.transaction_time,
        expires=shipment.expires,
        attempts=0,
        heartbeat=timezone.now(),
    )


def _read(claim: Claim, client: Client, file: ShippedFile) -> None:
    """One file from where it stands to its end. What is wrong with it alone ends it, and the others are read."""
    purpose = f"{_FILE}|{file.shipment_id}|{file.number}"
    address = sealing.open_site_secret(purpose, bytes(file.sealed_address)).decode()
    try:
        _take_lines(claim, client, file, address)
    except SourceError as error:
        if error.remedy is not Remedy.GIVE_UP or error.problem in {Problem.MISSING, Problem.NOT_REGISTERED}:
            raise
        _end(claim, file, FileState.FAILED, problem=error.problem)
        return
    file.refresh_from_db()
    short = file.stated is not None and file.lines < file.stated
    state, problem = (FileState.SHORT, Problem.SHORT) if short else (FileState.COMPLETE, file.problem)
    _end(claim, file, state, problem=problem)


def _take_lines(claim: Claim, client: Client, file: ShippedFile, address: str) -> None:
    with client.lines(address, signed=claim.shipment.signed) as arriving:
        batch: list[bytes] = []
        size = 0
        for number, line in enumerate(arriving, 1):
            if number <= file.lines:
                continue  # taken before a worker was killed, or the line broken off
            batch.append(line)
            size += len(line)
            if len(batch) >= BATCH_LINES or size >= BATCH_BYTES:
                _keep(claim, file, batch)
                batch, size = [], 0
        if batch:
            _keep(claim, file, batch)


@transaction.atomic
def _keep(claim: Claim, file: ShippedFile, batch: list[bytes]) -> None:
    claim.lock()
    lines.keep(claim.shipment, file, batch, at=timezone.now())
    claim.advanced()


@transaction.atomic
def _end(claim: Claim, file: ShippedFile, state: FileState, *, problem: str) -> None:
    claim.lock()
    ShippedFile.objects.filter(pk=file.pk).update(state=state, problem=problem)


def _stumble(claim: Claim, error: SourceError) -> None:
    """Put it off, order it anew once it is gone, or end it with what came."""
    try:
        begun = claim.shipment.state != ShipmentState.QUEUED
        if error.problem is Problem.MISSING and begun:
            _expire(claim)
        elif error.remedy is Remedy.RETRY and claim.shipment.attempts < MAX_ATTEMPTS:
            # Waiting for our own turn is no try.
            tried = max(claim.shipment.attempts - (error.problem is Problem.OUR_TURN), 0)
            claim.update(claim=None, due=timezone.now() + _pause(tried, error.wait), attempts=tried)
        else:
            _finish(claim, problem=error.problem)
    except ClaimLost:
        _log.info("shipment %s: another worker has it", claim.shipment.pk)


def _plain(said: str) -> str:
    return "".join(sign for sign in said if sign.isprintable())[:100]


def _pause(attempts: int, asked: timedelta | None) -> timedelta:
    doubling: timedelta = min(FIRST_PAUSE * 2 ** max(attempts - 1, 0), LONGEST_PAUSE)
    return max(asked or timedelta(), doubling) * random.uniform(1, 1.25)  # noqa: S311 - no secret


@transaction.atomic
def _expire(claim: Claim) -> None:
    """The export or a file of it is gone, read or not: what was taken stays, and all of it is ordered anew."""
    claim.lock()
    at, shipment = timezone.now(), claim.shipment
    claim.update(claim=None, state=ShipmentState.EXPIRED, problem=Problem.MISSING, finished=at)
    if shipment.anew < ANEW_MAX:
        feeds.begin_anew(shipment, at=at)


@transaction.atomic
def _finish(claim: Claim, *, problem: str = "") -> None:
    shipment = claim.lock()
    at, files = timezone.now(), ShippedFile.objects.filter(shipment=shipment)
    bad = files.filter(Q(state__in=[FileState.FAILED, FileState.SHORT]) | Q(unreadable__gt=0)).first()
    failed = files.filter(kind=FileKind.ERROR).exclude(problem="").first()
    problem = problem or next((each.problem or Problem.UNREADABLE for each in (bad, failed) if each), "")
    arrived = files.filter(lines__gt=0).exists()
    state = ShipmentState.COMPLETE if not problem else ShipmentState.PARTIAL if arrived else ShipmentState.FAILED
    claim.update(claim=None, state=state, problem=problem, finished=at)
    if state == ShipmentState.COMPLETE:
        feeds.note_complete(shipment, at=at)
    lines.settle(shipment, at=at)
