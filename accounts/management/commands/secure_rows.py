"""``manage.py secure_rows``: after each ``migrate``, by the role that owns the tables; doing it again is harmless."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError, connection, transaction

from accounts import rows
from accounts.database import proofs


class Command(BaseCommand):
    help = "Lays the policies that keep rows to their owner, and gives the web and worker roles what they need."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        names = settings.DATABASE_ROLE_NAMES
        others = sorted({name for name in names.values() if name})
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO accounts_bindingkey (key) VALUES (%s) ON CONFLICT (one) DO UPDATE SET key = excluded.key",
                [proofs.key()],
            )
            try:
                for statement in rows.policies():
                    cursor.execute(statement)
                for name in others:
                    for statement in rows.grants(connection.ops.quote_name(name), serves=name == names["web"]):
                        cursor.execute(statement)
            except ProgrammingError as error:
                raise CommandError(f"{error}: run this under the role that owns the tables (DATABASE_URL)") from error
            if names["worker"] and not _passes_by(cursor, names["worker"]):
                raise CommandError(f'the worker sees no rows: ALTER ROLE "{names["worker"]}" BYPASSRLS')
            if names["web"] and (_passes_by(cursor, names["web"]) or _may_become_owner(cursor, names["web"])):
                raise CommandError(f"no policy holds {names['web']}: it passes by them, or may act as their owner")
        self.stdout.write(
            f"policies on {len((*rows.OWNED, *rows.PARTS, *rows.PERSONAL))} tables; roles: {', '.join(others) or 'one'}"
        )


def _passes_by(cursor: Any, role: str) -> bool:
    """Workers serve everybody, and fill tables by COPY, which no policy allows."""
    cursor.execute("SELECT rolbypassrls OR rolsuper FROM pg_roles WHERE rolname = %s", [role])
    return bool((cursor.fetchone() or [False])[0])


def _may_become_owner(cursor: Any, role: str) -> bool:
    cursor.execute("SELECT pg_has_role(%s, current_user, 'MEMBER')", [role])
    return bool(cursor.fetchone()[0])
