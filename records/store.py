"""The only writer of records: set-based, idempotent, in the caller's transaction (DESIGN D3, D5, D10).

Writers for one owner take turns (an advisory lock that ends with the transaction), so counters and versions cannot
race; writers for different owners never wait for each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from records import attachments, blind, indexing, keys, sealing
from records.models import Counter, Dating, Record
from records.numbering import PARAMETER_NUMBER, TYPE_NAME, TYPE_NUMBER
from standards.fhir import json, validation

RESOURCE_BYTES_MAX: Final = 16 * 1024 * 1024
_WRITER_LOCK: Final = 2
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")


class OutsideTransaction(Exception):
    """A write was tried outside the transaction that also holds its ledger row."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A resource that could not be kept at all: its place in the page, and why in words."""

    index: int
    reason: str


@dataclass(slots=True)
class PageOutcome:
    """What became of a page. ``invalid`` counts those kept although they break the models; ``repeated`` those that
    the same page says again (the last one counts)."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    invalid: int = 0
    repeated: int = 0
    refused: list[Refusal] = field(default_factory=list)
    by_type: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Candidate:
    """A resource on its way in. ``content`` is what the source said, without version and time of update."""

    resource: dict[str, Any]
    type_number: int
    logical_id: str
    content: bytes
    content_hash: bytes

    @property
    def key(self) -> tuple[int, str]:
        return self.type_number, self.logical_id


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is stored now under a candidate's id."""

    id: int
    version_id: int
    content_hash: bytes
    deleted: bool
    source_id: int
    flagged: bool


@dataclass(slots=True)
class _Writer:
    """One page being written for one owner."""

    cursor: CursorWrapper
    owner_id: int
    source_id: int
    keys: keys.OwnerKeys
    at: datetime
    outcome: PageOutcome = field(default_factory=PageOutcome)
    counters: dict[tuple[int, int, int, tuple[int, ...]], list[int]] = field(default_factory=dict)
    rows: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    stale_rows: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    systems: set[tuple[int, int, str]] = field(default_factory=set)

    def place(self, type_number: int, logical_id: str, version_id: int) -> bytes:
        return sealing.place(self.owner_id, type_number, logical_id, version_id)


def put_page(*, owner_id: int, source_id: int, resources: Sequence[Any], at: datetime) -> PageOutcome:
    """Stores resources that already have their final ids and references; what did not change is skipped.

    A resource that breaks the models is kept as received and flagged; what is no resource at all is refused with a
    reason. Raises OutsideTransaction.
    """
    with _writing(owner_id, source_id, at) as writer:
        candidates = _candidates(writer, resources)
        standing = _standing(writer, candidates)
        new, changed = _sort(writer, candidates, standing)
        homes = _homes(writer, candidates)
        _insert(writer, new, homes)
        _replace(writer, changed, standing, homes)
        _write_rows(writer)
        return writer.outcome


def delete(*, owner_id: int, source_id: int, references: Iterable[tuple[str, str]], at: datetime) -> int:
    """Hides what this source no longer has; each deletion is a version of its own. Gives how many were hidden."""
    wanted = [(TYPE_NUMBER[resource_type], logical_id) for resource_type, logical_id in references]
    with _writing(owner_id, source_id, at) as writer:
        found = _standing_of(writer, wanted)
        gone = {key: one for key, one in found.items() if not one.deleted and one.source_id == source_id}
        _retire(writer, gone)
        writer.cursor.execute(
            "UPDATE records_record SET deleted = true, version_id = version_id + 1, last_updated = %s, body = '',"
            " content_hash = '', problems = NULL, attachment = NULL WHERE owner_id = %s AND id = ANY(%s)",
            [at, owner_id, [one.id for one in gone.values()]],
        )
        _write_rows(writer)
        return len(gone)


def held(*, owner_id: int, source_id: int) -> dict[str, int]:
    """How many current records this source gave this owner, by type, from the counters."""
    totals: dict[str, int] = {}
    rows = Counter.unguarded.filter(owner_id=owner_id, source_id=source_id, total__gt=0)
    for number, total in rows.values_list("resource_type", "total"):
        totals[TYPE_NAME[number]] = totals.get(TYPE_NAME[number], 0) + total
    return totals


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


class _writing:  # noqa: N801 - reads as a phrase: with _writing(...)
    """Opens the writer of one owner and holds her lock until the transaction ends."""

    def __init__(self, owner_id: int, source_id: int, at: datetime) -> None:
        if not connection.in_atomic_block:
            raise OutsideTransaction("records are written in the transaction of their ledger row")
        self._savepoint = transaction.atomic()
        self._arguments = (owner_id, source_id, at)

    def __enter__(self) -> _Writer:
        owner_id, source_id, at = self._arguments
        owner_keys = keys.ensure(owner_id)
        self._savepoint.__enter__()
        cursor = connection.cursor()
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_WRITER_LOCK, owner_id])
        self._writer = _Writer(cursor, owner_id, source_id, owner_keys, at)
        return self._writer

    def __exit__(self, *error: Any) -> None:
        self._writer.cursor.close()
        self._savepoint.__exit__(*error)


def _candidates(writer: _Writer, resources: Sequence[Any]) -> list[_Candidate]:
    """The resources that can be kept, large attachments moved out, the last of those said twice."""
    found: dict[tuple[int, str], _Candidate] = {}
    for index, resource in enumerate(resources):
        if reason := _unkeepable(resource):
            writer.outcome.refused.append(Refusal(index, reason))
            continue
        for part in (resource, *attachments.move_out(resource)):
            candidate = _candidate(part)
            if len(candidate.content) > RESOURCE_BYTES_MAX and candidate.resource["resourceType"] != "Binary":
                writer.outcome.refused.append(Refusal(index, "larger than a resource may be"))
                continue
            writer.outcome.repeated += candidate.key in found
            found[candidate.key] = candidate
    return list(found.values())


def _unkeepable(resource: Any) -> str | None:
    if not isinstance(resource, dict):
        return "not a JSON object"
    if resource.get("resourceType") not in TYPE_NUMBER:
        return "not a resource type of FHIR R4"
    if not (isinstance(resource.get("id"), str) and _ID.fullmatch(resource["id"])):
        return "no valid id"
    return None


def _candidate(resource: dict[str, Any]) -> _Candidate:
    meta = resource.get("meta")
    if isinstance(meta, dict) and ("versionId" in meta or "lastUpdated" in meta):
        said = {name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")}
        resource = {**resource, "meta": said} if said else {k: v for k, v in resource.items() if k != "meta"}
    content = json.dumps(resource)
    return _Candidate(
        resource,
        TYPE_NUMBER[resource["resourceType"]],
        resource["id"],
        content,
        blake2b(content, digest_size=16).digest(),
    )


def _standing(writer: _Writer, candidates: list[_Candidate]) -> dict[tuple[int, str], _Standing]:
    return _standing_of(writer, [candidate.key for candidate in candidates])


def _standing_of(writer: _Writer, wanted: Sequence[tuple[int, str]]) -> dict[tuple[int, str], _Standing]:
    writer.cursor.execute(
        "SELECT r.resource_type, r.logical_id, r.id, r.version_id, r.content_hash, r.deleted, r.source_id,"
        " r.problems IS NOT NULL FROM unnest(%s::smallint[], %s::text[]) AS w (resource_type, logical_id)"
        " JOIN records_record r ON r.owner_id = %s AND r.resource_type = w.resource_type"
        " AND r.logical_id = w.logical_id",
        [[number for number, _ in wanted], [logical_id for _, logical_id in wanted], writer.owner_id],
    )
    return {
        (row[0], row[1]): _Standing(row[2], row[3], bytes(row[4]), row[5], row[6], row[7])
        for row in writer.cursor.fetchall()
    }


def _sort(
    writer: _Writer, candidates: list[_Candidate], standing: dict[tuple[int, str], _Standing]
) -> tuple[list[_Candidate], list[_Candidate]]:
    """New and changed candidates; the unchanged are counted and left alone."""
    new, changed = [], []
    outcome = writer.outcome
    for candidate in candidates:
        now = standing.get(candidate.key)
        if now is None:
            new.append(candidate)
        elif now.deleted or now.content_hash != candidate.content_hash:
            changed.append(candidate)
        else:
            outcome.unchanged += 1
            outcome.invalid += now.flagged
    outcome.new, outcome.changed = len(new), len(changed)
    for candidate in (*new, *changed):
        name = TYPE_NAME[candidate.type_number]
        outcome.by_type[name] = outcome.by_type.get(name, 0) + 1
    return new, changed


def _homes(writer: _Writer, candidates: list[_Candidate]) -> dict[str, indexing.Indexed]:
    """The index of every home that a Binary of this page belongs to, by reference text."""
    wanted = {text for one in candidates if one.resource["resourceType"] == "Binary" and (text := _home(one.resource))}
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


def _home(resource: dict[str, Any]) -> str | None:
    context = resource.get("securityContext")
    text = context.get("reference") if isinstance(context, dict) else None
    return text if isinstance(text, str) and text.partition("/")[0] in TYPE_NUMBER else None


def _stored_resource(writer: _Writer, resource_type: str, logical_id: str) -> dict[str, Any] | None:
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


def _index(writer: _Writer, resource: dict[str, Any], homes: dict[str, indexing.Indexed]) -> indexing.Indexed:
    """What the resource is found by. A Binary shares the categories, labels and time of its home."""
    found = indexing.index(resource, key=writer.keys.blind)
    home = _home(resource) if resource["resourceType"] == "Binary" else None
    if home not in homes:
        return found
    of_home = homes[home]
    context = (PARAMETER_NUMBER["context"], blind.value(writer.keys.blind, home.partition("/")[0]))
    category = PARAMETER_NUMBER["category"]
    return indexing.Indexed(
        of_home.occurred,
        of_home.occurred_end,
        Dating.OTHERWISE,
        found.labels | of_home.labels,
        frozenset({context, *((category, value) for value in of_home.categories)}),
        of_home.categories,
        frozenset(),
    )


@dataclass(frozen=True, slots=True)
class _Sealed:
    body: bytes
    problems: bytes | None
    attachment: str | None


def _seal(writer: _Writer, candidate: _Candidate, version_id: int) -> _Sealed:
    where = writer.place(candidate.type_number, candidate.logical_id, version_id)
    body = _body(candidate.resource, version_id, writer.at)
    found = validation.problems(candidate.resource)
    problems = None
    if found:
        writer.outcome.invalid += 1
        listed = json.dumps([{"location": one.path, "problem": one.message} for one in found[:50]])
        problems = sealing.seal(writer.keys.cipher, listed, where + b"|problems")
    if candidate.resource["resourceType"] == "Binary":
        return _Sealed(b"", problems, attachments.store(writer.keys.cipher, body, where))
    return _Sealed(sealing.seal(writer.keys.cipher, body, where), problems, None)


def _body(resource: dict[str, Any], version_id: int, at: datetime) -> bytes:
    """The exact JSON we serve: type, id, meta with our version first, then what the source said in its order."""
    said = resource.get("meta")
    meta = {"versionId": str(version_id), "lastUpdated": instant(at), **(said if isinstance(said, dict) else {})}
    rest = {name: value for name, value in resource.items() if name not in ("resourceType", "id", "meta")}
    return json.dumps({"resourceType": resource["resourceType"], "id": resource["id"], "meta": meta, **rest})


def instant(at: datetime) -> str:
    """A FHIR instant in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _insert(writer: _Writer, new: list[_Candidate], homes: dict[str, indexing.Indexed]) -> None:
    if not new:
        return
    writer.cursor.execute("SELECT nextval('records_record_number') FROM generate_series(1, %s)", [len(new)])
    numbers = [row[0] for row in writer.cursor.fetchall()]
    statement = (
        "COPY records_record (owner_id, id, occurred, occurred_end, last_updated, source_id, labels, version_id,"
        " resource_type, dating, deleted, logical_id, content_hash, body, problems, attachment)"
        " FROM STDIN (FORMAT binary)"
    )
    types = "int4 int8 int8 int8 timestamptz int4 int4 int4 int2 int2 bool varchar bytea bytea bytea varchar"
    with writer.cursor.copy(statement) as copy:
        copy.set_types(types.split())
        for number, candidate in zip(numbers, new, strict=True):
            found = _index(writer, candidate.resource, homes)
            sealed = _seal(writer, candidate, 1)
            copy.write_row(
                (
                    writer.owner_id,
                    number,
                    found.occurred,
                    found.occurred_end,
                    writer.at,
                    writer.source_id,
                    found.labels,
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
            )
            _note(writer, candidate.type_number, number, found, flagged=sealed.problems is not None)


def _replace(
    writer: _Writer,
    changed: list[_Candidate],
    standing: dict[tuple[int, str], _Standing],
    homes: dict[str, indexing.Indexed],
) -> None:
    if not changed:
        return
    before = {candidate.key: standing[candidate.key] for candidate in changed}
    _retire(writer, before)
    updates = []
    for candidate in changed:
        now = before[candidate.key]
        found = _index(writer, candidate.resource, homes)
        sealed = _seal(writer, candidate, now.version_id + 1)
        _note(writer, candidate.type_number, now.id, found, flagged=sealed.problems is not None)
        updates.append(
            (
                found.occurred,
                found.occurred_end,
                writer.at,
                writer.source_id,
                found.labels,
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


def _retire(writer: _Writer, standing: dict[tuple[int, str], _Standing]) -> None:
    """Moves current versions into the past and takes their rows and counts away."""
    writer.cursor.execute(
        "INSERT INTO records_recordversion (owner_id, record, version_id, last_updated, deleted, labels, body,"
        " attachment) SELECT owner_id, id, version_id, last_updated, deleted, labels, body, attachment"
        " FROM records_record WHERE owner_id = %s AND id = ANY(%s)",
        [writer.owner_id, [one.id for one in standing.values()]],
    )
    # The rows to take away are derived from the old body: cheaper than a second index on every row ever written.
    for key, one in standing.items():
        if not one.deleted:
            _note(writer, key[0], one.id, _index_standing(writer, key, one), flagged=one.flagged, retired=one)


def _index_standing(writer: _Writer, key: tuple[int, str], standing: _Standing) -> indexing.Indexed:
    record = Record.unguarded.get(owner_id=writer.owner_id, id=standing.id)
    if record.attachment:
        return _index_stored_binary(writer, record)
    where = writer.place(*key, standing.version_id)
    resource = json.loads(sealing.open_body(writer.keys.cipher, bytes(record.body), where))
    return indexing.index(resource, key=writer.keys.blind)


def _index_stored_binary(writer: _Writer, record: Record) -> indexing.Indexed:
    """A Binary's rows, read back from the rows themselves: its home may have changed since."""
    writer.cursor.execute(
        "SELECT param, value FROM records_searchrow WHERE owner_id = %s AND resource_type = %s AND record = %s",
        [writer.owner_id, record.resource_type, record.id],
    )
    rows = frozenset((param, value) for param, value in writer.cursor.fetchall())
    category = PARAMETER_NUMBER["category"]
    categories = tuple(sorted(value for param, value in rows if param == category))
    return indexing.Indexed(
        record.occurred, record.occurred_end, Dating(record.dating), record.labels, rows, categories, frozenset()
    )


def _note(
    writer: _Writer,
    type_number: int,
    number: int,
    found: indexing.Indexed,
    *,
    flagged: bool,
    retired: _Standing | None = None,
) -> None:
    """Notes the rows and counts that a record brings, or, when it is retired, takes away."""
    rows = ((type_number, param, value, found.occurred, number) for param, value in found.rows)
    (writer.stale_rows if retired else writer.rows).extend(rows)
    sign = -1 if retired else 1
    source_id = retired.source_id if retired else writer.source_id
    key = (type_number, source_id, found.labels, found.categories)
    counter = writer.counters.setdefault(key, [0, 0, indexing.NEVER, 0])
    counter[0] += sign
    counter[1] += sign * flagged
    if not retired:
        counter[2] = max(counter[2], found.occurred)
        counter[3] = max(counter[3], found.occurred_end - found.occurred)
        writer.systems.update((type_number, param, system[:500]) for param, system in found.systems)


def _write_rows(writer: _Writer) -> None:
    if writer.stale_rows:
        columns = [list(column) for column in zip(*writer.stale_rows, strict=True)]
        writer.cursor.execute(
            "DELETE FROM records_searchrow s USING unnest(%s::int2[], %s::int2[], %s::int8[], %s::int8[], %s::int8[])"
            " AS g (resource_type, param, value, occurred, record) WHERE s.owner_id = %s"
            " AND s.resource_type = g.resource_type AND s.param = g.param AND s.value = g.value"
            " AND s.occurred = g.occurred AND s.record = g.record",
            [*columns, writer.owner_id],
        )
    if writer.rows:
        statement = (
            "COPY records_searchrow (owner_id, resource_type, param, value, occurred, record)"
            " FROM STDIN (FORMAT binary)"
        )
        with writer.cursor.copy(statement) as copy:
            copy.set_types(["int4", "int2", "int2", "int8", "int8", "int8"])
            for row in writer.rows:
                copy.write_row((writer.owner_id, *row))
    if writer.systems:
        columns = [list(column) for column in zip(*sorted(writer.systems), strict=True)]
        writer.cursor.execute(
            "INSERT INTO records_codesystem (owner_id, resource_type, param, system)"
            " SELECT %s, * FROM unnest(%s::int2[], %s::int2[], %s::text[]) ON CONFLICT DO NOTHING",
            [writer.owner_id, *columns],
        )
    if writer.counters:
        counters = sorted(writer.counters.items())
        # In two steps: a constraint looks at the row of an upsert before it is seen to exist, and may be below zero.
        writer.cursor.executemany(
            "INSERT INTO records_counter (owner_id, resource_type, source_id, labels, categories, total, problems,"
            " newest, longest, changed) VALUES (%s, %s, %s, %s, %s::bigint[], 0, 0, %s, 0, %s) ON CONFLICT DO NOTHING",
            [(writer.owner_id, *key[:3], list(key[3]), indexing.NEVER, writer.at) for key, _ in counters],
        )
        writer.cursor.executemany(
            "UPDATE records_counter SET total = total + %s, problems = problems + %s, newest = greatest(newest, %s),"
            " longest = greatest(longest, %s), changed = %s WHERE owner_id = %s AND resource_type = %s"
            " AND source_id = %s AND labels = %s AND categories = %s::bigint[]",
            [(*numbers, writer.at, writer.owner_id, *key[:3], list(key[3])) for key, numbers in counters],
        )
