"""What an export holds for its client now: the manifest, and the lines behind each of its addresses.

Every person's consent is asked for again here, when the manifest is written and before each piece of her lines leaves.
A decision that was withdrawn, ended or replaced since takes all her lines with it, and the counts follow.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import orjson
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from accounts import binding
from audit import events
from audit.models import Action, Agent, Outcome
from consent import gate
from fhirapi import errors
from fhirapi.bulk import files
from fhirapi.models import Export, ExportPart, ExportPiece, PartKind, PartState
from gateway.bearer import BackendBearer
from records import keys

DELETED: Final = "deleted"
ERRORS: Final = "errors"


def of(export: Export, *, at: datetime) -> dict[str, Any]:
    """The manifest of a complete export (Bulk Data Access, "Response - Complete Status")."""
    parts, told = _standing_parts(export, at), problems(export, at=at)
    counts: Counter[str] = Counter()
    for part in parts:
        counts[part.resource_type if part.kind == PartKind.CURRENT else DELETED] += part.lines
    bundles = counts.pop(DELETED, 0)
    return {
        "transactionTime": export.kicked.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "request": export.request,
        "requiresAccessToken": True,
        "output": [_file(export, name, name, count) for name, count in sorted(counts.items()) if count],
        "deleted": [_file(export, DELETED, "Bundle", bundles)] if bundles else [],
        "error": [_file(export, ERRORS, "OperationOutcome", len(told))] if told else [],
    }


def _file(export: Export, name: str, resource_type: str, count: int) -> dict[str, Any]:
    return {"type": resource_type, "url": address(export.uid, name), "count": count}


def address(uid: uuid.UUID, name: str = "") -> str:
    """Absolute; of the status without a name."""
    route = "fhirapi:export-file" if name else "fhirapi:export-status"
    return settings.PUBLIC_URL + reverse(route, kwargs={"uid": uid, **({"name": name} if name else {})})


def problems(export: Export, *, at: datetime) -> list[dict[str, Any]]:
    """OperationOutcomes for what is not in the files. How many people, never who."""
    lets = gate.cohort(export.application.client_id, at)
    parts = ExportPart.objects.filter(export=export)
    owners = set(parts.values_list("owner_id", "decision_id").distinct())
    dropped = set(parts.filter(state=PartState.WITHDRAWN).values_list("owner_id", flat=True))
    ended = dropped | {owner for owner, decision in owners if lets.get(owner) != decision}
    told = []
    if ended:
        text = f"{len(ended)} people ended or changed their consent since the kick-off: nothing of them is given out."
        told.append(errors.outcome("suppressed", text, severity="warning"))
    unread = parts.filter(state=PartState.FAILED).exclude(owner_id__in=ended)
    for name, count in sorted(Counter(unread.values_list("resource_type", flat=True)).items()):
        text = f"The {name or 'whole'} records of {count} people could not be read and are missing here."
        told.append(errors.outcome("exception", text))
    return told


def _standing_parts(export: Export, at: datetime) -> list[ExportPart]:
    lets = gate.cohort(export.application.client_id, at)
    parts = ExportPart.objects.filter(export=export, state=PartState.COMPLETE, lines__gt=0).order_by("owner_id", "id")
    return [part for part in parts if lets.get(part.owner_id) == part.decision_id]


def lines(export: Export, name: str, *, service: BackendBearer, origin: str, at: datetime) -> Iterator[bytes] | None:
    """The lines of one file of the manifest in portions; None if the manifest has no such file."""
    if name == ERRORS:
        told = problems(export, at=at)
        return iter([b"".join(orjson.dumps(one) + b"\n" for one in told)]) if told else None
    kind, resource_type = (PartKind.DELETED, "") if name == DELETED else (PartKind.CURRENT, name)
    parts = [part for part in _standing_parts(export, at) if (part.kind, part.resource_type) == (kind, resource_type)]
    return _all(parts, export, service=service, origin=origin) if parts else None


def _all(parts: Iterable[ExportPart], export: Export, *, service: BackendBearer, origin: str) -> Iterator[bytes]:
    for part in parts:
        try:
            yield from _of_one(part, export, service=service, origin=origin)
        except keys.KeyUnavailable:  # erased since: her key is gone, and with it every copy
            continue


def _of_one(part: ExportPart, export: Export, *, service: BackendBearer, origin: str) -> Iterator[bytes]:
    """Her lines, while her decision stands; the access log has it before the first of them leaves."""
    reader = gate.Backend(service.client_id, part.decision_id, service.scopes)
    logged = False
    for piece in ExportPiece.objects.filter(part=part).order_by("number").iterator():
        with binding.bound(part.owner_id):
            if not gate.stands(reader, owner_id=part.owner_id, at=timezone.now()):
                return
            opened = files.read(part, piece)
        if not logged:
            _log(part, export, service=service, origin=origin)
            logged = True
        yield opened


def _log(part: ExportPart, export: Export, *, service: BackendBearer, origin: str) -> None:
    told = {part.resource_type: part.lines} if part.kind == PartKind.CURRENT else {}
    events.append(
        owner_id=part.owner_id,
        action=Action.READ,
        interaction="export",
        outcome=Outcome.SUCCESS,
        agent_kind=Agent.APP,
        agent=service.client_id,
        agent_name=service.application_name,
        consent_id=part.decision_id,
        origin=origin,
        detail={"status": 200, "records": sum(told.values()), "types": told, "export": str(export.uid)},
    )
