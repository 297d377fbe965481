"""Traces: every row of the database that is one person's, found from the catalogue and not from a list.

A table that is added tomorrow is found too. A row is hers when its owner is she, when it cannot be without her, or when
it hangs on such a row. In a row whose owner is somebody else she only acted: that row is the other's and stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from django.db import connection
from psycopg import sql
from psycopg.sql import SQL, Composed, Identifier

PERSON: Final = "accounts_person"
OWNER: Final = "owner_id"
# May be empty, and still says whom the row is about: a clinician's app opened for her chart.
ABOUT: Final = frozenset({"about_id"})

_REFERENCES: Final = """
SELECT c.conrelid::regclass::text, a.attname, NOT a.attnotnull, c.confrelid::regclass::text, f.attname
FROM pg_constraint c
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = c.confkey[1]
WHERE c.contype = 'f' AND cardinality(c.conkey) = 1 AND c.conparentid = 0
  AND c.connamespace = current_schema()::regnamespace
ORDER BY 1, 2"""
_OWNED: Final = """
SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND column_name = 'owner_id' ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: ``column`` of ``table`` names ``key`` of ``target``."""

    table: str
    column: str
    optional: bool
    target: str
    key: str


# The tombstone is what proves that a key was destroyed; checkpoints of all owners are one chain. Numbers, no names.
KEPT: Final = frozenset({"audit_checkpoint", "records_destroyedkey"})


class Schema:
    """The foreign keys of the database as they are now."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_REFERENCES)
            self.references = [Reference(*row) for row in cursor.fetchall()]
            cursor.execute(_OWNED)
            self.owned = sorted({str(table) for (table,) in cursor.fetchall()} - KEPT)
        self.by_target: Mapping[str, list[Reference]] = defaultdict(list)
        for reference in self.references:
            self.by_target[reference.target].append(reference)

    def hers(self) -> Iterator[tuple[str, str]]:
        """(table, column) whose rows are hers."""
        yield from ((table, OWNER) for table in self.owned)
        for each in self.by_target[PERSON]:
            if each.table not in self.owned and (not each.optional or each.column in ABOUT):
                yield each.table, each.column

    def mentions(self) -> Iterator[Reference]:
        """Where rows that are not hers may name her: emptied where that may be empty."""
        hers = set(self.hers())
        return (each for each in self.by_target[PERSON] if (each.table, each.column) not in hers)


def remove(person_id: int) -> dict[str, int]:
    """Deletes every row that is hers and empties every mention that may be empty; rows removed by table.

    In the caller's transaction. Foreign keys are checked when it commits, or by ``settle``.
    """
    schema, removed = Schema(), dict[str, int]()
    with connection.cursor() as cursor:
        # Parents and children may go in any order until ``settle``.
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    for table, column in schema.hers():
        chosen = SQL("{} = {}").format(Identifier(column), sql.Literal(person_id))
        _delete(schema, table, chosen, removed, path=(PERSON,))
    for each in schema.mentions():
        if each.optional:
            _run(SQL("UPDATE {0} SET {1} = NULL WHERE {1} = {2}"), each.table, each.column, person_id)
    return removed


def is_mentioned(person_id: int) -> bool:
    """Whether a row that stays still names her: she acted for somebody else, whose history that is."""
    return any(
        _run(SQL("SELECT 1 FROM {0} WHERE {1} = {2} LIMIT 1"), each.table, each.column, person_id)
        for each in Schema().mentions()
    )


def settle() -> None:
    """Check all foreign keys now, so that what was forgotten stops the erasure and not its commit."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _delete(schema: Schema, table: str, chosen: Composed, removed: dict[str, int], path: tuple[str, ...]) -> None:
    """First what hangs on the chosen rows, then the rows. Rows with an owner of their own go with that owner."""
    for child in schema.by_target[table]:
        if child.table in path or child.table == table or child.table in schema.owned:
            continue
        hanging = SQL("{} IN (SELECT {} FROM {} WHERE {})").format(
            Identifier(child.column), Identifier(child.key), Identifier(table), chosen
        )
        _delete(schema, child.table, hanging, removed, (*path, table))
    with connection.cursor() as cursor:
        cursor.execute(SQL("DELETE FROM {} WHERE {}").format(Identifier(table), chosen))
        if cursor.rowcount:
            removed[table] = removed.get(table, 0) + cursor.rowcount


def _run(statement: SQL, table: str, column: str, person_id: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement.format(Identifier(table), Identifier(column), sql.Literal(person_id)))
        return int(cursor.rowcount)


def remove_person(person_id: int) -> None:
    """The row of the person herself, once no other names her."""
    _run(SQL("DELETE FROM {0} WHERE {1} = {2}"), PERSON, "id", person_id)
