"""Zip files from outside: what is in them, and what is not taken out of them.

Nothing is ever written under a member's name, and no more is unpacked than was allowed, whatever the archive states.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
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
HEAD_BYTES: Final = 2_048
_UNREADABLE: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)


class Damaged(Exception):
    """It is no zip that can be read, or it is built to do harm."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Member:
    """``position``: its place in the archive's list. ``refused``: why it will not be unpacked. ``size``: in bytes, as
    the archive states it."""

    name: str
    position: int
    refused: Reason | None = None
    size: int = 0


def members(file: IO[bytes], *, whole: int) -> list[Member]:
    """What there is, in the archive's order; raises Damaged. Nothing larger than ``whole`` is unpacked into memory."""
    listed = _listed(file)
    if len(listed) > MEMBERS_MAX:
        raise Damaged(Reason.TOO_MANY)
    packed = sum(info.compress_size for info in listed)
    end = file.seek(0, 2)
    # Members that share their bytes pack a thousand files into one (an overlap bomb).
    unpacked = sum(info.file_size for info in listed if info.file_size <= whole)
    if packed > end or unpacked > UNPACKED_BYTES_MAX:
        raise Damaged(Reason.BOMB)
    return [
        Member(info.filename, position, _refusal(info), info.file_size)
        for position, info in enumerate(listed)
        if not info.is_dir() and not any(mark in info.filename for mark in _LITTER)
    ]


def read(file: IO[bytes], position: int, *, limit: int) -> bytes:
    """The bytes of a member; raises Damaged, also when there is more than was stated or ``limit`` allows."""
    with stream(file, position, limit=limit) as member:
        return member.read(limit + 1)


def heads(file: IO[bytes], found: Iterable[Member]) -> dict[int, bytes]:
    """The first bytes of each member by its position; of what is refused or cannot be read, none."""
    told = {}
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        for member in found:
            try:
                with archive.open(infos[member.position]) as opened:
                    told[member.position] = b"" if member.refused else opened.read(HEAD_BYTES)
            except _UNREADABLE:
                told[member.position] = b""
    return told


class Stream:
    """A member as it is unpacked. Raises Damaged, also when there is more than was stated or allowed."""

    def __init__(self, member: IO[bytes], *, stated: int, limit: int) -> None:
        self._member, self._stated, self._limit = member, stated, limit
        self._given = 0

    def read(self, size: int) -> bytes:
        try:
            data = self._member.read(min(size, self._stated + 1 - self._given))
        except _UNREADABLE as error:
            raise Damaged(Reason.DAMAGED) from error
        self._given += len(data)
        if self._given > self._limit:
            raise Damaged(Reason.TOO_LARGE)
        if self._given > self._stated:
            raise Damaged(Reason.BOMB)
        return data


@contextmanager
def stream(file: IO[bytes], position: int, *, limit: int) -> Iterator[Stream]:
    """A member to be read piece by piece. Raises Damaged."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(file))
            info = archive.infolist()[position]
            member = stack.enter_context(archive.open(info))
        except _UNREADABLE as error:
            raise Damaged(Reason.DAMAGED) from error
        yield Stream(member, stated=info.file_size, limit=limit)


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
