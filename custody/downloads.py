"""Downloads: a copy of a whole record for the person herself, made by a worker and sealed until she fetches it.

The parts are written one after another: for each type its current records as lines, then all its versions as lines,
then the attachments that lie apart, each as the file it is. Everything is read through the gate as she reads it.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
import secrets
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from celery import current_app
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection, transaction

from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from consent import gate
from custody.models import UNFINISHED, Download, DownloadPiece, DownloadState
from records import sealing, walking
from records.changelog import Changes
from records.numbering import TYPE_NAME, TYPE_NUMBER
from records.query import Query
from records.reading import Stored
from sync import leases

PERFORM: Final = "custody.tasks.perform_download"
ATTEMPTS_MAX: Final = 8
RECORDS_AT_ONCE: Final = 200
AT_ONCE: Final = 100
STORAGE: Final = "exports"
CURRENT, HISTORY, ATTACHMENTS = "current", "history", "attachments"
BINARY: Final = "Binary"


@dataclass(frozen=True)
class Step:
    kind: str
    resource_type: str


STEPS: Final = (
    *(Step(CURRENT, name) for name in sorted(TYPE_NUMBER)),
    *(Step(HISTORY, name) for name in sorted(TYPE_NUMBER)),
    Step(ATTACHMENTS, BINARY),
)


@dataclass(frozen=True)
class Portion:
    """What one stretch of a step gave: files by path as (lines, bytes), and where to go on; None at its end."""

    files: list[tuple[str, int, bytes]]
    after: str | None


def of(owner: Person) -> Download | None:
    """The newest one that is being made, ready, or just failed."""
    return Download.objects.filter(owner=owner).order_by("-pk").first()


@transaction.atomic
def ask(owner: Person, *, at: datetime, origin: str = "") -> Download:
    """Have a copy made; the one under way if there is one."""
    Person.objects.select_for_update(no_key=True).get(pk=owner.pk)
    waiting = Download.objects.filter(owner=owner, state__in=UNFINISHED).first()
    if waiting is not None:
        return waiting
    download = Download.objects.create(owner=owner, asked=at)
    _note(owner, "ask-copy", {}, origin)
    ring(download.pk)
    return download


def ring(download_id: int) -> None:
    transaction.on_commit(partial(current_app.send_task, PERFORM, args=[download_id]), robust=True)


def ring_again(*, at: datetime) -> int:
    """Ring for what waits with nobody on it."""
    waiting = Download.objects.claimable(at=at, lease=settings.SYNC_LEASE).order_by("pk")[:AT_ONCE]
    for download in waiting:
        ring(download.pk)
    return len(waiting)


def perform(download_id: int, *, at: datetime) -> bool:
    """Write what is left of it; False where another worker is on it."""
    free = Download.objects.filter(pk=download_id).claimable(at=at, lease=settings.SYNC_LEASE)
    key = leases.take(free, at=at, state=DownloadState.RUNNING)
    if key is None:
        return False
    lease = leases.Lease(Download.objects.all(), download_id, key)
    download = Download.objects.get(pk=download_id)
    if download.attempts > ATTEMPTS_MAX:
        _end(download, lease, DownloadState.FAILED, at=at)
        return True
    held = _types_held(download.owner_id)
    while download.step < len(STEPS):
        if STEPS[download.step].resource_type not in held:
            download.step, download.after = download.step + 1, ""
            continue
        lease.pulse()
        _write(download, lease, _portion(download, STEPS[download.step]))
    _end(download, lease, DownloadState.COMPLETE, at=at)
    return True


def _types_held(owner_id: int) -> set[str]:
    """The types of which there is, or was, a record: the others take no time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT resource_type FROM records_record WHERE owner_id = %s", [owner_id])
        return {TYPE_NAME[number] for (number,) in cursor.fetchall()}


def _end(download: Download, lease: leases.Lease[Download], state: DownloadState, *, at: datetime) -> None:
    lease.update(claim=None, state=state, finished=at, expires=at + settings.DOWNLOAD_LIFE)


def _portion(download: Download, step: Step) -> Portion:
    interaction = "history-type" if step.kind == HISTORY else "search"
    records = gate.readable(
        owner_id=download.owner_id, reader=gate.Owner(download.owner_id), interaction=interaction, at=download.asked
    )
    if step.kind == HISTORY:
        page = records.changes(Changes(step.resource_type, cursor=download.after or None), count=RECORDS_AT_ONCE)
        return Portion(_lines(step, page.entries), page.next)
    span = walking.Span(None, download.asked)
    queries = [Query.of(step.resource_type)]
    found = walking.stretch(records, queries, span, after=download.after, count=RECORDS_AT_ONCE)
    if step.kind == CURRENT:
        return Portion(_lines(step, found.entries), found.upto)
    return Portion([each for stored in found.entries for each in _attachment(stored)], found.upto)


def _lines(step: Step, entries: list[Stored]) -> list[tuple[str, int, bytes]]:
    bodies = [stored.body for stored in entries if stored.body]
    path = f"{step.kind}/{step.resource_type}.ndjson"
    return [(path, len(bodies), b"".join(body + b"\n" for body in bodies))] if bodies else []


def _attachment(stored: Stored) -> Iterator[tuple[str, int, bytes]]:
    """The bytes of a Binary as the file it is; one that is no base64 stays what it is in its line."""
    resource = stored.resource
    try:
        data = base64.b64decode(str(resource.get("data", "")), validate=True)
    except (binascii.Error, ValueError):
        return
    ending = mimetypes.guess_extension(str(resource.get("contentType", "")).partition(";")[0]) or ".bin"
    yield f"{ATTACHMENTS}/{stored.logical_id}{ending}", 0, data


def _write(download: Download, lease: leases.Lease[Download], portion: Portion) -> None:
    """The pieces of a portion and where it ended, or nothing of it. Raises leases.ClaimLost."""
    number = DownloadPiece.objects.filter(download=download).count()
    pieces = [
        DownloadPiece(download=download, number=each, path=path, lines=lines, name=_store(download, each, data))
        for each, (path, lines, data) in enumerate(portion.files, start=number + 1)
    ]
    over = portion.after is None
    step, after = (download.step + 1, "") if over else (download.step, portion.after or "")
    with transaction.atomic():
        lease.lock()
        DownloadPiece.objects.bulk_create(pieces)
        lease.update(step=step, after=after, attempts=0)
    download.step, download.after = step, after


def _store(download: Download, number: int, data: bytes) -> str:
    sealed = sealing.seal_secret(download.owner_id, _purpose(download, number), zlib.compress(data))
    return storages[STORAGE].save(f"{_folder(download)}/{secrets.token_hex(16)}", ContentFile(sealed))


def pieces(download: Download) -> Iterator[DownloadPiece]:
    """In the order of their files, each file's pieces together."""
    return DownloadPiece.objects.filter(download=download).order_by("number").iterator()


def opened(download: Download, piece: DownloadPiece) -> bytes:
    """Raises sealing.Tampered, keys.KeyUnavailable, OSError."""
    with storages[STORAGE].open(piece.name) as stored:
        sealed = stored.read()
    return zlib.decompress(sealing.open_secret(download.owner_id, _purpose(download, piece.number), sealed))


def note_fetched(download: Download, *, origin: str = "") -> None:
    """On record before the first byte leaves: she, or somebody at her screen, took everything."""
    counts: Counter[str] = Counter()
    for path, lines in DownloadPiece.objects.filter(download=download).values_list("path", "lines"):
        if path.startswith(CURRENT):
            counts[path.removeprefix(f"{CURRENT}/").removesuffix(".ndjson")] += lines
    _note(Person.objects.get(pk=download.owner_id), "copy", {"types": dict(counts)}, origin)


def is_ready(download: Download | None, *, at: datetime) -> bool:
    done = download is not None and download.state == DownloadState.COMPLETE
    return done and download is not None and download.expires is not None and download.expires > at


def sweep(*, at: datetime) -> int:
    """What is past its time, with its files; how many."""
    over = list(Download.objects.filter(expires__lte=at)[:AT_ONCE])
    for download in over:
        remove_files(download)
        download.delete()
    return len(over)


def remove_all_files(owner: Person) -> None:
    for download in Download.objects.filter(owner=owner):
        remove_files(download)


def remove_files(download: Download) -> None:
    """Everything in its folder, also what no row names because a worker was killed."""
    storage, folder = storages[STORAGE], _folder(download)
    try:
        _, names = storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        storage.delete(f"{folder}/{name}")
    storage.delete(folder)


def _folder(download: Download) -> str:
    return f"download-{download.uid}"


def _purpose(download: Download, number: int) -> str:
    return f"download|{download.uid}|{number}"


def _note(owner: Person, interaction: str, detail: dict[str, Any], origin: str) -> None:
    events.append(
        owner_id=owner.pk,
        action=Action.READ,
        interaction=interaction,
        agent_kind=Agent.OWNER,
        agent=str(owner.subject),
        agent_name=owner.name,
        origin=origin,
        detail=detail,
    )
