"""A person's summary for whoever may see it: from the records that rules admit to a document (standards.fhir.ips)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from records.query import Clause, Query
from records.reading import RecordSet, Stored
from standards.fhir.ips import document, sections

_STEPS: Final = 3
"""How far references are followed: a request to a role, the role to a practitioner, the practitioner to nobody."""


def write(
    records: RecordSet, *, base: str, author: document.Author, identifier: uuid.UUID, at: datetime
) -> tuple[dict[str, Any], list[Stored]] | None:
    """The document and the records in it; None when the person's own Patient is not admitted.

    Only what ``records`` admits is in it, counted or told of.
    """
    patient = records.search(Query.of("Patient").where("_id", records.patient_id)).entries
    if not patient:
        return None
    read = {_name(one): one for wanted in sections.WANTED for one in _found(records, wanted)}
    opened = {name: one.resource for name, one in read.items()}
    company = _pointed_at(records, opened)
    written = document.write(
        patient[0].resource,
        opened.values(),
        company=[one.resource for one in company.values()],
        base=base,
        author=author,
        identifier=identifier,
        at=at,
    )
    names = {f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in written["entry"]}
    held = {**read, **company, _name(patient[0]): patient[0]}
    return written, [one for name, one in held.items() if name in names]


def _found(records: RecordSet, wanted: sections.Wanted) -> Iterable[Stored]:
    query = Query.of(wanted.resource_type)
    if wanted.parameter:
        query = query.where(wanted.parameter, *wanted.values)
    if wanted.most is not None:
        return records.search(query.page(wanted.most)).entries
    return records.whole(query)


def _pointed_at(records: RecordSet, opened: dict[str, dict[str, Any]]) -> dict[str, Stored]:
    """What the summarised resources point at, and what that points at, as far as it is admitted."""
    found: dict[str, Stored] = {}
    asked = set(opened)
    frontier = [one for _, taken in sections.filled(opened.values()) for one in taken]
    frontier += [one for one in opened.values() if one["resourceType"] == "Device"]
    for _ in range(_STEPS):
        missing = document.missing(frontier, asked)
        asked |= {f"{resource_type}/{one}" for resource_type, ids in missing.items() for one in ids}
        fetched = {
            _name(stored): stored
            for resource_type, ids in missing.items()
            for stored in records.whole(Query(resource_type, (Clause("_id", tuple(ids)),)))
        }
        found |= fetched
        frontier = [one.resource for one in fetched.values()]
    return found


def _name(stored: Stored) -> str:
    return f"{stored.resource_type}/{stored.logical_id}"
