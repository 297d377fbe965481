"""Making an export: one part per person and type, piece by piece, and never lose the place.

Parts are in the database before the first is written, a piece is stored together with the id it ends at, and any
worker may go on where another was killed. The gate is asked anew for every piece: whoever withdraws while it runs is
out, and what was written of her is removed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

import orjson
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from consent import gate
from fhirapi import catalogue
from fhirapi.bulk import attachments, claims, files, orders
from fhirapi.bulk.claims import Claim
from fhirapi.models import Export, ExportPart, ExportPiece, ExportState, PartKind, PartState
from gateway import scopes
from records import keys, kinds, sealing, walking
from records.reading import RecordSet
from records.walking import Span
from sync.leases import ClaimLost

MAX_ATTEMPTS: Final = 8
PEOPLE_AT_ONCE: Final = 50
RECORDS_AT_ONCE: Final = 500
PIECE_BYTES: Final = 8 * 1024 * 1024
"""A piece ends with the record that passes this: documents may be large."""
DELETIONS_IN_BUNDLE: Final = 1000
# What one person's record may suffer from without the others' export failing.
UNREADABLE: Final = (sealing.Tampered, keys.KeyUnavailable, OSError)

logger = logging.getLogger(__name__)


def perform(export_id: int) -> None:
    """Go on with an export until it ends. Safe to call at any time, twice, or from two workers at once."""
    claim = claims.take(export_id, at=timezone.now())
    if claim is None:
        return
    try:
        if claim.export.attempts > MAX_ATTEMPTS:
            claim.finish(ExportState.FAILED, at=timezone.now())
            return
        if not claim.export.planned:
            _plan(claim)
        while (part := _waiting(claim.export).first()) is not None:
            _write(claim, part)
        claim.finish(ExportState.COMPLETE, at=timezone.now())
    except ClaimLost:
        logger.info("export %s: another worker has it, or it was cancelled", export_id)


def _waiting(export: Export) -> QuerySet[ExportPart]:
    return ExportPart.objects.filter(export=export, state=PartState.WAITING).order_by("id")


def _plan(claim: Claim) -> None:
    """One part per person and type that there is anything of, for some people at a time."""
    export = claim.export
    lets = gate.cohort(export.application.client_id, timezone.now())
    owners = [owner for owner in lets if export.people is None or owner in export.people]
    owners = [owner for owner in owners if owner > export.planned_through]
    for start in range(0, len(owners), PEOPLE_AT_ONCE):
        some = owners[start : start + PEOPLE_AT_ONCE]
        parts: list[ExportPart] = []
        for owner in some:
            claim.pulse()
            parts += _parts(export, owner, lets[owner])
        with transaction.atomic():
            claim.lock()
            ExportPart.objects.bulk_create(parts)
            claim.advanced(planned_through=some[-1])
    claim.advanced(planned=True)


def _parts(export: Export, owner_id: int, decision_id: int) -> list[ExportPart]:
    # Whoever is writing her record now began before the export did: that must be in it.
    walking.settle(owner_id)
    try:
        records = _records(export, owner_id, decision_id)
        held = sorted(name for name, total in kinds.tally(records.counts()).items() if total and _asked(export, name))
    except gate.ConsentMissing:
        return [_part(export, owner_id, decision_id, PartKind.CURRENT, "", state=PartState.WITHDRAWN)]
    except UNREADABLE:
        return [_part(export, owner_id, decision_id, PartKind.CURRENT, "", state=PartState.FAILED)]
    parts = [_part(export, owner_id, decision_id, PartKind.CURRENT, name) for name in held]
    if export.since is not None:
        parts.append(_part(export, owner_id, decision_id, PartKind.DELETED, ""))
    return parts


def _part(
    export: Export,
    owner_id: int,
    decision_id: int,
    kind: PartKind,
    resource_type: str,
    *,
    state: PartState = PartState.WAITING,
) -> ExportPart:
    return ExportPart(
        export=export, owner_id=owner_id, decision_id=decision_id, kind=kind, resource_type=resource_type, state=state
    )


def _asked(export: Export, resource_type: str) -> bool:
    """Whether the type is exported here; a Binary travels inside the document it belongs to."""
    return resource_type in catalogue.SEARCHED and (not export.types or resource_type in export.types)


def _records(export: Export, owner_id: int, decision_id: int) -> RecordSet:
    """Raises ConsentMissing."""
    reader = gate.Backend(export.application.client_id, decision_id, scopes.parse(export.scopes))
    return gate.readable(owner_id=owner_id, reader=reader, interaction="export", at=timezone.now())


def _write(claim: Claim, part: ExportPart) -> None:
    """One part, from where it stands to its end."""
    while part.state == PartState.WAITING:
        claim.pulse()
        try:
            records = _records(claim.export, part.owner_id, part.decision_id)
            if part.kind == PartKind.DELETED:
                lines, upto = _deleted_lines(claim.export, records), None
            else:
                lines, upto = _lines(claim, part, records)
        except gate.ConsentMissing:
            _drop(claim, part, PartState.WITHDRAWN)
        except UNREADABLE as error:
            logger.error("export part %s: %s", part.pk, type(error).__qualname__)  # noqa: TRY400 - may quote a path
            _drop(claim, part, PartState.FAILED)
        else:
            _keep(claim, part, lines, upto)


def _lines(claim: Claim, part: ExportPart, records: RecordSet) -> tuple[list[bytes], str | None]:
    """The next lines of the part, and the id to go on after; None at its end."""
    export = claim.export
    searches = orders.queries(export.filters, part.resource_type)
    span = Span(export.since, export.kicked)
    found = walking.stretch(records, searches, span, after=part.after, count=RECORDS_AT_ONCE)
    lines: list[bytes] = []
    size = 0
    for stored in found.entries:
        claim.pulse()
        lines.append(attachments.inline(records, stored.body))
        size += len(lines[-1])
        if size > PIECE_BYTES:
            return lines, stored.logical_id
    return lines, found.upto


def _deleted_lines(export: Export, records: RecordSet) -> list[bytes]:
    """Bundles that delete, at the client, what was deleted here (Bulk Data Access, "deleted")."""
    gone = walking.gone(records, Span(export.since, export.kicked))
    entries = [
        {"request": {"method": "DELETE", "url": f"{name}/{logical_id}"}}
        for name, logical_id in gone
        if _asked(export, name)
    ]
    parts = (entries[start : start + DELETIONS_IN_BUNDLE] for start in range(0, len(entries), DELETIONS_IN_BUNDLE))
    return [orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": part}) for part in parts]


def _keep(claim: Claim, part: ExportPart, lines: list[bytes], upto: str | None) -> None:
    """Stores a piece and where it ends, or nothing of it. Raises ClaimLost."""
    number = ExportPiece.objects.filter(part=part).count() + 1
    name = files.write(claim.export, part, number, lines) if lines else ""
    try:
        with transaction.atomic():
            claim.lock()
            if lines:
                ExportPiece.objects.create(part=part, number=number, lines=len(lines), name=name)
            part.lines += len(lines)
            part.after = upto or part.after
            part.state = PartState.WAITING if upto is not None else PartState.COMPLETE
            part.save(update_fields=["lines", "after", "state"])
            claim.advanced()
    except ClaimLost:
        if name:
            files.remove(name)
        raise


def _drop(claim: Claim, part: ExportPart, state: PartState) -> None:
    """Nothing of this part leaves. Raises ClaimLost."""
    pieces = ExportPiece.objects.filter(part=part)
    names = list(pieces.values_list("name", flat=True))
    with transaction.atomic():
        claim.lock()
        pieces.delete()
        part.state, part.lines = state, 0
        part.save(update_fields=["state", "lines"])
        claim.advanced()
    _remove(names)


def _remove(names: Iterable[str]) -> None:
    for name in names:
        files.remove(name)
