"""Importing: the documents of an uploaded file, one after another, into her record and each into its account."""

from __future__ import annotations

import io
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO, Any, Final, cast

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit import events
from audit.models import Action, Agent
from records import patient, sealing, store
from standards import sniffing
from standards.fhir import dates
from standards.sniffing import Form
from sync import archives, identities, leases, staging, uploads
from sync.identities import Verdict
from sync.models import DocumentState, Upload, UploadedDocument, UploadState
from sync.sources.fhir_rest.mapping import Frame
from sync.sources.links import source as links
from sync.sources.upload import adoption, source
from sync.sources.upload.accounts import Account, Fate, Reason
from sync.sources.upload.readings import Format, Reading, Refused

PAGE: Final = 200
_HEAD_BYTES: Final = 16
_LINK_BYTES_MAX: Final = 10_000
ATTEMPTS_MAX: Final = 3
_ABOUT: Final = "whom an upload is about"
_HOLDS_PATIENT: Final = re.compile(rb'"resourceType"\s*:\s*"Patient"')
_FITTING: Final = frozenset({Verdict.FITS, Verdict.UNNAMED})

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
    documents = UploadedDocument.objects.filter(upload=upload)
    if upload.attempts > ATTEMPTS_MAX and not documents.exists():
        uploads.fail(lease, Reason.LOST)
        return
    uploads.ensure_source(upload)
    try:
        _list(upload, lease)
    except archives.Damaged as damaged:
        _refuse_whole(upload, lease, damaged.reason)
    waiting = documents.filter(state=DocumentState.WAITING).order_by("number")
    if upload.attempts > ATTEMPTS_MAX and (stuck := waiting.first()) is not None:
        # It ended its worker again and again: left aside, so that the others are read.
        _refuse(lease, stuck, Refused(Reason.LOST))
    for number in list(waiting.values_list("number", flat=True)):
        _settle(upload, lease, waiting.get(number=number))
    patient.compose(upload.owner_id, at=timezone.now())
    uploads.end(lease)


def _open(upload: Upload) -> IO[bytes]:
    staged = staging.Reader(upload.owner_id, upload.place, upload.size)
    return cast("IO[bytes]", io.BufferedReader(staged, staging.PIECE_BYTES))


def _list(upload: Upload, lease: leases.Lease[Upload]) -> None:
    """A row for each document; those that say who she is come first, since others only refer to it."""
    if UploadedDocument.objects.filter(upload=upload).exists():
        return
    _follow(upload, lease)
    with _open(upload) as file:
        is_zip = sniffing.sniff(file.read(_HEAD_BYTES)).form is Form.ZIP
        found = archives.members(file) if is_zip else [archives.Member(uploads.name(upload), -1)]
        ordered = sorted(found, key=lambda member: not _names_patient(file, member, lease)) if is_zip else found
    if not found:
        raise archives.Damaged(Reason.EMPTY)
    rows = [_row(upload, number, member) for number, member in enumerate(ordered)]
    with transaction.atomic():
        lease.lock()
        UploadedDocument.objects.bulk_create(rows)


def _follow(upload: Upload, lease: leases.Lease[Upload]) -> None:
    """A health link is replaced by what it leads to, once: some of its addresses serve a single time."""
    if upload.folder is not None or upload.size > _LINK_BYTES_MAX:
        return
    with _open(upload) as file:
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


def _names_patient(file: IO[bytes], member: archives.Member, lease: leases.Lease[Upload]) -> bool:
    lease.pulse()
    if member.refused is not None:
        return False
    try:
        data = archives.read(file, member.position, limit=settings.UPLOAD_BYTES_MAX)
    except archives.Damaged:
        return False
    return _HOLDS_PATIENT.search(data) is not None


def _row(upload: Upload, number: int, member: archives.Member) -> UploadedDocument:
    row = UploadedDocument(
        owner_id=upload.owner_id,
        upload=upload,
        number=number,
        position=member.position,
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
    try:
        reading = source.read(
            source.Document(_bytes(upload, document), uploads.document_name(document), dates.instant(upload.received))
        )
        subject = _subject(upload, reading)
    except archives.Damaged as damaged:
        _refuse(lease, document, Refused(damaged.reason))
    except Refused as refused:
        _refuse(lease, document, refused)
    else:
        verdict = _verdict(upload, document, reading, subject)
        if verdict in _FITTING:
            _keep(upload, lease, document, reading, subject, named=verdict is Verdict.FITS)
        else:
            _hold(lease, document, reading, subject, verdict)


def _bytes(upload: Upload, document: UploadedDocument) -> bytes:
    limit = settings.UPLOAD_BYTES_MAX
    with _open(upload) as file:
        return file.read(limit) if document.position < 0 else archives.read(file, document.position, limit=limit)


def _subject(upload: Upload, reading: Reading) -> str:
    """The id by which the document calls the person it is about; "" where it is about nobody. Raises Refused."""
    if reading.patient:
        return reading.patient
    about, subjects, patients = _about(upload), reading.subjects(), reading.patients()
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


def _verdict(upload: Upload, document: UploadedDocument, reading: Reading, subject: str) -> Verdict:
    """Whether it is hers: by her own word, by an earlier document of the same file, or by what it says of her."""
    if document.confirmed:
        return Verdict.FITS
    said = identities.of_patient(reading.patients().get(subject, {}))
    if said.is_empty and subject and subject == _about(upload):
        return Verdict.FITS
    return identities.compare(identities.of_person(upload.owner), said)


def _about(upload: Upload) -> str:
    sealed = upload.sealed_about
    return sealing.open_secret(upload.owner_id, _ABOUT, bytes(sealed)).decode() if sealed else ""


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
    frame = Frame(upload.owner_id, upload.source.url, "", subject, upload.owner.patient_id)
    resources = adoption.adopt(reading, frame)
    recorded = dates.instant(upload.received)
    resources += adoption.provenance(resources, frame, recorded=recorded, maker=reading.maker)
    flagged = 0
    for page in _pages(resources):
        with transaction.atomic():
            lease.lock()
            outcome = store.put_page(
                owner_id=upload.owner_id, source_id=upload.source.pk, resources=page, at=timezone.now()
            )
        flagged += outcome.invalid
        for refusal in outcome.refused:
            reading.account.add(Fate.MAPPED, Reason.KEPT, page[refusal.index]["resourceType"], -1)
            reading.account.drop(Reason.TOO_LARGE, page[refusal.index]["resourceType"])
        lease.pulse()
    reading.account.note(Reason.FLAGGED, count=flagged)
    if not named:
        reading.account.note(Reason.UNNAMED)
    types = Counter(each["resourceType"] for each in resources)
    with transaction.atomic():
        lease.lock()
        _record(document, DocumentState.KEPT, reading.format, reading.account)
        upload.sealed_about = sealing.seal_secret(upload.owner_id, _ABOUT, subject.encode()) if subject else None
        lease.update(attempts=0, sealed_about=upload.sealed_about)
        _tell(upload, types)


def _pages(resources: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    for first in range(0, len(resources), PAGE):
        yield resources[first : first + PAGE]


def _hold(
    lease: leases.Lease[Upload], document: UploadedDocument, reading: Reading, subject: str, verdict: Verdict
) -> None:
    told = identities.told(reading.patients().get(subject, {}), verdict)
    with transaction.atomic():
        lease.lock()
        document.sealed_subject = uploads.seal_subject(document.owner_id, told)
        _record(document, DocumentState.HELD, reading.format, None)
        lease.update(attempts=0)


def _refuse(lease: leases.Lease[Upload], document: UploadedDocument, refused: Refused) -> None:
    account = Account()
    account.drop(refused.reason, refused.what)
    with transaction.atomic():
        lease.lock()
        _record(document, DocumentState.REFUSED, refused.form, account)
        lease.update(attempts=0)


def _record(document: UploadedDocument, state: DocumentState, form: Format, account: Account | None) -> None:
    document.state, document.format = state, form.value
    if account is not None:
        document.mapped, document.as_text = account.total(Fate.MAPPED), account.total(Fate.AS_TEXT)
        document.dropped = account.total(Fate.DROPPED)
        document.sealed_account = uploads.seal_account(document.owner_id, account.outcome())
    document.save()


def _tell(upload: Upload, types: Counter[str]) -> None:
    """One event for each document that brought something: the source wrote into her record."""
    assert upload.source is not None
    events.append(
        owner_id=upload.owner_id,
        action=Action.UPDATE,
        interaction="import",
        agent_kind=Agent.SOURCE,
        agent=upload.source.url,
        agent_name=upload.source.name,
        detail={"records": types.total(), "types": dict(types)},
    )
