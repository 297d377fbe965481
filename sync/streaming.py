"""A document too large for memory: read from end to end first, and only what was read whole goes into her record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final, cast

from django.conf import settings

from records import sources, store
from sync import archives, documents, leases, sorting, uploads
from sync.identities import Verdict
from sync.models import DocumentState, Upload, UploadedDocument
from sync.sources.apple_health import dating, source
from sync.sources.apple_health.rows import Setting
from sync.sources.fhir_rest.mapping import Frame
from sync.sources.upload import accounts, adoption
from sync.sources.upload.accounts import Account, Reason
from sync.sources.upload.readings import Format, Reading, Refused

_STANDING_MAX: Final = 5_000_000
Resource = dict[str, Any]


def settle(upload: Upload, lease: leases.Lease[Upload], document: UploadedDocument) -> None:
    """Into the record, or asked about, or refused. Raises leases.ClaimLost."""
    with sorting.Sorter(upload.owner_id) as sorter:
        try:
            with _opened(upload, document) as file:
                setting = source.read(file, sorter.add, pulse=lease.pulse)
        except archives.Damaged as damaged:
            documents.refuse(lease, document, Refused(damaged.reason, form=Format.APPLE_HEALTH))
            return
        except Refused as refused:
            documents.refuse(lease, document, refused)
            return
        said = source.person(setting)
        verdict = documents.verdict(upload, document, said, source.PATIENT)
        if verdict in documents.FITTING:
            uploads.share_source(upload, name=source.NAME, url=sources.PHONE_URL)
            _keep(upload, lease, document, setting, sorter.rows(), named=verdict is Verdict.FITS)
        else:
            documents.hold(lease, document, Format.APPLE_HEALTH, said, verdict)


@contextmanager
def _opened(upload: Upload, document: UploadedDocument) -> Iterator[IO[bytes]]:
    limit = settings.HEALTH_EXPORT_BYTES_MAX
    with documents.opened(upload) as file:
        if document.position < 0:
            yield file
        else:
            with archives.stream(file, document.position, limit=limit) as member:
                yield cast("IO[bytes]", member)


def _keep(
    upload: Upload,
    lease: leases.Lease[Upload],
    document: UploadedDocument,
    setting: Setting,
    rows: Iterable[bytes],
    *,
    named: bool,
) -> None:
    assert upload.source is not None
    account, types = Account(), Counter[str]()
    frame = Frame(upload.owner_id, upload.source.url, "", source.PATIENT, upload.owner.patient_id)
    standing = _standing(upload) if _is_older(upload, setting) else frozenset()
    for page in source.pages(setting, rows, account):
        adopted = adoption.adopt(Reading(Format.APPLE_HEALTH, page, account=account), frame)
        new = list(_beyond(standing, adopted, frame, setting.exported)) if standing else adopted
        account.note(Reason.NEWER_STANDS, count=len(adopted) - len(new))
        for resource_type, count in Counter(each["resourceType"] for each in new).items():
            account.mapped(resource_type, count)
            types[resource_type] += count
        documents.put(upload, lease, new, account)
    source.tell(setting, account)
    if not named:
        account.note(Reason.UNNAMED)
    documents.keep(upload, lease, document, Format.APPLE_HEALTH, account, types, subject=source.PATIENT)


def _is_older(upload: Upload, setting: Setting) -> bool:
    """Whether a later export is in her record already: what that said of a day stands."""
    made = _moment(setting.exported)
    kept = UploadedDocument.objects.filter(
        owner=upload.owner_id, format=Format.APPLE_HEALTH, state=DocumentState.KEPT
    ).exclude(upload=upload)
    return any(made < _moment(_exported(each)) for each in kept)


def _exported(document: UploadedDocument) -> str:
    outcome: dict[str, Any] = uploads.account(document) or {"issue": []}
    return next((line.what for line in accounts.lines(outcome) if line.reason is Reason.EXPORTED), "")


def _moment(text: str) -> int:
    """0 where an export does not say when it was made."""
    try:
        return dating.parse(text)[0]
    except ValueError:
        return 0


def _beyond(
    standing: frozenset[tuple[str, str]], adopted: Sequence[Resource], frame: Frame, exported: str
) -> Iterator[Resource]:
    """What does not stand yet, with a Provenance of just that."""
    for each in adopted:
        if each["resourceType"] != "Provenance":
            if (each["resourceType"], each["id"]) not in standing:
                yield each
            continue
        targets = [one for one in each["target"] if tuple(one["reference"].split("/")) not in standing]
        if targets:
            yield {**each, "id": frame.logical_id("Provenance", f"{exported} {each['id']}"), "target": targets}


def _standing(upload: Upload) -> frozenset[tuple[str, str]]:
    assert upload.source_id is not None
    return frozenset(store.names(owner_id=upload.owner_id, source_id=upload.source_id, limit=_STANDING_MAX))
