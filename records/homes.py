"""What a record is found by when it has a home: a Binary shares the categories and the time of its document."""

from __future__ import annotations

from typing import Any

from records import blind, indexing, sealing
from records.incoming import Candidate
from records.models import Dating, Record, RecordVersion
from records.numbering import PARAMETER_NUMBER, TYPE_NUMBER
from records.writer import Standing, Writer
from standards.fhir import json


def find(writer: Writer, candidates: list[Candidate]) -> dict[str, indexing.Indexed]:
    """The index of every home that a Binary of this page belongs to, by reference text."""
    wanted = {text for one in candidates if one.resource["resourceType"] == "Binary" and (text := of(one.resource))}
    if not wanted:
        return {}
    homes = {
        text: indexing.index(one.resource, key=writer.keys.blind)
        for one in candidates
        if (text := f"{one.resource['resourceType']}/{one.logical_id}") in wanted
    }
    for text in wanted - homes.keys():
        resource_type, _, logical_id = text.partition("/")
        stored = _stored_resource(writer, resource_type, logical_id)
        if stored is not None:
            homes[text] = indexing.index(stored, key=writer.keys.blind)
    return homes


def of(resource: dict[str, Any]) -> str | None:
    """The ``Type/id`` of a Binary's home."""
    context = resource.get("securityContext")
    text = context.get("reference") if isinstance(context, dict) else None
    return text if isinstance(text, str) and text.partition("/")[0] in TYPE_NUMBER else None


def _stored_resource(writer: Writer, resource_type: str, logical_id: str) -> dict[str, Any] | None:
    row = (
        Record.unguarded.filter(
            owner_id=writer.owner_id, resource_type=TYPE_NUMBER[resource_type], logical_id=logical_id, deleted=False
        )
        .values_list("body", "version_id")
        .first()
    )
    if row is None or not row[0]:
        return None
    where = writer.place(TYPE_NUMBER[resource_type], logical_id, row[1])
    opened: dict[str, Any] = json.loads(sealing.open_body(writer.keys.cipher, bytes(row[0]), where))
    return opened


def index(writer: Writer, resource: dict[str, Any], homes: dict[str, indexing.Indexed]) -> indexing.Indexed:
    """What the resource is found by. A Binary shares the categories and the time of its home."""
    found = indexing.index(resource, key=writer.keys.blind)
    home = of(resource) if resource["resourceType"] == "Binary" else None
    if home not in homes:
        return found
    of_home = homes[home]
    # By the type of its home, as scopes speak of it, and by the home itself, which she may hide.
    contexts = [
        (PARAMETER_NUMBER["context"], blind.value(writer.keys.blind, text)) for text in (home.partition("/")[0], home)
    ]
    category = PARAMETER_NUMBER["category"]
    inherits = (row for row in found.rows if row[0] == indexing.INHERITS)
    return indexing.Indexed(
        of_home.occurred,
        of_home.occurred_end,
        Dating.OTHERWISE,
        frozenset({*contexts, *inherits, *((category, value) for value in of_home.categories)}),
        of_home.categories,
        frozenset(),
    )


def index_standing(writer: Writer, key: tuple[int, str], standing: Standing) -> indexing.Indexed:
    """What is found of a record by its rows now; those of a deleted one are of the version before."""
    record = Record.unguarded.get(owner_id=writer.owner_id, id=standing.id)
    said: Record | RecordVersion = record
    version_id = standing.version_id
    if standing.deleted:
        version_id -= 1
        said = RecordVersion.unguarded.get(owner_id=writer.owner_id, record=standing.id, version_id=version_id)
    if said.attachment:
        return _index_stored_binary(writer, record)
    where = writer.place(*key, version_id)
    resource = json.loads(sealing.open_body(writer.keys.cipher, bytes(said.body), where))
    return indexing.index(resource, key=writer.keys.blind)


def _index_stored_binary(writer: Writer, record: Record) -> indexing.Indexed:
    """A Binary's rows, read back from the rows themselves: its home may have changed since."""
    rows = _stored_rows(writer, record.resource_type, record.id)
    categories = _categories(rows)
    return indexing.Indexed(record.occurred, record.occurred_end, Dating(record.dating), rows, categories, frozenset())


def stored_categories(writer: Writer, type_number: int, record: int) -> tuple[int, ...]:
    """The categories that stand in the rows of a record."""
    return _categories(_stored_rows(writer, type_number, record))


def _stored_rows(writer: Writer, type_number: int, record: int) -> frozenset[tuple[int, int]]:
    writer.cursor.execute(
        "SELECT param, value FROM records_searchrow WHERE owner_id = %s AND resource_type = %s AND record = %s",
        [writer.owner_id, type_number, record],
    )
    return frozenset((param, value) for param, value in writer.cursor.fetchall())


def _categories(rows: frozenset[tuple[int, int]]) -> tuple[int, ...]:
    category = PARAMETER_NUMBER["category"]
    return tuple(sorted(value for param, value in rows if param == category))
