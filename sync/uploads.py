"""Uploads: files a person gives us, read by a worker into her record, each with its account, and taken back whole.

The same content is known again by its hash; ids follow from content and source, so reading a document twice changes
nothing. A worker killed anywhere leaves documents that another reads (DESIGN D10, D13).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import PurePosixPath
from typing import Any, Final

import orjson
from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.utils import timezone

from accounts.models import Person
from audit import events
from audit.models import Action, Agent
from records import patient, sealing, sources, store
from records.models import SourceKind
from sync import leases, staging
from sync.models import DocumentState, Upload, UploadedDocument, UploadState
from sync.sources.upload.accounts import Reason
from sync.upload_models import UNREAD

PERFORM: Final = "sync.tasks.perform_upload"
UNNAMED: Final = "Uploaded file"
"""The name of a source where no document says who made it; it is shown in words."""
WAITING_MAX: Final = 100
PATIENCE: Final = timedelta(seconds=60)
AT_ONCE: Final = 100
_NAME: Final = "name of a file"
_SUBJECT: Final = "whom a document names"
_ACCOUNT: Final = "account of a document"


class TooManyWaiting(Exception):
    """So many of her files wait to be read that no more are taken for now."""


@dataclass(frozen=True, slots=True)
class Received:
    """``known``: she gave us the same file before, so nothing was added."""

    upload: Upload
    known: bool


def of(owner: Person) -> QuerySet[Upload]:
    """Hers, newest first."""
    return Upload.objects.filter(owner=owner).order_by("-received", "-pk")


@transaction.atomic
def receive(owner: Person, staged: staging.Writer, *, name: str, at: datetime, origin: str = "") -> Received:
    """Keep a file that has arrived whole, to be read by a worker. Raises TooManyWaiting."""
    # Two tabs with the same file make one upload.
    Person.objects.select_for_update(no_key=True).get(pk=owner.pk)
    upload = Upload.objects.filter(owner=owner, digest=staged.digest).first()
    if upload is not None and upload.state not in (UploadState.REMOVED, UploadState.FAILED):
        transaction.on_commit(partial(staging.remove, staged.uid), robust=True)
        return Received(upload, known=True)
    waiting = Upload.objects.filter(owner=owner, state__in=UNREAD).aggregate(files=Count("pk"), size=Sum("size"))
    if waiting["files"] >= WAITING_MAX or (waiting["size"] or 0) >= settings.HEALTH_EXPORT_BYTES_MAX:
        raise TooManyWaiting
    upload = upload or Upload(owner=owner, digest=staged.digest)
    UploadedDocument.objects.filter(upload_id=upload.pk).delete()
    upload.uid, upload.size, upload.received, upload.staged = staged.uid, staged.size, at, True
    upload.sealed_name = sealing.seal_secret(owner.pk, _NAME, _plain_name(name).encode())
    upload.state, upload.problem, upload.claim, upload.attempts = UploadState.QUEUED, "", None, 0
    upload.finished = upload.sealed_about = upload.folder = None
    upload.save()
    _ring(upload.pk, at=at)
    _note(upload, Action.CREATE, "upload", {"bytes": upload.size}, origin=origin)
    return Received(upload, known=False)


def _plain_name(name: str) -> str:
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(sign for sign in last if sign.isprintable())[-150:]


def _ring(upload_id: int, *, at: datetime) -> None:
    Upload.objects.filter(pk=upload_id).update(rung=at)
    transaction.on_commit(partial(current_app.send_task, PERFORM, args=[upload_id]), robust=True)


def ring_again(*, at: datetime) -> int:
    """Ring for what waits with nobody on it."""
    unanswered = Q(rung__isnull=True) | Q(rung__lt=at - PATIENCE) | Q(heartbeat__gte=F("rung"))
    waiting = Upload.objects.claimable(at=at, lease=settings.SYNC_LEASE).filter(unanswered).order_by("pk")
    upload_ids = list(waiting.values_list("pk", flat=True)[:AT_ONCE])
    for upload_id in upload_ids:
        _ring(upload_id, at=at)
    return len(upload_ids)


@transaction.atomic
def end(lease: leases.Lease[Upload]) -> None:
    """Nothing in it is unread. Raises leases.ClaimLost."""
    _close(lease.lock())


def fail(lease: leases.Lease[Upload], reason: Reason) -> None:
    """Not even what is in it could be told. Raises leases.ClaimLost."""
    lease.update(state=UploadState.FAILED, claim=None, problem=reason.value, finished=timezone.now())


def _close(upload: Upload) -> None:
    """With every document read: done, or waiting for her answer, for which the file is kept."""
    asking = upload.documents.filter(state=DocumentState.HELD).exists()
    upload.state = UploadState.ASKING if asking else UploadState.DONE
    upload.claim, upload.finished = None, timezone.now()
    upload.staged = asking
    upload.save(update_fields=["state", "claim", "finished", "staged"])
    if not asking:
        _remove_bytes(upload)


@transaction.atomic
def answer(upload: Upload, number: int, *, hers: bool, at: datetime) -> bool:
    """Her word on a document that did not seem to be about her; False where nothing was asked."""
    upload = Upload.objects.select_for_update(no_key=True).get(pk=upload.pk)
    held = upload.documents.filter(number=number, state=DocumentState.HELD)
    if not held.update(
        state=DocumentState.WAITING if hers else DocumentState.DISCARDED, confirmed=hers, sealed_subject=None
    ):
        return False
    if hers:
        Upload.objects.filter(pk=upload.pk).update(state=UploadState.QUEUED, claim=None, attempts=0)
        _ring(upload.pk, at=at)
    elif upload.state == UploadState.ASKING:
        # What was left unread until she said whose phone it is.
        upload.documents.filter(state=DocumentState.WAITING).update(state=DocumentState.DISCARDED)
        _close(upload)
    return True


@transaction.atomic
def take_back(upload: Upload, *, at: datetime, origin: str = "") -> int:
    """This import and its records out of her record again; how many records. The same file can be given again.

    Files beside it (``beside``) go with it.
    """
    upload = Upload.objects.select_for_update(no_key=True).select_related("owner").get(pk=upload.pk)
    removed = 0
    if upload.source_id is not None:
        bodies = store.bodies(owner_id=upload.owner_id, source_id=upload.source_id)
        references = [(resource_type, logical_id) for resource_type, logical_id, _body in bodies]
        removed = store.delete(owner_id=upload.owner_id, source_id=upload.source_id, references=references, at=at)
        patient.compose(upload.owner_id, at=at)
    for each in [upload, *beside(upload).select_for_update(no_key=True)]:
        each.documents.all().delete()
        each.state, each.claim, each.staged, each.finished = UploadState.REMOVED, None, False, at
        each.sealed_about = None
        each.save()
        _remove_bytes(each)
    _note(upload, Action.DELETE, "remove-upload", {"records": removed}, origin=origin)
    return removed


def _remove_bytes(upload: Upload) -> None:
    for folder in (upload.uid, upload.folder):
        if folder is not None:
            transaction.on_commit(partial(staging.remove, folder), robust=True)


def holds(upload: Upload) -> dict[str, int]:
    """How many records of hers came from it, by type."""
    if upload.source_id is None:
        return {}
    return store.held(owner_id=upload.owner_id, source_id=upload.source_id)


def name(upload: Upload) -> str:
    return sealing.open_secret(upload.owner_id, _NAME, bytes(upload.sealed_name)).decode()


def document_name(document: UploadedDocument) -> str:
    return sealing.open_secret(document.owner_id, _NAME, bytes(document.sealed_name)).decode()


def seal_name(owner_id: int, text: str) -> bytes:
    return sealing.seal_secret(owner_id, _NAME, text[-150:].encode())


def account(document: UploadedDocument) -> dict[str, Any] | None:
    """The OperationOutcome of a document that has been read."""
    return _opened(document, _ACCOUNT, document.sealed_account)


def subject(document: UploadedDocument) -> dict[str, Any] | None:
    """Of a document she is asked about: ``{"name", "birthDate", "verdict"}``."""
    return _opened(document, _SUBJECT, document.sealed_subject)


def seal_account(owner_id: int, outcome: dict[str, Any]) -> bytes:
    return sealing.seal_secret(owner_id, _ACCOUNT, orjson.dumps(outcome))


def seal_subject(owner_id: int, told: dict[str, Any]) -> bytes:
    return sealing.seal_secret(owner_id, _SUBJECT, orjson.dumps(told))


def _opened(document: UploadedDocument, purpose: str, sealed: bytes | memoryview | None) -> dict[str, Any] | None:
    if sealed is None:
        return None
    opened: dict[str, Any] = orjson.loads(sealing.open_secret(document.owner_id, purpose, bytes(sealed)))
    return opened


def ensure_source(upload: Upload, *, maker: str = "") -> None:
    """The source of what comes from this file, called by who made it once that is known."""
    url = f"urn:tributary:upload:{bytes(upload.digest).hex()}"
    if upload.source is None:
        upload.source = sources.ensure(SourceKind.UPLOAD, maker[:200] or UNNAMED, url)
        Upload.objects.filter(pk=upload.pk).update(source=upload.source)
    elif maker and upload.source.name == UNNAMED:
        upload.source = sources.ensure(SourceKind.UPLOAD, maker[:200], url)


def share_source(upload: Upload, *, name: str, url: str) -> None:
    """Of a kind of file that says the same again whenever it is made anew: one source for all of them."""
    if upload.source is None or upload.source.url != url:
        upload.source = sources.ensure(SourceKind.UPLOAD, name, url)
        Upload.objects.filter(pk=upload.pk).update(source=upload.source)


def beside(upload: Upload) -> QuerySet[Upload]:
    """Her other files whose records cannot be told from this one's."""
    others = of(upload.owner).exclude(pk=upload.pk).exclude(state=UploadState.REMOVED)
    return others.filter(source=upload.source_id) if upload.source_id is not None else others.none()


def sweep(*, at: datetime) -> int:
    """Remove what lies in storage and no upload waits for; how many."""
    found = staging.left_behind(at=at)
    rows = Upload.objects.filter(Q(uid__in=found) | Q(folder__in=found), staged=True)
    waiting = {folder for each in rows.values_list("uid", "folder") for folder in each}
    gone = [uid for uid in found if uid not in waiting]
    for uid in gone:
        staging.remove(uid)
    return len(gone)


def remove_files(owner: Person) -> None:
    """Everything of hers that lies in storage."""
    for folders in Upload.objects.filter(owner=owner).values_list("uid", "folder"):
        for folder in filter(None, folders):
            staging.remove(folder)


def _note(upload: Upload, action: Action, interaction: str, detail: dict[str, object], *, origin: str) -> None:
    events.append(
        owner_id=upload.owner_id,
        action=action,
        interaction=interaction,
        agent_kind=Agent.OWNER,
        agent=str(upload.owner.subject),
        agent_name=upload.owner.name,
        origin=origin,
        detail=detail,
    )
