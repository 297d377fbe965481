"""Backups: everything but the keys in one sealed archive, and the wrapped keys in one copy apart (docs/adr/0019).

The archive is one snapshot of the database with the attachments it names. Wrapped keys never stand in it: they are
copied to a file of their own, of which only the newest exists. An erasure writes that copy anew at once, so whoever
restores an older archive finds no key for who was erased.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings
from django.core.files.storage import storages
from django.db import connection, transaction
from psycopg.sql import SQL, Identifier

from custody import archives

KEYS: Final = "records_ownerkey"
DESTROYED: Final = "records_destroyedkey"
# Of the place and not of its people: migrations are made, and ``secure_rows`` writes the key that names owners.
STAYS: Final = frozenset({"accounts_bindingkey", "django_migrations"})
# Sign-ins end with a restore.
LEFT_OUT: Final = STAYS | {KEYS, "django_session"}
COPY_NAME: Final = "keys.copy"
SITE_KEY: Final = "site.key"
_COPY_LOCK: Final = 0x6B657973
_TABLES: Final = """
SELECT c.relname, array_agg(a.attname ORDER BY a.attnum) FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
GROUP BY 1 ORDER BY 1"""
_SEQUENCES: Final = """
SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = current_schema() AND last_value IS NOT NULL"""


class NoPlace(Exception):
    """BACKUP_DIR or BACKUP_KEYS_DIR is not given, or both are one place."""


@dataclass(frozen=True)
class Made:
    path: Path
    rows: int
    attachments: int
    lost: int


def make(*, at: datetime) -> Made:
    """Write an archive and the newest copy of the keys, and remove archives past their time. Raises NoPlace."""
    directory, _ = places()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{at:%Y%m%dT%H%M%SZ}.backup"
    with _replacing(path) as file:
        rows, attachments, lost = _write(archives.Writer(file), at=at)
    copy_keys()
    _prune(directory, at - settings.BACKUP_LIFE, newest=path)
    return Made(path, rows, attachments, lost)


def places() -> tuple[Path, Path]:
    """Where archives and the copy of keys go: never the same place. Raises NoPlace."""
    if not settings.BACKUP_DIR or not settings.BACKUP_KEYS_DIR:
        raise NoPlace("BACKUP_DIR and BACKUP_KEYS_DIR must be given")
    directory, keys_directory = Path(settings.BACKUP_DIR).resolve(), Path(settings.BACKUP_KEYS_DIR).resolve()
    if directory == keys_directory or directory in keys_directory.parents or keys_directory in directory.parents:
        raise NoPlace("BACKUP_KEYS_DIR must lie apart from BACKUP_DIR: who holds both can read what was erased")
    return directory, keys_directory


def _write(writer: archives.Writer, *, at: datetime) -> tuple[int, int, int]:
    rows: dict[str, int] = {}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        # A policy that would hide rows stops the backup instead of making it incomplete.
        cursor.execute("SET LOCAL row_security = off")
        for table, columns in tables(cursor):
            if table not in LEFT_OUT:
                writer.add(f"table/{table}", {"columns": columns}, _rows(cursor, table, columns))
                rows[table] = cursor.rowcount
        cursor.execute(_SEQUENCES)
        sequences = {str(name): int(value) for name, value in cursor.fetchall()}
        attachments, lost = _add_attachments(writer, cursor)
        about = {"made": at.isoformat(), "rows": rows, "sequences": sequences, "migrations": migrations(cursor)}
    writer.close({**about, "attachments": attachments, "lost": lost})
    return sum(rows.values()), attachments, len(lost)


def tables(cursor: Any) -> list[tuple[str, list[str]]]:
    cursor.execute(_TABLES)
    return [(str(table), list(columns)) for table, columns in cursor.fetchall()]


def migrations(cursor: Any) -> list[str]:
    cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1")
    return [str(name) for (name,) in cursor.fetchall()]


def _rows(cursor: Any, table: str, columns: list[str]) -> Iterator[bytes]:
    listed = SQL(", ").join(Identifier(column) for column in columns)
    with cursor.copy(SQL("COPY {} ({}) TO STDOUT (FORMAT BINARY)").format(Identifier(table), listed)) as copied:
        for part in copied:
            yield bytes(part)


def _add_attachments(writer: archives.Writer, cursor: Any) -> tuple[int, list[str]]:
    """Every attachment a row of the snapshot names; those that storage does not have are told, not passed over."""
    cursor.execute(
        "SELECT attachment FROM records_record WHERE attachment IS NOT NULL"
        " UNION SELECT attachment FROM records_recordversion WHERE attachment IS NOT NULL ORDER BY 1"
    )
    lost, written = [], 0
    for (name,) in cursor.fetchall():
        try:
            with storages["attachments"].open(name) as stored:
                writer.add(f"attachment/{name}", {}, stored.chunks(archives.FRAME_BYTES))
            written += 1
        except FileNotFoundError:
            lost.append(str(name))
    return written, lost


def copy_keys() -> None:
    """The one copy of all wrapped keys, of whose keys were destroyed, and of the site's own wrapped key.

    Read and written under one lock, so that an older reading never replaces a newer one. Raises NoPlace.
    """
    _, directory = places()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_COPY_LOCK])
        with _replacing(directory / COPY_NAME) as file:
            writer = archives.Writer(file)
            for table, columns in tables(cursor):
                if table in {KEYS, DESTROYED}:
                    writer.add(f"table/{table}", {"columns": columns}, _rows(cursor, table, columns))
            site = settings.KEYS_DIR / SITE_KEY
            if site.is_file():
                writer.add(f"file/{SITE_KEY}", {}, [site.read_bytes()])
            writer.close({})


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A new file beside ``path`` that takes its place when all of it is on the disk, or vanishes."""
    made = path.with_name(f".{path.name}.{os.getpid()}.part")
    made.touch(mode=0o600)
    try:
        with made.open("wb") as file:
            yield file
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)


def _prune(directory: Path, before: datetime, *, newest: Path) -> None:
    kept = timedelta(seconds=1)
    for path in directory.glob("*.backup"):
        if path != newest and datetime.fromtimestamp(path.stat().st_mtime, before.tzinfo) < before - kept:
            path.unlink()
