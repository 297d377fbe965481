"""Draws one page of a PDF that others wrote. A program of its own: ``python -I program.py NUMBER <document >answer``.

A PDF is read by 700,000 lines of C++, so what happens here is to be worth nothing to whoever wrote the document. Before
the first byte of it is read the process gives up, for good: time and memory beyond a limit, every new file and socket,
and every call of the kernel but those that compute (``_CALLS``; seccomp, Linux). Where that cannot be had, nothing is
drawn. PDFium comes without V8, so scripts in a document are not run either.

The answer is a line of JSON and the picture (PNG) after it; or ``{"trouble": word}`` alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import platform
import resource
import struct
import sys
import zlib
from pathlib import Path
from typing import Any, Final

import pypdfium2

MEGABYTE: Final = 1024 * 1024
MEMORY: Final = 384 * MEGABYTE
"""Of addresses: libraries, the document, its page as pixels."""
SECONDS: Final = 4
"""Of processor."""
LARGEST: Final = 16 * MEGABYTE
"""Of an answer."""
PIXELS: Final = 2_200_000
"""A page of A4 at 150 dots an inch."""
SHARPEST: Final = 150 / 72
PICTURE: Final = 1_500_000
"""Bytes above which a page is drawn again with fewer pixels: scans and photographs."""
WORDS: Final = 50_000

_TROUBLE_BY_PDFIUM: Final = {4: "locked"}
"""FPDF_ERR_PASSWORD (fpdfview.h); every other error is a document that cannot be read."""
_NO_NEW_PRIVILEGES: Final = 38
_SECCOMP: Final = 22
_FILTER: Final = 2
_LOAD, _IS, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000
_CALLS: Final = {
    "x86_64": (
        0xC000003E,
        (0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 28, 202, 96, 228, 318, 60, 231),
    ),
    "aarch64": (
        0xC00000B7,
        (63, 64, 57, 80, 62, 222, 226, 215, 214, 134, 135, 139, 124, 216, 233, 98, 169, 113, 278, 93, 94),
    ),
}
"""By processor its word in linux/audit.h, and its numbers (asm/unistd.h) of these calls: read, write, close, fstat,
lseek; mmap, mprotect, munmap, brk; rt_sigaction, rt_sigprocmask, rt_sigreturn; sched_yield, mremap, madvise, futex;
gettimeofday, clock_gettime, getrandom; exit, exit_group.
"""


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("first", ctypes.POINTER(_Instruction))]


def lock_in() -> bool:
    """Give up whatever drawing does not need; False where this system does not let it."""
    for what, limit in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, LARGEST),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(what, (limit, limit))
    if sys.platform != "linux" or platform.machine() not in _CALLS:
        return False
    architecture, calls = _CALLS[platform.machine()]
    written = [
        (_LOAD, 0, 0, 4),
        (_IS, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        *((_IS, len(calls) - number, 0, call) for number, call in enumerate(calls)),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    instructions = (_Instruction * len(written))(*(_Instruction(*each) for each in written))
    kernel = ctypes.CDLL(None)
    whole = ctypes.byref(_Program(len(written), instructions))
    refused = kernel.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or kernel.prctl(_SECCOMP, _FILTER, whole, 0, 0)
    return bool(refused == 0)


def draw(data: bytes, number: int) -> tuple[dict[str, Any], bytes]:
    """Page ``number``, from 1: of how many, its words, and its picture. Raises PdfiumError."""
    document = pypdfium2.PdfDocument(data)
    has_form = document.init_forms()
    count = len(document)
    if not 1 <= number <= count:
        return {"trouble": "absent", "count": count}, b""
    page = document[number - 1]
    if has_form:
        # What was written into a form becomes part of the page, so that it is among its words, too.
        with contextlib.suppress(pypdfium2.PdfiumError):
            page.flatten()
        page = document[number - 1]
    words = page.get_textpage().get_text_bounded()
    picture = _picture(page)
    if not picture:
        return {"trouble": "broken"}, b""
    return {"count": count, "words": words[:WORDS], "cut": len(words) > WORDS}, picture


def _picture(page: Any) -> bytes:
    width, height = page.get_size()
    if not (0 < width < 1e6 and 0 < height < 1e6):
        return b""
    scale = min(SHARPEST, (PIXELS / (width * height)) ** 0.5, 10_000 / max(width, height))
    drawn = _png(page, scale)
    if len(drawn) > PICTURE:
        drawn = _png(page, scale * (PICTURE / len(drawn)) ** 0.5)
    return drawn


def _png(page: Any, scale: float) -> bytes:
    bitmap = page.render(scale=scale, rev_byteorder=True)
    width, height, stride, pixels = bitmap.width, bitmap.height, bitmap.stride, bytes(bitmap.buffer)
    if stride != width * 3:
        pixels = b"".join(pixels[row * stride : row * stride + width * 3] for row in range(height))
    red, is_gray = pixels[0::3], pixels[0::3] == pixels[1::3] == pixels[2::3]
    line, pixels = (width, red) if is_gray else (width * 3, pixels)
    rows = b"".join(b"\0" + pixels[row * line : row * line + line] for row in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0 if is_gray else 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows, 4)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _answer(told: dict[str, Any], picture: bytes = b"") -> None:
    left = json.dumps(told).encode() + b"\n" + picture
    while left:
        left = left[os.write(1, left) :]


def main() -> None:
    number = int(sys.argv[1])
    os.nice(10)
    with contextlib.suppress(OSError):
        # Where the machine runs out of memory all the same, this is what it ends first.
        Path("/proc/self/oom_score_adj").write_text("1000")
    b"ok".decode("utf-16-le", "ignore")  # a coding is a file that is read when it is first used
    if not lock_in():
        _answer({"trouble": "open"})
        return
    data = bytearray()
    while piece := os.read(0, MEGABYTE):
        data += piece
    document = bytes(data)
    data.clear()
    try:
        _answer(*draw(document, number))
    except pypdfium2.PdfiumError as error:
        _answer({"trouble": _TROUBLE_BY_PDFIUM.get(error.err_code or 0, "broken")})
    except MemoryError:
        _answer({"trouble": "broken"})


if __name__ == "__main__":
    main()
    # Nothing is left to be tidied, and tidying would ask the kernel for what it refuses now.
    os._exit(0)
