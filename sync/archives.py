"""Zip files from outside: what is in them, and what is not taken out of them.

Nothing is ever written under a member's name, and no more is unpacked than was allowed, whatever the archive states.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Final

from sync.sources.upload.accounts import Reason

MEMBERS_MAX: Final = 2_000
UNPACKED_BYTES_MAX: Final = 400_000_000
RATIO_MAX: Final = 200
"""Text rarely shrinks to a fiftieth; a bomb to a thousandth and less."""
_RATIO_MATTERS_FROM: Final = 1_000_000
_LITTER: Final = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
_ENCRYPTED: Final = 0x1


class Damaged(Exception):
    """It is no zip that can be read, or it is built to do harm."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Member:
    """``position``: its place in the archive's list. ``refused``: why it will not be unpacked."""

    name: str
    position: int
    refused: Reason | None = None


def members(file: IO[bytes]) -> list[Member]:
    """What there is, in the archive's order; raises Damaged."""
    listed = _listed(file)
    if len(listed) > MEMBERS_MAX:
        raise Damaged(Reason.TOO_MANY)
    packed = sum(info.compress_size for info in listed)
    end = file.seek(0, 2)
    # Members that share their bytes pack a thousand files into one (an overlap bomb).
    if packed > end or sum(info.file_size for info in listed) > UNPACKED_BYTES_MAX:
        raise Damaged(Reason.BOMB)
    return [
        Member(info.filename, position, _refusal(info))
        for position, info in enumerate(listed)
        if not info.is_dir() and not any(mark in info.filename for mark in _LITTER)
    ]


def read(file: IO[bytes], position: int, *, limit: int) -> bytes:
    """The bytes of a member; raises Damaged, also when there is more than was stated or ``limit`` allows."""
    info = _listed(file)[position]
    try:
        with zipfile.ZipFile(file) as archive, archive.open(info) as member:
            data = member.read(min(limit, info.file_size) + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise Damaged(Reason.DAMAGED) from error
    if len(data) > limit:
        raise Damaged(Reason.TOO_LARGE)
    if len(data) > info.file_size:
        raise Damaged(Reason.BOMB)
    return data


def packed(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A zip of files that came otherwise, so that they are read like any."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return held.getvalue()


def _listed(file: IO[bytes]) -> Sequence[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, UnicodeDecodeError) as error:
        raise Damaged(Reason.DAMAGED) from error


def _refusal(info: zipfile.ZipInfo) -> Reason | None:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return Reason.UNSAFE_NAME
    if info.flag_bits & _ENCRYPTED:
        return Reason.ENCRYPTED
    if info.file_size > _RATIO_MATTERS_FROM and info.file_size > RATIO_MAX * max(info.compress_size, 1):
        return Reason.BOMB
    return None
