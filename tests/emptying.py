"""What a test committed is taken out after it: the rows of the tables that have any.

Django would truncate every table, which makes hundreds of files anew, and write the permissions of all models again:
after each of five hundred tests that is a good part of a run.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from django.db import connection, transaction
from django.test import TransactionTestCase

# As they are after every migration; nobody else writes them.
_STAY: Final = frozenset({"django_content_type", "auth_permission"})


def delete_rows() -> None:
    """Instead of Django's own way."""
    TransactionTestCase._fixture_teardown = _emptied


def _emptied(_: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # Who still writes is waited for, as by TRUNCATE.
        cursor.execute(f"LOCK TABLE {', '.join(_tables())} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(_asking())
        held = [table for (table,) in cursor.fetchall()]
        kept = [table for table in held if table in _kept()]
        statements = [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in kept]
        statements += [f"DELETE FROM {table}" for table in held]  # noqa: S608 - names of our own
        # Foreign keys are asked at the end, so the order does not matter.
        statements += ["SET CONSTRAINTS ALL IMMEDIATE"]
        statements += [f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in kept]
        cursor.execute("; ".join(statements))


@cache
def _tables() -> tuple[str, ...]:
    found = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return tuple(sorted(set(found) - _STAY))


@cache
def _asking() -> str:
    return " UNION ALL ".join(f"SELECT '{one}' WHERE EXISTS (SELECT 1 FROM {one})" for one in _tables())  # noqa: S608


@cache
def _kept() -> frozenset[str]:
    """The tables whose rows a trigger of ours keeps."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal")
        return frozenset(table for (table,) in cursor.fetchall())
