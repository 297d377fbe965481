"""A page of a PDF as a picture with its words, drawn by a process that can reach nothing (``program``)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from standards.fhir import json

BYTES_MAX: Final = 32 * 1024 * 1024
"""Of a document that is drawn at all."""
DRAWING_SECONDS: Final = 6
WAITING_SECONDS: Final = 2
"""For a turn. Short, because who waits holds a thread of the server that others want."""
_TURNS: Final = threading.BoundedSemaphore(2)
"""How many pages one process of the server has drawn at a time, which leaves it threads and memory for all else."""
_PROGRAM: Final = Path(__file__).with_name("program.py")
"""Never imported: PDFium has no place in the memory of the server."""
_ANSWER_MAX: Final = 16 * 1024 * 1024
_PICTURE: Final = b"\x89PNG\r\n\x1a\n"


class Trouble(StrEnum):
    """Why a page is not shown. The first four are the program's own words."""

    ABSENT = "absent"
    LOCKED = "locked"
    BROKEN = "broken"
    OPEN = "open"
    """This system does not let a process be locked in."""
    LARGE = "large"
    BUSY = "busy"


class Undrawn(Exception):
    """Of the document, or of this page of it, there is no picture."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


@dataclass(frozen=True)
class Sheet:
    """``number`` of ``count``, from 1. ``picture``: PNG. ``words``: as the document holds them; ``cut``: not all."""

    number: int
    count: int
    picture: bytes
    words: str
    cut: bool


def draw(data: bytes, number: int) -> Sheet:
    """One page. Raises Undrawn. Takes some tenths of a second, and eight seconds where it fails."""
    if len(data) > BYTES_MAX:
        raise Undrawn(Trouble.LARGE)
    if not hasattr(os, "memfd_create"):
        raise Undrawn(Trouble.OPEN)
    with _turn():
        answer = _answer(data, number)
    head, _, picture = answer.partition(b"\n")
    return _sheet(number, _told(head), picture)


@contextmanager
def _turn() -> Iterator[None]:
    if not _TURNS.acquire(timeout=WAITING_SECONDS):
        raise Undrawn(Trouble.BUSY)
    try:
        yield
    finally:
        _TURNS.release()


def _answer(data: bytes, number: int) -> bytes:
    """What the program says. It reads and writes memory and not a pipe, so neither side can hold up the other."""
    document, answer = os.memfd_create("document"), os.memfd_create("answer")
    try:
        _write(document, data)
        os.lseek(document, 0, os.SEEK_SET)
        _run(number, document, answer)
        return os.pread(answer, min(os.fstat(answer).st_size, _ANSWER_MAX), 0)
    finally:
        os.close(document)
        os.close(answer)


def _write(where: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(where, left) :]


def _run(number: int, document: int, answer: int) -> None:
    """Raises Undrawn where it ends by a limit, or by a fault that a document brought about."""
    command = [sys.executable, "-I", str(_PROGRAM), str(number)]
    try:
        # No secret of the server is in its surroundings, and nothing it says goes into a log.
        subprocess.run(  # noqa: S603 - our own program
            command, stdin=document, stdout=answer, stderr=subprocess.DEVNULL, env={}, cwd="/", check=True,
            timeout=DRAWING_SECONDS,
        )  # fmt: skip
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise Undrawn(Trouble.BROKEN) from error


def _told(head: bytes) -> dict[str, Any]:
    """What it says is believed no further than what a stranger says."""
    try:
        told = json.loads(head)
    except ValueError as error:
        raise Undrawn(Trouble.BROKEN) from error
    return told if isinstance(told, dict) else {}


def _sheet(number: int, told: dict[str, Any], picture: bytes) -> Sheet:
    if (trouble := told.get("trouble")) in tuple(Trouble):
        raise Undrawn(Trouble(trouble))
    count, words = told.get("count"), told.get("words")
    if not (isinstance(count, int) and isinstance(words, str) and count >= number and picture.startswith(_PICTURE)):
        raise Undrawn(Trouble.BROKEN)
    return Sheet(number, count, picture, words, bool(told.get("cut")))
