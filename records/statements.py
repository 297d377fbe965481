"""Statements of the paths that every request or page takes: bound and prepared by the server, answered in binary.

The ORM builds and compiles a statement anew each time, which costs more than running it (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import OperationalError, connection

from accounts import binding
from audit import cursors


@dataclass(slots=True)
class Sql:
    """Text and its values, kept together."""

    text: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, text: str, *values: Any) -> Sql:
        self.text.append(text)
        self.values.extend(values)
        return self

    def extend(self, other: Sql) -> Sql:
        return self.add(" ".join(other.text), *other.values)

    def __str__(self) -> str:
        return " ".join(self.text)


def any_of(parts: Iterable[Sql]) -> Sql:
    """One of the parts is enough; of none, nothing fits."""
    joined = Sql().add("(false")
    for part in parts:
        joined.add("OR").extend(part)
    return joined.add(")")


def run(sql: Sql, limit: int | None = None) -> list[tuple[Any, ...]]:
    """All rows of a statement, or the first ``limit``."""
    return read(f"{sql} LIMIT {limit:d}" if limit is not None else str(sql), sql.values)


def read(text: str, values: cursors.Values) -> list[tuple[Any, ...]]:
    """All rows; bytea as bytes, jsonb as Python values, timestamps aware. Raises Django's database errors.

    A connection that was lost since it was last used is made anew: asked of one that failed, not before every use.
    """
    try:
        return cursors.rows(text, values)
    except OperationalError:
        if connection.in_atomic_block or connection.is_usable():
            raise
    connection.close()
    return cursors.rows(text, values)


def write(text: str, values: Sequence[Any]) -> None:
    """A statement that answers nothing. Raises Django's database errors."""
    cursors.run(text, values)


def change(text: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """A statement that changes rows and answers with some; outside a transaction it is one by itself, durable now.

    It is never tried again: nobody can tell whether the first time counted.
    """
    return cursors.rows(text, values)


def load(cursor: Any, table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
    """Adds rows; ``columns`` maps each to its type. By COPY, which PostgreSQL refuses where policies hold.

    What a web process writes is few rows, so that the slower way is no loss there.
    """
    names = ", ".join(columns)
    if binding.enforced():
        blanks = ", ".join(f"%s::{kind}" for kind in columns.values())
        cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({blanks})", rows)  # noqa: S608 - names of our own
        return
    with cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)
