"""One document of an upload on its way: whether it is hers, what became of it, and its line in her access log."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final, cast

from django.db import transaction
from django.utils import timezone

from audit import events
from audit.models import Action, Agent
from records import sealing, store
from sync import identities, leases, staging, uploads
from sync.identities import Verdict
from sync.models import DocumentState, Upload, UploadedDocument
from sync.sources.upload.accounts import Account, Fate, Reason
from sync.sources.upload.readings import Format, Refused

FITTING: Final = frozenset({Verdict.FITS, Verdict.UNNAMED})
_ABOUT: Final = "whom an upload is about"


def opened(upload: Upload) -> IO[bytes]:
    """The file itself, opened piece by piece."""
    staged = staging.Reader(upload.owner_id, upload.place, upload.size)
    return cast("IO[bytes]", io.BufferedReader(staged, staging.PIECE_BYTES))


def verdict(upload: Upload, document: UploadedDocument, said: Mapping[str, Any], subject: str) -> Verdict:
    """Whether it is hers: by her own word, by an earlier document of the same file, or by what it says of her."""
    if document.confirmed:
        return Verdict.FITS
    identity = identities.of_patient(said)
    if identity.is_empty and subject and subject == about(upload):
        return Verdict.FITS
    return identities.compare(identities.of_person(upload.owner), identity)


def about(upload: Upload) -> str:
    """The id by which the file's documents call her, once one of them has been found to be about her."""
    sealed = upload.sealed_about
    return sealing.open_secret(upload.owner_id, _ABOUT, bytes(sealed)).decode() if sealed else ""


def put(upload: Upload, lease: leases.Lease[Upload], page: Sequence[dict[str, Any]], account: Account) -> None:
    """One page into the record, in a transaction that holds the lease. Raises leases.ClaimLost."""
    assert upload.source is not None
    with transaction.atomic():
        lease.lock()
        outcome = store.put_page(
            owner_id=upload.owner_id, source_id=upload.source.pk, resources=page, at=timezone.now()
        )
    account.note(Reason.FLAGGED, count=outcome.invalid)
    for refusal in outcome.refused:
        account.add(Fate.MAPPED, Reason.KEPT, page[refusal.index]["resourceType"], -1)
        account.drop(Reason.TOO_LARGE, page[refusal.index]["resourceType"])
    lease.pulse()


def keep(
    upload: Upload,
    lease: leases.Lease[Upload],
    document: UploadedDocument,
    form: Format,
    account: Account,
    types: Counter[str],
    *,
    subject: str = "",
) -> None:
    """Its account with the last of it, so that a killed worker's document is read anew."""
    with transaction.atomic():
        lease.lock()
        _record(document, DocumentState.KEPT, form, account)
        upload.sealed_about = sealing.seal_secret(upload.owner_id, _ABOUT, subject.encode()) if subject else None
        lease.update(attempts=0, sealed_about=upload.sealed_about)
        _tell(upload, types)


def hold(
    lease: leases.Lease[Upload], document: UploadedDocument, form: Format, said: Mapping[str, Any], verdict: Verdict
) -> None:
    """It does not seem to be hers: she is asked, and nothing of it is stored until she answers."""
    with transaction.atomic():
        lease.lock()
        document.sealed_subject = uploads.seal_subject(document.owner_id, identities.told(said, verdict))
        _record(document, DocumentState.HELD, form, None)
        lease.update(attempts=0)


def refuse(lease: leases.Lease[Upload], document: UploadedDocument, refused: Refused) -> None:
    """Nothing of it can be kept."""
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
