"""Where an uploaded file waits to be read: in pieces, each sealed under its owner's key, never in clear on a disk."""

from __future__ import annotations

import hashlib
import io
import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages

from records import keys, sealing

STORAGE: Final = "uploads"
PIECE_BYTES: Final = 1 << 20
FORGOTTEN: Final = timedelta(days=1)
"""An upload that broke off leaves pieces that no row names; after this they are swept out."""


class Writer:
    """A file as it arrives. ``digest`` and ``size`` are of what was written; close() seals the last piece."""

    def __init__(self, owner_id: int) -> None:
        self.owner_id = owner_id
        self.uid = uuid.uuid4()
        self.size = 0
        self._hash = hashlib.blake2b(key=keys.ensure(owner_id).blind, digest_size=16, person=b"uploaded file")
        self._held = bytearray()
        self._pieces = 0

    @property
    def digest(self) -> bytes:
        return self._hash.digest()

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self._held += data
        self.size += len(data)
        while len(self._held) >= PIECE_BYTES:
            self._keep(bytes(self._held[:PIECE_BYTES]))
            del self._held[:PIECE_BYTES]

    def close(self) -> None:
        if self._held:
            self._keep(bytes(self._held))
            self._held.clear()

    def _keep(self, piece: bytes) -> None:
        sealed = sealing.seal_secret(self.owner_id, _purpose(self.uid, self._pieces), piece)
        _storage().save(_name(self.uid, self._pieces), ContentFile(sealed))
        self._pieces += 1


class Reader(io.RawIOBase):
    """A staged file as a seekable stream, one opened piece in memory. Raises sealing.Tampered, OSError."""

    def __init__(self, owner_id: int, uid: uuid.UUID, size: int) -> None:
        self._owner_id, self._uid, self._size = owner_id, uid, size
        self._at = 0
        self._piece: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("before the beginning")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._size:
            return 0
        number, start = divmod(self._at, PIECE_BYTES)
        part = self._opened(number)[start : start + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _opened(self, number: int) -> bytes:
        if self._piece[0] != number:
            with _storage().open(_name(self._uid, number)) as stored:
                sealed = stored.read()
            self._piece = (number, sealing.open_secret(self._owner_id, _purpose(self._uid, number), sealed))
        return self._piece[1]


def remove(uid: uuid.UUID) -> None:
    """Every piece; doing it twice is harmless."""
    storage, folder = _storage(), _folder(uid)
    try:
        _, names = storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        storage.delete(f"{folder}/{name}")
    storage.delete(folder)


def left_behind(*, at: datetime) -> list[uuid.UUID]:
    """What lies in storage for longer than an upload can take; whether a row names it is the caller's to look up."""
    storage = _storage()
    try:
        folders, _ = storage.listdir("")
    except FileNotFoundError:
        return []
    found = []
    for folder in folders:
        _, names = storage.listdir(folder)
        if all(storage.get_modified_time(f"{folder}/{name}") < at - FORGOTTEN for name in names):
            found.append(uuid.UUID(folder.removeprefix("upload-")))
    return found


def _storage() -> Storage:
    return storages[STORAGE]


def _folder(uid: uuid.UUID) -> str:
    return f"upload-{uid}"


def _name(uid: uuid.UUID, number: int) -> str:
    return f"{_folder(uid)}/{number:06}"


def _purpose(uid: uuid.UUID, number: int) -> str:
    return f"upload|{uid}|{number}"
