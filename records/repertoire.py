"""Which codes an owner's records of a type have, each with its newest record: as many look-ups as there are codes,
however many records have them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from records import keys, searching, statements
from records.numbering import PARAMETER_NUMBER, TYPE_NUMBER
from records.opening import Stored
from records.reading import RecordSet
from records.statements import Sql

MOST: Final = 3_000
"""Codes that are looked at; nobody is known to have more."""


class Coded(NamedTuple):
    """One code of the type, as its blind value, and the newest record that has it."""

    value: int
    newest: Stored


def of(records: RecordSet, resource_type: str) -> list[Coded]:
    """Every code of a type that earns rows for ``code`` (indexing.ROWS), as far as the rules admit its records."""
    if not records._reaches(resource_type):
        return []
    owner_keys = keys.ensure(records.owner_id)
    place = (records.owner_id, TYPE_NUMBER[resource_type], PARAMETER_NUMBER["code"])
    having = "FROM records_searchrow WHERE owner_id = %s AND resource_type = %s AND param = %s"
    # From one value to the next, by the index: DISTINCT would go through every row.
    sql = Sql().add(f"WITH RECURSIVE c(value) AS ((SELECT value {having} ORDER BY value LIMIT 1)", *place)
    sql.add("UNION ALL SELECT n.value FROM c CROSS JOIN LATERAL")
    sql.add(f"(SELECT value {having} AND value > c.value ORDER BY value LIMIT 1) n)", *place)
    sql.add("SELECT n.*, c.value FROM c CROSS JOIN LATERAL (SELECT")
    sql.add(f"{searching.COLUMNS} FROM (SELECT occurred, record {having} AND value = c.value", *place)
    sql.add("ORDER BY occurred DESC, record DESC) s CROSS JOIN LATERAL (SELECT * FROM records_record x")
    sql.add("WHERE x.owner_id = %s AND x.id = s.record OFFSET 0) r WHERE NOT r.deleted AND", records.owner_id)
    sql.extend(records._predicate(resource_type)).add("ORDER BY s.occurred DESC, s.record DESC LIMIT 1) n")
    rows = statements.run(sql, MOST)
    return [
        Coded(row[searching.COLUMN_COUNT], one)
        for row, one in zip(rows, records._opened(owner_keys, rows), strict=True)
    ]
