"""Statements that every request runs: bound and prepared by the server, on one cursor that each thread keeps.

A new cursor looks up anew how each type is written and read, which costs 20 to 40 µs for each statement.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import Cursor

Values = Sequence[Any] | Mapping[str, Any]

STREAMED: Final = 500
"""Rows that the driver takes at a time."""

_local = threading.local()


def rows(text: str, values: Values) -> list[tuple[Any, ...]]:
    """All rows, answered in binary. Raises Django's database errors."""
    ours = connections[DEFAULT_DB_ALIAS]  # looked up once: ``connection`` does it at every attribute
    ours.ensure_connection()
    with ours.wrap_database_errors:
        return _cursor(ours.connection).execute(text, values, binary=True).fetchall()


def stream(text: str, values: Values) -> Iterator[tuple[Any, ...]]:
    """The same, some at a time, on a cursor of its own: however many there are, few are in memory. Nothing else may be
    asked on the connection before the last of them was taken.
    """
    ours = connections[DEFAULT_DB_ALIAS]
    ours.ensure_connection()
    with ours.wrap_database_errors, Cursor(ours.connection) as cursor:
        yield from cursor.stream(text, values, binary=True, size=STREAMED)


def run(text: str, values: Values) -> None:
    """A statement whose answer does not matter. Raises Django's database errors."""
    ours = connections[DEFAULT_DB_ALIAS]
    ours.ensure_connection()
    with ours.wrap_database_errors:
        _cursor(ours.connection).execute(text, values)


def _cursor(connection: Any) -> Cursor:
    cursor: Cursor | None = getattr(_local, "cursor", None)
    if cursor is None or cursor.connection is not connection:
        cursor = _local.cursor = Cursor(connection)
    return cursor
