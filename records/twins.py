"""Records of one source that come from another source as well.

What can be said of that without judging sameness: two records of one type are twins when both bear the same business
identifier (``identifier``, system and value), or when they say the same, apart from what each server adds for itself
(id, meta, generated text) and from references, which are of each server's own. Nothing else counts: the same illness
in other words is not called a twin here, and an identifier that one source gives to several records names none of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from django.db import connection

from records import keys, sealing, sources
from records.numbering import TYPE_NAME
from standards.fhir import json

_OWN: Final = frozenset({"id", "meta", "text", "implicitRules", "language"})
# Twins happened at the same time, so only records that another source has at that very time are opened. What we put
# together ourselves from her sources is no source, and a large file that lies apart is not compared.
_CANDIDATES: Final = """
    SELECT r.source_id, r.resource_type, r.logical_id, r.version_id, r.body FROM records_record r
    WHERE r.owner_id = %(owner)s AND NOT r.deleted AND r.attachment IS NULL AND r.source_id <> %(own)s AND EXISTS (
      SELECT 1 FROM records_record t WHERE t.owner_id = r.owner_id AND t.resource_type = r.resource_type
        AND t.occurred = r.occurred AND t.occurred_end = r.occurred_end
        AND NOT t.deleted AND t.attachment IS NULL AND t.source_id <> %(own)s
        AND (t.source_id = %(source)s) <> (r.source_id = %(source)s))
"""


class Marks(NamedTuple):
    """What a record shares with its twins: all it says, and each of its identifiers."""

    said: str
    numbers: frozenset[str]

    def all_but(self, shared: set[str]) -> frozenset[str]:
        return (self.numbers - shared) | {self.said}


def count(*, owner_id: int, source_id: int) -> int:
    """How many current records of this source have a twin from another."""
    found = list(_candidates(owner_id, source_id))
    borne = Counter((source, mark) for source, marks in found for mark in marks.numbers)
    shared = {mark for (_, mark), times in borne.items() if times > 1}
    elsewhere = {mark for source, marks in found if source != source_id for mark in marks.all_but(shared)}
    return sum(source == source_id and not elsewhere.isdisjoint(marks.all_but(shared)) for source, marks in found)


def _candidates(owner_id: int, source_id: int) -> Iterator[tuple[int, Marks]]:
    cipher = keys.of(owner_id).cipher
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES, {"owner": owner_id, "source": source_id, "own": sources.own().pk})
        while rows := cursor.fetchmany(500):
            for source, number, logical_id, version_id, body in rows:
                where = sealing.place(owner_id, number, logical_id, version_id)
                yield source, marks(TYPE_NAME[number], json.loads(sealing.open_body(cipher, bytes(body), where)))


def marks(resource_type: str, resource: Mapping[str, Any]) -> Marks:
    content = {name: value for name, value in resource.items() if name not in _OWN}
    said = json.dumps(_sorted(_without_references(content))).decode()
    listed = resource.get("identifier")
    given = listed if isinstance(listed, list) else [listed]
    named = [(each.get("system"), each.get("value")) for each in given if isinstance(each, dict)]
    return Marks(
        f"{resource_type} {said}",
        frozenset(f"{resource_type} {system}|{value}" for system, value in named if system and value),
    )


def _without_references(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_references(each) for name, each in value.items() if name != "reference"}
    return [_without_references(each) for each in value] if isinstance(value, list) else value


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value
