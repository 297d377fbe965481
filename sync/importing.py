"""Importing: the documents of an uploaded file, one after another, into her record and each into its account."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from records import patient
from standards import sniffing
from standards.fhir import dates
from standards.sniffing import Form
from sync import archives, documents, identities, leases, staging, streaming, uploads
from sync.identities import Verdict
from sync.models import DocumentState, Upload, UploadedDocument, UploadState
from sync.sources.apple_health import companions, export
from sync.sources.fhir_rest.mapping import Frame
from sync.sources.links import source as links
from sync.sources.upload import adoption, source
from sync.sources.upload.accounts import Account, Reason
from sync.sources.upload.readings import Format, Reading, Refused

PAGE: Final = 200
_LINK_BYTES_MAX: Final = 10_000
ATTEMPTS_MAX: Final = 3
_HOLDS_PATIENT: Final = re.compile(rb'"resourceType"\s*:\s*"Patient"')

_log = logging.getLogger(__name__)


def perform(upload_id: int) -> bool:
    """Read what has not been read yet; False where another worker is on it or there is nothing to do."""
    at = timezone.now()
    free = Upload.objects.filter(pk=upload_id).claimable(at=at, lease=settings.SYNC_LEASE)
    key = leases.take(free, at=at, state=UploadState.RUNNING)
    if key is None:
        return False
    lease = leases.Lease(Upload.objects.all(), upload_id, key)
    upload = Upload.objects.select_related("owner", "source").get(pk=upload_id)
    try:
        _read(upload, lease)
    except leases.ClaimLost:
        _log.info("upload %s: another worker has it, or it was taken back", upload_id)
    return True


def _read(upload: Upload, lease: leases.Lease[Upload]) -> None:
    """Every document in it that waits. Raises leases.ClaimLost."""
    listed = UploadedDocument.objects.filter(upload=upload)
    if upload.attempts > ATTEMPTS_MAX and not listed.exists():
        uploads.fail(lease, Reason.LOST)
        return
    try:
        _list(upload, lease)
    except archives.Damaged as damaged:
        _refuse_whole(upload, lease, damaged.reason)
    uploads.ensure_source(upload)
    waiting = listed.filter(state=DocumentState.WAITING).order_by("number")
    if upload.attempts > ATTEMPTS_MAX and (stuck := waiting.first()) is not None:
        # It ended its worker again and again: left aside, so that the others are read.
        documents.refuse(lease, stuck, Refused(Reason.LOST))
    for number in list(waiting.values_list("number", flat=True)):
        document = waiting.get(number=number)
        _settle(upload, lease, document)
        if document.state == DocumentState.HELD and document.format == Format.APPLE_HEALTH:
            break  # what lies beside it is hers only if the phone is
    patient.compose(upload.owner_id, at=timezone.now())
    uploads.end(lease)


def _list(upload: Upload, lease: leases.Lease[Upload]) -> None:
    """A row for each document; those that say who she is come first, since others only refer to it."""
    if UploadedDocument.objects.filter(upload=upload).exists():
        return
    _follow(upload, lease)
    with documents.opened(upload) as file:
        head = file.read(archives.HEAD_BYTES)
        if sniffing.sniff(head).form is Form.ZIP:
            rows = _members(upload, file, lease)
        else:
            form = Format.APPLE_HEALTH if export.is_export(head) else Format.UNKNOWN
            rows = [_row(upload, 0, archives.Member(uploads.name(upload), -1), form)]
    if not rows:
        raise archives.Damaged(Reason.EMPTY)
    with transaction.atomic():
        lease.lock()
        UploadedDocument.objects.bulk_create(rows)


def _members(upload: Upload, file: IO[bytes], lease: leases.Lease[Upload]) -> list[UploadedDocument]:
    """Those of a zip. What lies beside an export of Apple's is told by it."""
    found = archives.members(file, whole=settings.UPLOAD_BYTES_MAX)
    heads = archives.heads(file, found)
    exports = {member.position for member in found if export.is_export(heads[member.position])}
    if exports:
        found = [member if member.position in exports else companions.sort(member, heads) for member in found]
    found = [_small_enough(member, streamed=member.position in exports) for member in found]
    found.sort(key=lambda member: (member.position not in exports, not _names_patient(file, member, exports, lease)))
    return [
        _row(upload, number, member, Format.APPLE_HEALTH if member.position in exports else Format.UNKNOWN)
        for number, member in enumerate(found)
    ]


def _small_enough(member: archives.Member, *, streamed: bool) -> archives.Member:
    limit = settings.HEALTH_EXPORT_BYTES_MAX if streamed else settings.UPLOAD_BYTES_MAX
    return member if member.refused or member.size <= limit else replace(member, refused=Reason.TOO_LARGE)


def _follow(upload: Upload, lease: leases.Lease[Upload]) -> None:
    """A health link is replaced by what it leads to, once: some of its addresses serve a single time."""
    if upload.folder is not None or upload.size > _LINK_BYTES_MAX:
        return
    with documents.opened(upload) as file:
        data = file.read()
    if sniffing.sniff(data).form is not Form.LINK:
        return
    try:
        found = links.fetch(data, at=timezone.now())
    except links.Closed as closed:
        raise archives.Damaged(closed.reason) from closed
    fetched = staging.Writer(upload.owner_id)
    fetched.write(archives.packed((each.name, each.data) for each in found))
    fetched.close()
    upload.folder, upload.size = fetched.uid, fetched.size
    with transaction.atomic():
        lease.lock()
        lease.update(folder=fetched.uid, size=fetched.size)
    staging.remove(upload.uid)


def _names_patient(file: IO[bytes], member: archives.Member, exports: set[int], lease: leases.Lease[Upload]) -> bool:
    lease.pulse()
    if member.refused is not None or member.position in exports:
        return False
    try:
        data = archives.read(file, member.position, limit=settings.UPLOAD_BYTES_MAX)
    except archives.Damaged:
        return False
    return _HOLDS_PATIENT.search(data) is not None


def _row(upload: Upload, number: int, member: archives.Member, form: Format = Format.UNKNOWN) -> UploadedDocument:
    row = UploadedDocument(
        owner_id=upload.owner_id,
        upload=upload,
        number=number,
        position=member.position,
        format=form.value,
        sealed_name=uploads.seal_name(upload.owner_id, member.name),
    )
    if member.refused is not None:
        account = Account()
        account.drop(member.refused)
        row.state, row.dropped = DocumentState.REFUSED, 1
        row.sealed_account = uploads.seal_account(upload.owner_id, account.outcome())
    return row


def _refuse_whole(upload: Upload, lease: leases.Lease[Upload], reason: Reason) -> None:
    refused = archives.Member(uploads.name(upload), -1, reason)
    with transaction.atomic():
        lease.lock()
        _row(upload, 0, refused).save()


def _settle(upload: Upload, lease: leases.Lease[Upload], document: UploadedDocument) -> None:
    lease.pulse()
    if document.format == Format.APPLE_HEALTH:
        streaming.settle(upload, lease, document)
        return
    try:
        reading = source.read(
            source.Document(_bytes(upload, document), uploads.document_name(document), dates.instant(upload.received))
        )
        subject = _subject(upload, reading)
    except archives.Damaged as damaged:
        documents.refuse(lease, document, Refused(damaged.reason))
    except Refused as refused:
        documents.refuse(lease, document, refused)
    else:
        said = reading.patients().get(subject, {})
        verdict = documents.verdict(upload, document, said, subject)
        if verdict in documents.FITTING:
            _keep(upload, lease, document, reading, subject, named=verdict is Verdict.FITS)
        else:
            documents.hold(lease, document, reading.format, said, verdict)


def _bytes(upload: Upload, document: UploadedDocument) -> bytes:
    limit = settings.UPLOAD_BYTES_MAX
    with documents.opened(upload) as file:
        return file.read(limit) if document.position < 0 else archives.read(file, document.position, limit=limit)


def _subject(upload: Upload, reading: Reading) -> str:
    """The id by which the document calls the person it is about; "" where it is about nobody. Raises Refused."""
    if reading.patient:
        return reading.patient
    about, subjects, patients = documents.about(upload), reading.subjects(), reading.patients()
    if companions.are_of(upload.source):
        about = ""
    if patients:
        known = identities.of_person(upload.owner)
        fitting = [
            name
            for name, each in patients.items()
            if identities.compare(known, identities.of_patient(each)) is Verdict.FITS
        ]
        if len(fitting) == 1:
            return fitting[0]
    elif about in subjects:
        return about
    elif len(subjects) == 1 and not about:
        return next(iter(subjects))
    elif not subjects:
        return ""
    raise Refused(Reason.SEVERAL_PEOPLE, form=reading.format)


def _keep(
    upload: Upload,
    lease: leases.Lease[Upload],
    document: UploadedDocument,
    reading: Reading,
    subject: str,
    *,
    named: bool,
) -> None:
    """Into the record page by page; its account follows in the last transaction, so a killed worker's is read anew."""
    uploads.ensure_source(upload, maker=reading.maker)
    assert upload.source is not None
    space = companions.space(upload.source, subject) if companions.are_of(upload.source) else upload.source.url
    frame = Frame(upload.owner_id, space, "", subject, upload.owner.patient_id)
    resources = adoption.adopt(reading, frame)
    recorded = dates.instant(upload.received)
    resources += adoption.provenance(resources, frame, recorded=recorded, maker=reading.maker)
    for page in _pages(resources):
        documents.put(upload, lease, page, reading.account)
    if not named:
        reading.account.note(Reason.UNNAMED)
    types = Counter(each["resourceType"] for each in resources)
    documents.keep(upload, lease, document, reading.format, reading.account, types, subject=subject)


def _pages(resources: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    for first in range(0, len(resources), PAGE):
        yield resources[first : first + PAGE]
