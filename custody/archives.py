"""Archives: one sealed file of entries, written and read as a stream.

``MAGIC | salt (16) | frames``; a frame is ``length (4) | AES-256-GCM of kind (1) + zstd``. The key is derived from the
backup key and the salt, the nonce is the frame's number: no frame can be altered, left out, moved or taken from another
archive, and one that ends early has no end frame. The end frame repeats the digest of every entry.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Final

import orjson
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

MAGIC: Final = b"TRIBUTARY-ARCHIVE-1\n"
FRAME_BYTES: Final = 1024 * 1024
# A frame is never larger: what a decompression may grow to.
FRAME_BYTES_MAX: Final = 64 * FRAME_BYTES
KEY_BYTES: Final = 32
_NAME, _DATA, _END = b"N", b"D", b"E"


class NoBackupKey(Exception):
    """BACKUP_KEY is not given, or is no 32 bytes in hex."""


class BrokenArchive(Exception):
    """No archive of this key, altered, or cut off."""


def backup_key() -> bytes:
    """Raises NoBackupKey."""
    try:
        key = bytes.fromhex(settings.BACKUP_KEY)
    except ValueError as error:
        raise NoBackupKey("BACKUP_KEY must be 64 hexadecimal digits") from error
    if len(key) != KEY_BYTES:
        raise NoBackupKey("BACKUP_KEY must be 64 hexadecimal digits: `openssl rand -hex 32` makes one")
    return key


def _cipher(salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, b"tributary archive").derive(backup_key()))


@dataclass
class Writer:
    """Entries one after another; ``close`` makes the archive whole."""

    file: IO[bytes]
    digests: dict[str, str] = field(default_factory=dict)
    _number: int = 0

    def __post_init__(self) -> None:
        salt = os.urandom(16)
        self._sealed = _cipher(salt)
        self._packer = zstandard.ZstdCompressor(level=3)
        self.file.write(MAGIC + salt)

    def add(self, name: str, about: dict[str, Any], data: Iterable[bytes]) -> None:
        """One entry; ``about`` is told before its data when it is read."""
        self._frame(_NAME, orjson.dumps({"name": name, **about}))
        digest, held = hashlib.sha256(), bytearray()
        for part in data:
            digest.update(part)
            held += part
            if len(held) >= FRAME_BYTES:
                self._frame(_DATA, bytes(held))
                held.clear()
        if held:
            self._frame(_DATA, bytes(held))
        self.digests[name] = digest.hexdigest()

    def close(self, about: dict[str, Any]) -> None:
        self._frame(_END, orjson.dumps({**about, "digests": self.digests}))
        self.file.flush()
        os.fsync(self.file.fileno())

    def _frame(self, kind: bytes, data: bytes) -> None:
        nonce = struct.pack(">4xQ", self._number)
        for start in range(0, max(len(data), 1), FRAME_BYTES_MAX // 2):
            sealed = self._sealed.encrypt(
                nonce, kind + self._packer.compress(data[start : start + FRAME_BYTES_MAX // 2]), MAGIC
            )
            self.file.write(struct.pack(">I", len(sealed)) + sealed)
            self._number += 1
            nonce = struct.pack(">4xQ", self._number)


@dataclass
class Entry:
    """``data`` must be read to its end before the next entry is asked for."""

    name: str
    about: dict[str, Any]
    data: Iterator[bytes]


class Reader:
    """Entries in the order they were written. ``end``: what ``close`` was told, known after the last entry."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._number = 0
        self.end: dict[str, Any] | None = None
        head = file.read(len(MAGIC) + 16)
        if len(head) != len(MAGIC) + 16 or not head.startswith(MAGIC):
            raise BrokenArchive("this is no archive")
        self._sealed = _cipher(head[len(MAGIC) :])
        self._digests: dict[str, str] = {}
        self._next = self._frame()

    def __iter__(self) -> Iterator[Entry]:
        while self._next[0] == _NAME:
            about = orjson.loads(self._next[1])
            yield Entry(about["name"], about, self._data(about["name"]))
        if self._next[0] != _END:
            raise BrokenArchive("data outside of an entry")
        self.end = orjson.loads(self._next[1])
        if self.end is None or self.end["digests"] != self._digests:
            raise BrokenArchive("the digests of the entries are not those that were written")

    def _data(self, name: str) -> Iterator[bytes]:
        digest = hashlib.sha256()
        self._next = self._frame()
        while self._next[0] == _DATA:
            digest.update(self._next[1])
            yield self._next[1]
            self._next = self._frame()
        self._digests[name] = digest.hexdigest()

    def _frame(self) -> tuple[bytes, bytes]:
        """Raises BrokenArchive."""
        size = self._file.read(4)
        sealed = self._file.read(struct.unpack(">I", size)[0]) if len(size) == 4 else b""
        try:
            opened = self._sealed.decrypt(struct.pack(">4xQ", self._number), sealed, MAGIC)
            data = zstandard.ZstdDecompressor().decompress(opened[1:], max_output_size=FRAME_BYTES_MAX)
        except (InvalidTag, ValueError, zstandard.ZstdError) as error:
            raise BrokenArchive(f"frame {self._number} is altered, missing, or of another key") from error
        self._number += 1
        return opened[:1], data
