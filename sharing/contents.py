"""What a link hands over: one FHIR file, read through the gate as its reader may read at that moment."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.conf import settings

from consent import gate
from consent.models import Decision, Grantee
from records import summaries
from records.numbering import TYPE_NUMBER
from records.reading import RecordSet
from records.sweeping import Sweep, Taken
from sharing.errors import LinkClosed
from sharing.models import Content
from standards.fhir import json
from standards.fhir.ips import document

CONTENT_TYPE: Final = "application/fhir+json"
RECORDS_MAX: Final = 5_000
"""Records in one link; whoever wants more asks for an app's access or a copy of everything."""
BYTES_MAX: Final = 20_000_000
# A file that was too large for its document is a Binary of its own: a link carries no attachments apart.
_TYPES: Final = frozenset(TYPE_NUMBER) - {"Binary"}
_PATIENT: Final = "Patient"


@dataclass(frozen=True, slots=True)
class Written:
    """``data``: FHIR JSON. ``types``: how many records of each type are in it, for the access log."""

    data: bytes
    types: dict[str, int]


def write(content: str, decision: Decision, *, at: datetime) -> Written:
    """What this decision lets a link of hers show now. Raises gate.ConsentMissing, LinkClosed."""
    records = _readable(decision, at)
    return summary(records, at=at) if content == Content.SUMMARY else collection(records, at=at)


def check(content: str, decision: Decision, *, at: datetime) -> None:
    """Raises LinkClosed where a summary could not say whose it is: she hid her own Patient from everybody."""
    records = _readable(decision, at)
    if content == Content.SUMMARY and not records.holds(_PATIENT, records.patient_id):
        raise LinkClosed("no patient to write a summary of")


def _readable(decision: Decision, at: datetime) -> RecordSet:
    reader = gate.Holder(Grantee.LINK, decision.grantee, decision.pk)
    return gate.readable(owner_id=decision.owner_id, reader=reader, interaction="search", at=at)


def summary(records: RecordSet, *, at: datetime) -> Written:
    """An International Patient Summary of what these records admit. Raises LinkClosed where she is not among them."""
    bundle, types = summarized(records, at=at)
    return Written(json.dumps(bundle), types)


def summarized(records: RecordSet, *, at: datetime) -> tuple[dict[str, Any], dict[str, int]]:
    """The same as the document it is, with how many records of each type are in it. Raises LinkClosed."""
    written = summaries.write(
        records,
        base=settings.FHIR_BASE,
        author=document.Author(settings.SITE_NAME),
        identifier=uuid.uuid4(),
        at=at,
    )
    if written is None:
        raise LinkClosed("no patient to write a summary of")
    bundle, held = written
    return bundle, dict(Counter(one.resource_type for one in held))


def collection(records: RecordSet, *, at: datetime) -> Written:
    """A Bundle of the records as they are, spliced from their bytes: her Patient first, then as they were stored."""
    found = records.everything(Sweep(_TYPES), count=RECORDS_MAX, size=BYTES_MAX)
    entries = sorted(found.entries, key=lambda one: one.resource_type != _PATIENT)
    parts = [_entry(one) for one in entries]
    if found.next is not None:
        parts.append(b'{"resource":%b}' % json.dumps(_cut_short()))
    instant = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    head = b'{"resourceType":"Bundle","type":"collection","timestamp":"%b","entry":[' % instant.encode()
    return Written(head + b",".join(parts) + b"]}", _counted(entries))


def _entry(one: Taken) -> bytes:
    url = f"{settings.FHIR_BASE}/{one.resource_type}/{one.logical_id}"
    return b'{"fullUrl":%b,"resource":%b}' % (json.dumps(url), one.body)


def _counted(entries: Iterable[Taken]) -> dict[str, int]:
    return dict(Counter(one.resource_type for one in entries))


def _cut_short() -> dict[str, object]:
    """Said inside the Bundle, so that nobody takes a part for the whole."""
    text = f"This link carries no more than {RECORDS_MAX} records: there are more than these."
    issue = {"severity": "warning", "code": "too-costly", "details": {"text": text}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}
