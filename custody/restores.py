"""Restoring an archive into an empty database of the same migrations, all of it or nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection, transaction
from django.utils import timezone
from psycopg.sql import SQL, Identifier, Literal

from accounts.models import Person
from custody import archives, backups, erasures
from records import keys


class NotEmpty(Exception):
    """There are people in this database: a restore would mix two sites."""


class OtherRelease(Exception):
    """The archive was made with other migrations; the message names some that differ."""


@dataclass(frozen=True)
class Restored:
    """``erased_again``: who was erased after the archive was made; ``without_key``: who cannot be opened."""

    rows: int
    attachments: int
    erased_again: int
    without_key: int


def restore(archive: Path, keys_copy: Path) -> Restored:
    """Raises archives.BrokenArchive, NotEmpty, OtherRelease; then nothing has changed."""
    with keys_copy.open("rb") as copied, archive.open("rb") as kept, transaction.atomic(durable=True):
        if Person.objects.exists():
            raise NotEmpty
        with connection.cursor() as cursor:
            _empty(cursor)
            end = _load(cursor, kept)
            destroyed = _load_keys(cursor, copied)
            _finish(cursor, end)
            gone = _erase_again(destroyed)
            cursor.execute("SELECT count(*) FROM records_labelling l WHERE NOT EXISTS (SELECT 1 FROM records_ownerkey k"
                           " WHERE k.owner_id = l.owner_id)")  # fmt: skip
            without = int(cursor.fetchone()[0])
    return Restored(sum(end["rows"].values()), end["attachments"], gone, without)


def _empty(cursor: Any) -> None:
    """What migrations wrote goes too: it is in the archive. Triggers sleep while old rows come back as they were."""
    found = [Identifier(table) for table, _ in backups.tables(cursor) if table not in backups.STAYS]
    cursor.execute(SQL("TRUNCATE {}").format(SQL(", ").join(found)))
    for table in found:
        cursor.execute(SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(table))


def _load(cursor: Any, file: IO[bytes]) -> dict[str, Any]:
    reader = archives.Reader(file)
    here = dict(backups.tables(cursor))
    for entry in reader:
        kind, _, name = entry.name.partition("/")
        if kind == "table":
            if here.get(name) != entry.about["columns"]:
                raise OtherRelease(f"table {name} has other columns here")
            _copy(cursor, name, entry.about["columns"], entry.data)
        else:
            _put_back(name, b"".join(entry.data))
    end = reader.end or {}
    there, ours = set(end["migrations"]), set(backups.migrations(cursor))
    if there != ours:
        raise OtherRelease(", ".join(sorted(there ^ ours)[:5]))
    return end


def _copy(cursor: Any, table: str, columns: list[str], data: Iterator[bytes]) -> None:
    listed = SQL(", ").join(Identifier(column) for column in columns)
    with cursor.copy(SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(Identifier(table), listed)) as copied:
        for part in data:
            copied.write(part)


def _put_back(name: str, sealed: bytes) -> None:
    storage = storages["attachments"]
    if not storage.exists(name):
        storage.save(name, ContentFile(sealed))


def _load_keys(cursor: Any, file: IO[bytes]) -> list[int]:
    """The wrapped keys as they are in the newest copy; gives the owners whose keys were destroyed."""
    cursor.execute(SQL("TRUNCATE {}").format(Identifier(backups.DESTROYED)))
    for entry in archives.Reader(file):
        kind, _, name = entry.name.partition("/")
        if kind == "table":
            _copy(cursor, name, entry.about["columns"], entry.data)
        else:
            _write_site_key(b"".join(entry.data))
    cursor.execute("DELETE FROM records_ownerkey k WHERE NOT EXISTS (SELECT 1 FROM accounts_person p"
                   " WHERE p.id = k.owner_id)")  # fmt: skip
    cursor.execute("SELECT owner_id FROM records_destroyedkey d JOIN accounts_person p ON p.id = d.owner_id ORDER BY 1")
    return [int(owner_id) for (owner_id,) in cursor.fetchall()]


def _write_site_key(wrapped: bytes) -> None:
    """Where there is none: the site's own key, wrapped by a master key."""
    path = settings.KEYS_DIR / backups.SITE_KEY
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(wrapped)
        keys.site_cipher.cache_clear()


def _finish(cursor: Any, end: dict[str, Any]) -> None:
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table, _ in backups.tables(cursor):
        if table not in backups.STAYS:
            cursor.execute(SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(Identifier(table)))
    for table, rows in end["rows"].items():
        cursor.execute(SQL("SELECT count(*) FROM {}").format(Identifier(table)))
        if table != backups.DESTROYED and cursor.fetchone()[0] != rows:
            raise archives.BrokenArchive(f"{table}: not the rows that were written")
    for name, value in end["sequences"].items():
        cursor.execute(SQL("SELECT setval({}::regclass, {})").format(Literal(name), Literal(value)))


def erase_again(keys_copy: Path) -> int:
    """After the database came back by other means than ``restore``: erase whom the copy says was erased. Resumable."""
    with keys_copy.open("rb") as file, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE destroyed_since (LIKE {backups.DESTROYED}) ON COMMIT DROP")
        for entry in archives.Reader(file):
            if entry.name == f"table/{backups.DESTROYED}":
                _copy(cursor, "destroyed_since", entry.about["columns"], entry.data)
            else:
                deque(entry.data, maxlen=0)
        cursor.execute("SELECT owner_id FROM destroyed_since d JOIN accounts_person p ON p.id = d.owner_id ORDER BY 1")
        owners = [int(owner_id) for (owner_id,) in cursor.fetchall()]
    return _erase_again([owner_id for owner_id in owners if _is_whole(owner_id)])


def _is_whole(owner_id: int) -> bool:
    """Not merely the nameless row of somebody who acted for another."""
    return not keys.is_destroyed(owner_id)


def _erase_again(owners: list[int]) -> int:
    """Who was erased after this archive was made does not come back."""
    for owner_id in owners:
        erasures.erase_restored(owner_id, at=timezone.now())
    return len(owners)
