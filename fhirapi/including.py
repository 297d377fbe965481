"""Records a page brings along: each asked of the same gate as the page itself, so nothing rides in on a reference."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from records.query import COUNT_MAX, Clause, Query
from records.reading import RecordSet, Stored
from standards.fhir import references


def medications(records: RecordSet, matches: Sequence[Stored]) -> list[Stored]:
    """The Medications that these MedicationRequests or MedicationDispenses point at, each once."""
    ids = dict.fromkeys(name for match in matches for name in _medication_ids(match.body))
    return _all(records, "Medication", "_id", tuple(ids))


def provenances(records: RecordSet, matches: Sequence[Stored]) -> list[Stored]:
    """The Provenances whose target is one of these records."""
    return _all(records, "Provenance", "target", tuple(f"{m.resource_type}/{m.logical_id}" for m in matches))


def _medication_ids(body: bytes) -> Iterable[str]:
    element = orjson.loads(body).get("medicationReference")
    text = element.get("reference") if isinstance(element, dict) else None
    parsed = references.parse(text) if isinstance(text, str) else None
    if parsed is not None and parsed.kind is references.Kind.RELATIVE and parsed.type == "Medication" and parsed.id:
        yield parsed.id


def _all(records: RecordSet, resource_type: str, code: str, values: tuple[str, ...]) -> list[Stored]:
    found: list[Stored] = []
    cursor: str | None = None
    while values:
        query = Query(resource_type, (Clause(code, values),), count=COUNT_MAX, cursor=cursor)
        page = records.search(query)
        found += page.entries
        cursor = page.next
        if cursor is None:
            break
    return found
