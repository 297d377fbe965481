"""Rows of bytes in order, however many: more than memory should hold waits in storage, in sealed sorted runs."""

from __future__ import annotations

import heapq
import io
import uuid
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from sync import staging

ROWS_HELD: Final = 300_000
BYTES_HELD: Final = 24_000_000
_LENGTH_BYTES: Final = 4
_BUFFER_BYTES: Final = 1 << 16


class Sorter:
    """Rows of one owner, compared byte by byte. Leaving it removes what waits in storage; a killed worker's is swept
    out as what a broken upload left (uploads.sweep)."""

    def __init__(self, owner_id: int) -> None:
        self._owner_id = owner_id
        self._held: list[bytes] = []
        self._bytes = 0
        self._runs: list[tuple[uuid.UUID, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for uid, _ in self._runs:
            staging.remove(uid)

    def add(self, row: bytes) -> None:
        self._held.append(row)
        self._bytes += len(row)
        if len(self._held) >= ROWS_HELD or self._bytes >= BYTES_HELD:
            self._set_aside()

    def rows(self) -> Iterator[bytes]:
        """All of them in order, once everything has been added."""
        if not self._runs:
            self._held.sort()
            return iter(self._held)
        self._set_aside()
        return heapq.merge(*(self._run(uid, size) for uid, size in self._runs))

    def _set_aside(self) -> None:
        self._held.sort()
        writer = staging.Writer(self._owner_id)
        self._runs.append((writer.uid, 0))  # known from its first piece on, so that it is removed whatever happens
        for row in self._held:
            writer.write(len(row).to_bytes(_LENGTH_BYTES, "big") + row)
        writer.close()
        self._runs[-1] = (writer.uid, writer.size)
        self._held.clear()
        self._bytes = 0

    def _run(self, uid: uuid.UUID, size: int) -> Iterator[bytes]:
        staged = staging.Reader(self._owner_id, uid, size)
        with io.BufferedReader(staged, _BUFFER_BYTES) as stream:
            while length := stream.read(_LENGTH_BYTES):
                yield stream.read(int.from_bytes(length, "big"))
