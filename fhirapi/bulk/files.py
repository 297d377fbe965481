"""The pieces of an export in storage: compressed, then sealed under the key of the person whose lines they hold."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Iterable
from typing import Final

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from fhirapi.models import Export, ExportPart, ExportPiece
from records import sealing

LEVEL: Final = 6
STORAGE: Final = "exports"


def write(export: Export, part: ExportPart, number: int, lines: Iterable[bytes]) -> str:
    """Seals the lines of one piece into a new file; its name. The row that names it comes after."""
    packed = zlib.compress(b"".join(line + b"\n" for line in lines), LEVEL)
    sealed = sealing.seal_secret(part.owner_id, _purpose(part, number), packed)
    return storages[STORAGE].save(f"{export.uid}/{secrets.token_hex(16)}", ContentFile(sealed))


def read(part: ExportPart, piece: ExportPiece) -> bytes:
    """The lines of the piece. Raises sealing.Tampered, keys.KeyUnavailable, OSError when storage lost it."""
    with storages[STORAGE].open(piece.name) as stored:
        sealed = stored.read()
    return zlib.decompress(sealing.open_secret(part.owner_id, _purpose(part, piece.number), sealed))


def remove(name: str) -> None:
    storages[STORAGE].delete(name)


def remove_all(export: Export) -> None:
    """Everything in the export's folder, also what no row names because its worker was killed."""
    storage, folder = storages[STORAGE], str(export.uid)
    try:
        _, names = storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        storage.delete(f"{folder}/{name}")
    storage.delete(folder)


def _purpose(part: ExportPart, number: int) -> str:
    return f"export|{part.export_id}|{part.pk}|{number}"
