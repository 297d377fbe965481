"""The only writer of records: set-based, idempotent, in the caller's transaction (DESIGN D3, D5, D10).

Writers for one owner take turns (an advisory lock that ends with the transaction), so counters and versions cannot
race; writers for different owners never wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from records import attachments, homes, incoming, indexing, keys, labelling, sealing, statements
from records.incoming import Candidate
from records.models import Counter, Record
from records.numbering import TYPE_NAME, TYPE_NUMBER
from records.writer import PageOutcome, Standing, Writer, note, standing_of, write_counters, write_rows, writing
from standards.fhir import json, validation

_RECORD: Final = {
    "owner_id": "int4",
    "id": "int8",
    "occurred": "int8",
    "occurred_end": "int8",
    "last_updated": "timestamptz",
    "source_id": "int4",
    "labels": "int4",
    "version_id": "int4",
    "resource_type": "int2",
    "dating": "int2",
    "deleted": "bool",
    "logical_id": "varchar",
    "content_hash": "bytea",
    "body": "bytea",
    "problems": "bytea",
    "attachment": "varchar",
}
_PRESENT: Final = """
SELECT r.owner_id, r.resource_type, r.logical_id FROM unnest(%s::int4[], %s::int2[], %s::varchar[])
    AS asked (owner_id, resource_type, logical_id)
JOIN records_record r USING (owner_id, resource_type, logical_id) WHERE NOT r.deleted"""
_NUMBERS: Final = "SELECT nextval('records_record_number') FROM generate_series(1, %s)"


def put_page(*, owner_id: int, source_id: int, resources: Sequence[Any], at: datetime) -> PageOutcome:
    """Stores resources that already have their final ids and references; what did not change is skipped.

    A resource that breaks the models is kept as received and flagged; what is no resource at all is refused with a
    reason. Raises OutsideTransaction.
    """
    with writing(owner_id, source_id, at) as writer:
        candidates, writer.outcome.refused, writer.outcome.repeated = incoming.sort_out(resources)
        standing = standing_of(writer, [candidate.key for candidate in candidates])
        new, changed = _sort(writer, candidates, standing)
        of_homes = homes.find(writer, candidates)
        label = labelling.of_page(writer, [*new, *changed])
        _insert(writer, new, of_homes, label)
        _replace(writer, changed, standing, of_homes, label)
        write_rows(writer)
        labelling.spread(writer, label, {key: one.labels for key, one in standing.items()})
        write_counters(writer)
        return writer.outcome


def delete(*, owner_id: int, source_id: int, references: Iterable[tuple[str, str]], at: datetime) -> int:
    """Hides what this source no longer has; each deletion is a version of its own. Gives how many were hidden."""
    wanted = [(TYPE_NUMBER[resource_type], logical_id) for resource_type, logical_id in references]
    with writing(owner_id, source_id, at) as writer:
        found = standing_of(writer, wanted)
        gone = {key: one for key, one in found.items() if not one.deleted and one.source_id == source_id}
        _retire(writer, gone)
        # The rows stay: by them it is told whether a reader could see what is gone. No search finds a deleted record.
        writer.stale_rows.clear()
        writer.cursor.execute(
            "UPDATE records_record SET deleted = true, version_id = version_id + 1, last_updated = %s, body = '',"
            " content_hash = '', problems = NULL, attachment = NULL WHERE owner_id = %s AND id = ANY(%s)",
            [at, owner_id, [one.id for one in gone.values()]],
        )
        write_rows(writer)
        write_counters(writer)
        return len(gone)


def held(*, owner_id: int, source_id: int) -> dict[str, int]:
    """How many current records this source gave this owner, by type, from the counters."""
    totals: dict[str, int] = {}
    rows = Counter.unguarded.filter(owner_id=owner_id, source_id=source_id, total__gt=0)
    for number, total in rows.values_list("resource_type", "total"):
        totals[TYPE_NAME[number]] = totals.get(TYPE_NAME[number], 0) + total
    return totals


def present(*, owner_id: int, references: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Which of these (type, logical id) are current records of this owner."""
    wanted = set(references)
    found = Record.unguarded.filter(
        owner_id=owner_id,
        deleted=False,
        resource_type__in={TYPE_NUMBER[name] for name, _ in wanted},
        logical_id__in=[logical_id for _, logical_id in wanted],
    ).values_list("resource_type", "logical_id")
    return [pair for number, logical_id in found if (pair := (TYPE_NAME[number], logical_id)) in wanted]


def present_of(asked: Iterable[tuple[int, str, str]]) -> set[tuple[int, str, str]]:
    """Which of these (owner, type, logical id) are current records: of many owners, in one statement."""
    rows = [(owner_id, TYPE_NUMBER[name], logical_id) for owner_id, name, logical_id in asked]
    found = statements.read(_PRESENT, [list(column) for column in zip(*rows, strict=True)]) if rows else []
    return {(int(owner_id), TYPE_NAME[number], str(logical_id)) for owner_id, number, logical_id in found}


def names(*, owner_id: int, source_id: int, limit: int) -> list[tuple[str, str]]:
    """Type and logical id of current records that this source gave this owner, at most ``limit``."""
    current = Record.unguarded.filter(owner_id=owner_id, source_id=source_id, deleted=False).order_by("id")
    return [
        (TYPE_NAME[number], logical_id)
        for number, logical_id in current.values_list("resource_type", "logical_id")[:limit]
    ]


def bodies(*, owner_id: int, source_id: int | None = None) -> Iterator[tuple[str, str, bytes]]:
    """Every current record of an owner: type, logical id and the exact JSON."""
    cipher = keys.of(owner_id).cipher
    records = Record.unguarded.filter(owner_id=owner_id, deleted=False)
    if source_id is not None:
        records = records.filter(source_id=source_id)
    for record in records.order_by("id").iterator(chunk_size=500):
        where = sealing.place(owner_id, record.resource_type, record.logical_id, record.version_id)
        body = (
            attachments.fetch(cipher, record.attachment, where)
            if record.attachment
            else sealing.open_body(cipher, bytes(record.body), where)
        )
        yield TYPE_NAME[record.resource_type], record.logical_id, body


def _sort(
    writer: Writer, candidates: list[Candidate], standing: dict[tuple[int, str], Standing]
) -> tuple[list[Candidate], list[Candidate]]:
    """New and changed candidates; the unchanged are counted and left alone.

    A Binary changes with its home, whose labels and categories are its own.
    """
    new, changed = [], []
    moved: set[str] = set()
    outcome = writer.outcome
    for candidate in candidates:
        now = standing.get(candidate.key)
        if now is None:
            new.append(candidate)
        elif now.deleted or now.content_hash != candidate.content_hash or _home(candidate) in moved:
            changed.append(candidate)
            moved.add(f"{candidate.resource['resourceType']}/{candidate.logical_id}")
        else:
            outcome.unchanged += 1
            outcome.invalid += now.flagged
    outcome.new, outcome.changed = len(new), len(changed)
    for candidate in (*new, *changed):
        name = TYPE_NAME[candidate.type_number]
        outcome.by_type[name] = outcome.by_type.get(name, 0) + 1
    return new, changed


def _home(candidate: Candidate) -> str | None:
    return homes.of(candidate.resource) if candidate.resource["resourceType"] == "Binary" else None


@dataclass(frozen=True, slots=True)
class _Sealed:
    body: bytes
    problems: bytes | None
    attachment: str | None


def _seal(writer: Writer, candidate: Candidate, version_id: int) -> _Sealed:
    where = writer.place(candidate.type_number, candidate.logical_id, version_id)
    body = candidate.body(version_id, writer.instant)
    found = validation.problems(candidate.resource)
    problems = None
    if found:
        writer.outcome.invalid += 1
        listed = json.dumps([{"location": one.path, "problem": one.message} for one in found[:50]])
        problems = sealing.seal(writer.keys.cipher, listed, where + b"|problems")
    if candidate.resource["resourceType"] == "Binary":
        return _Sealed(b"", problems, attachments.store(writer.keys.cipher, body, where))
    return _Sealed(sealing.seal(writer.keys.cipher, body, where), problems, None)


def _insert(
    writer: Writer, new: list[Candidate], of_homes: dict[str, indexing.Indexed], label: dict[tuple[int, str], int]
) -> None:
    if not new:
        return
    numbers = statements.read(_NUMBERS, [len(new)])
    statements.load(writer.cursor, "records_record", _RECORD, _rows(writer, new, numbers, of_homes, label))


def _rows(
    writer: Writer,
    new: list[Candidate],
    numbers: list[tuple[Any, ...]],
    of_homes: dict[str, indexing.Indexed],
    label: dict[tuple[int, str], int],
) -> Iterator[tuple[Any, ...]]:
    """The rows of _RECORD; each notes its search rows and counts as it is made."""
    for (number,), candidate in zip(numbers, new, strict=True):
        found = homes.index(writer, candidate.resource, of_homes)
        sealed = _seal(writer, candidate, 1)
        flagged, labels = sealed.problems is not None, label[candidate.key]
        note(writer, candidate.type_number, number, found, labels=labels, flagged=flagged)
        yield (
            writer.owner_id,
            number,
            found.occurred,
            found.occurred_end,
            writer.at,
            writer.source_id,
            labels,
            1,
            candidate.type_number,
            int(found.dating),
            False,
            candidate.logical_id,
            candidate.content_hash,
            sealed.body,
            sealed.problems,
            sealed.attachment,
        )


def _replace(
    writer: Writer,
    changed: list[Candidate],
    standing: dict[tuple[int, str], Standing],
    of_homes: dict[str, indexing.Indexed],
    label: dict[tuple[int, str], int],
) -> None:
    if not changed:
        return
    before = {candidate.key: standing[candidate.key] for candidate in changed}
    _retire(writer, before)
    updates = []
    for candidate in changed:
        now = before[candidate.key]
        found = homes.index(writer, candidate.resource, of_homes)
        sealed = _seal(writer, candidate, now.version_id + 1)
        bits, flagged = label[candidate.key], sealed.problems is not None
        note(writer, candidate.type_number, now.id, found, labels=bits, flagged=flagged)
        updates.append(
            (
                found.occurred,
                found.occurred_end,
                writer.at,
                writer.source_id,
                label[candidate.key],
                now.version_id + 1,
                int(found.dating),
                candidate.content_hash,
                sealed.body,
                sealed.problems,
                sealed.attachment,
                writer.owner_id,
                now.id,
            )
        )
    writer.cursor.executemany(
        "UPDATE records_record SET occurred = %s, occurred_end = %s, last_updated = %s, source_id = %s, labels = %s,"
        " version_id = %s, dating = %s, deleted = false, content_hash = %s, body = %s, problems = %s, attachment = %s"
        " WHERE owner_id = %s AND id = %s",
        updates,
    )


def _retire(writer: Writer, standing: dict[tuple[int, str], Standing]) -> None:
    """Moves current versions into the past and takes their rows and counts away."""
    writer.cursor.execute(
        "INSERT INTO records_recordversion (owner_id, record, version_id, last_updated, deleted, labels, body,"
        " attachment) SELECT owner_id, id, version_id, last_updated, deleted, labels, body, attachment"
        " FROM records_record WHERE owner_id = %s AND id = ANY(%s)",
        [writer.owner_id, [one.id for one in standing.values()]],
    )
    # The rows to take away are derived from the old body: cheaper than a second index on every row ever written.
    for key, one in standing.items():
        found = homes.index_standing(writer, key, one)
        if one.deleted:  # counted no more since it was
            writer.stale_rows.extend((key[0], param, value, found.occurred, one.id) for param, value in found.rows)
        else:
            note(writer, key[0], one.id, found, labels=one.labels, flagged=one.flagged, retired=one)
