"""The labels a stored record ends up with: its own, those of what it names, and its owner's word on it.

Made in the transaction that writes a record. When a diagnosis turns out sensitive, whatever already names it follows
in the same transaction, so there is no moment at which only one of them is withheld (DESIGN D6, D8).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from accounts.models import Person
from records import attachments, blind, homes, indexing, inheriting, keys, labels, sealing, statements
from records.incoming import Candidate
from records.models import Record, Verdict
from records.numbering import TYPE_NAME, TYPE_NUMBER
from records.writer import Writer, count
from standards.fhir import dates, json

Key = tuple[int, str]
"""Type number and logical id."""

_STEPS: Final = 6
"""How far a label goes by references: a summary names a note, the note a visit, the visit a diagnosis."""
_YEAR: Final = 31_556_952_000_000
"""µs, of the mean Gregorian year."""
ADOLESCENCE: Final = (12, 18)
"""Years of age, the second not included."""
# As writer._STANDING: a look-up by the unique index for each, whatever the planner believes of this owner.
_STORED: Final = (
    "SELECT w.resource_type, w.logical_id, r.labels"
    " FROM unnest(%s::int2[], %s::text[]) AS w (resource_type, logical_id) CROSS JOIN LATERAL ("
    " SELECT labels FROM records_record x WHERE x.owner_id = (SELECT %s::int4)"
    " AND x.resource_type = w.resource_type AND x.logical_id = w.logical_id OFFSET 0) r WHERE r.labels <> 0"
)
_COLUMNS: Final = (
    "r.id, r.resource_type, r.logical_id, r.version_id, r.source_id, r.labels, r.occurred, r.occurred_end,"
    " r.problems IS NOT NULL, r.body, r.attachment"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A stored record whose labels are to be made anew."""

    id: int
    key: Key
    source_id: int
    labels: int
    span: tuple[int, int]
    flagged: bool
    resource: dict[str, Any]


def of_page(writer: Writer, candidates: Iterable[Candidate]) -> dict[Key, int]:
    """The labels of resources about to be written."""
    _keep_version(writer)
    return _labels(writer, {candidate.key: candidate.resource for candidate in candidates})


def spread(writer: Writer, now: Mapping[Key, int], before: Mapping[Key, int]) -> None:
    """Makes the labels anew of every record that names one whose labels changed, and so on.

    ``now``: what was just written; ``before``: the labels that stood there. The counts are noted in the writer.
    """
    changed = {key for key, bits in now.items() if (bits ^ before.get(key, 0)) & inheriting.PASSED_ON}
    spread_from(writer, changed, known=set(now))


def spread_from(writer: Writer, changed: set[Key], *, known: Set[Key] = frozenset()) -> None:
    """The same for records that are stored; those ``known`` took account of each other already."""
    for _ in range(_STEPS):
        if not changed:
            return
        changed = renew(writer, [one for one in fetch(writer, _naming(writer, changed)) if one.key not in known])
        known = frozenset()


def name_again(writer: Writer, opened: list[Opened]) -> None:
    """Writes the rows by which records are found from what they name, where there are none yet."""
    rows = [
        (one.key[0], indexing.INHERITS, blind.value(writer.keys.blind, text), one.span[0], one.id)
        for one in opened
        for text in inheriting.named(one.resource)
    ]
    if rows:
        writer.cursor.execute(
            "INSERT INTO records_searchrow (owner_id, resource_type, param, value, occurred, record)"
            " SELECT %s, * FROM unnest(%s::int2[], %s::int2[], %s::int8[], %s::int8[], %s::int8[])"
            " ON CONFLICT DO NOTHING",
            [writer.owner_id, *(list(column) for column in zip(*rows, strict=True))],
        )


def renew(writer: Writer, opened: list[Opened]) -> set[Key]:
    """Makes the labels of stored records anew; gives those whose labels changed in what they pass on."""
    if not opened:
        return set()
    fresh = _labels(writer, {one.key: one.resource for one in opened})
    moved = [one for one in opened if fresh[one.key] != one.labels]
    for one in moved:
        categories = _categories(writer, one)
        number = one.key[0]
        count(writer, (number, one.source_id, one.labels, categories), -1, flagged=one.flagged, span=one.span)
        count(writer, (number, one.source_id, fresh[one.key], categories), 1, flagged=one.flagged, span=one.span)
    if moved:
        writer.cursor.execute(
            "UPDATE records_record r SET labels = f.labels FROM unnest(%s::int8[], %s::int4[]) AS f (id, labels)"
            " WHERE r.owner_id = %s AND r.id = f.id",
            [[one.id for one in moved], [fresh[one.key] for one in moved], writer.owner_id],
        )
    return {one.key for one in moved if (one.labels ^ fresh[one.key]) & inheriting.PASSED_ON}


def by_rules(writer: Writer, one: Opened) -> int:
    """The labels the rules give it, whatever its owner said of it."""
    return _labels(writer, {one.key: one.resource}, judged=False)[one.key]


def fetch(writer: Writer, ids: list[int]) -> list[Opened]:
    """Current records by their numbers, opened."""
    if not ids:
        return []
    writer.cursor.execute(
        f"SELECT {_COLUMNS} FROM records_record r WHERE r.owner_id = %s AND r.id = ANY(%s) AND NOT r.deleted",  # noqa: S608
        [writer.owner_id, ids],
    )
    return [_open(writer, row) for row in writer.cursor.fetchall()]


def after(writer: Writer, reached: int, limit: int) -> list[Opened]:
    """The next current records in the order they were stored."""
    writer.cursor.execute(
        f"SELECT {_COLUMNS} FROM records_record r WHERE r.owner_id = %s AND r.id > %s AND NOT r.deleted"  # noqa: S608
        " ORDER BY r.id LIMIT %s",
        [writer.owner_id, reached, limit],
    )
    return [_open(writer, row) for row in writer.cursor.fetchall()]


def _keep_version(writer: Writer) -> None:
    """A first page begins the row; what another version of the value sets labelled is to be made anew as a whole."""
    row = _row(writer)
    if row is not None and row[0] in ("", labels.VERSION):
        return
    writer.cursor.execute(
        "INSERT INTO records_labelling (owner_id, version, reached, marked) VALUES (%s,"
        " CASE WHEN EXISTS (SELECT 1 FROM records_counter WHERE owner_id = %s) THEN '' ELSE %s END, 0, false)"
        " ON CONFLICT (owner_id) DO UPDATE SET version = '', reached = 0"
        " WHERE records_labelling.version NOT IN ('', %s)",
        [writer.owner_id, writer.owner_id, labels.VERSION, labels.VERSION],
    )


def _row(writer: Writer) -> tuple[str, bool] | None:
    """The version, and whether she ever marked a record."""
    rows = statements.read("SELECT version, marked FROM records_labelling WHERE owner_id = %s", [writer.owner_id])
    return rows[0] if rows else None


def _labels(writer: Writer, resources: Mapping[Key, dict[str, Any]], *, judged: bool = True) -> dict[Key, int]:
    of, named_by = (labels.of, _named) if settings.SENSITIVITY_RULES else (labels.stated, _nothing)
    own = {key: of(resource) for key, resource in resources.items()}
    named = {key: keys_ for key, resource in resources.items() if (keys_ := named_by(resource))}
    verdicts = _verdicts(writer, list(resources)) if judged else {}
    known = _stored(writer, {one for some in named.values() for one in some} - own.keys())
    settled: dict[Key, int] = {}
    for _ in range(_STEPS):
        made = {}
        for key, bits in own.items():
            for one in named.get(key, ()):
                bits |= (settled[one] if one in settled else known.get(one, own.get(one, 0))) & inheriting.PASSED_ON
            if bits & labels.CONFIDENTIAL_TO_MINORS and _adolescent(writer, resources[key]):
                bits |= labels.ADOLESCENT
            made[key] = _judged(bits, verdicts.get(key))
        if made == settled or not named:
            return made
        settled = made
    return settled


def _judged(bits: int, verdict: tuple[int, int] | None) -> int:
    if verdict is None or verdict[0] == Verdict.AUTOMATIC:
        return bits
    return bits | labels.MARKED if verdict[0] == Verdict.SENSITIVE else bits & ~(verdict[1] & ~labels.MESSAGE)


def _nothing(_: dict[str, Any]) -> set[Key]:
    return set()


def _named(resource: dict[str, Any]) -> set[Key]:
    pairs = (text.partition("/") for text in inheriting.named(resource))
    return {(TYPE_NUMBER[name], logical_id) for name, _, logical_id in pairs if name in TYPE_NUMBER}


def _verdicts(writer: Writer, wanted: list[Key]) -> dict[Key, tuple[int, int]]:
    """The owner's newest word on each, with what she released."""
    row = _row(writer)
    if row is None or not row[1]:
        return {}
    writer.cursor.execute(
        "SELECT DISTINCT ON (m.resource_type, m.logical_id) m.resource_type, m.logical_id, m.verdict, m.released"
        " FROM records_labelmark m JOIN unnest(%s::int2[], %s::text[]) AS w (resource_type, logical_id)"
        " ON m.resource_type = w.resource_type AND m.logical_id = w.logical_id WHERE m.owner_id = %s"
        " ORDER BY m.resource_type, m.logical_id, m.number DESC",
        [[number for number, _ in wanted], [one for _, one in wanted], writer.owner_id],
    )
    return {(row[0], row[1]): (row[2], row[3]) for row in writer.cursor.fetchall()}


def _stored(writer: Writer, wanted: set[Key]) -> dict[Key, int]:
    if not wanted:
        return {}
    numbers, logical_ids = [number for number, _ in wanted], [one for _, one in wanted]
    return {(row[0], row[1]): row[2] for row in statements.read(_STORED, [numbers, logical_ids, writer.owner_id])}


def _naming(writer: Writer, changed: set[Key]) -> list[int]:
    """The numbers of the records that take their sensitivity from any of these."""
    values = [blind.value(writer.keys.blind, f"{TYPE_NAME[number]}/{one}") for number, one in changed]
    writer.cursor.execute(
        "SELECT DISTINCT record FROM records_searchrow WHERE owner_id = %s AND resource_type = ANY(%s) AND param = %s"
        " AND value = ANY(%s)",
        [writer.owner_id, [TYPE_NUMBER[name] for name in inheriting.TYPES], indexing.INHERITS, values],
    )
    return [row[0] for row in writer.cursor.fetchall()]


def _open(writer: Writer, row: tuple[Any, ...]) -> Opened:
    where = writer.place(row[1], row[2], row[3])
    cipher = writer.keys.cipher
    body = attachments.fetch(cipher, row[10], where) if row[10] else sealing.open_body(cipher, bytes(row[9]), where)
    return Opened(row[0], (row[1], row[2]), row[4], row[5], (row[6], row[7]), row[8], json.loads(body))


def _categories(writer: Writer, one: Opened) -> tuple[int, ...]:
    """Under which it is counted; those of a Binary are its home's, and stand in its rows."""
    if one.key[0] == TYPE_NUMBER["Binary"]:
        return homes.stored_categories(writer, one.key[0], one.id)
    return indexing.index(one.resource, key=writer.keys.blind).categories


def _adolescent(writer: Writer, resource: dict[str, Any]) -> bool:
    """Whether it tells of a time when she was between the ages of ADOLESCENCE; no when a date is missing."""
    occurred, end = indexing.when(resource)
    born = _born(writer) if occurred != indexing.NEVER else None
    if born is None:
        return False
    return end > born.low + ADOLESCENCE[0] * _YEAR and occurred < born.high + ADOLESCENCE[1] * _YEAR


def _born(writer: Writer) -> dates.Interval | None:
    """The birth date of her one Patient, read once a page and only when something sensitive asks."""
    if not writer.born:
        record = Record.unguarded.filter(
            owner_id=writer.owner_id,
            resource_type=TYPE_NUMBER["Patient"],
            deleted=False,
            logical_id=Person.objects.values_list("patient_id", flat=True).get(pk=writer.owner_id),
        ).first()
        resource: dict[str, Any] = {}
        if record is not None:
            where = writer.place(record.resource_type, record.logical_id, record.version_id)
            resource = json.loads(sealing.open_body(keys.of(writer.owner_id).cipher, bytes(record.body), where))
        said = resource.get("birthDate")
        writer.born = (dates.covered(said) if isinstance(said, str) else None,)
    return writer.born[0]
