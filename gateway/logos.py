"""An app's logo: a small PNG, taken apart and put together again from what a picture needs and nothing else.

Only the chunks that are the picture survive (no text, no profile, no animation, nothing after the end), every
checksum is made anew, and the pixels are unpacked within their bound, so that what browsers get is only ever a picture.
Source: https://www.w3.org/TR/png-3/.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from gateway.errors import InvalidRegistration
from gateway.models import Application, Logo

BYTES_MAX: Final = 200_000
SIDE_MIN: Final = 32
SIDE_MAX: Final = 512
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_KEPT: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def keep(application: Application, uploaded: bytes) -> None:
    """Raises InvalidRegistration, saying why the picture is not taken."""
    Logo.objects.update_or_create(application=application, defaults={"png": checked(uploaded)})


def checked(uploaded: bytes) -> bytes:
    """The picture alone. Raises InvalidRegistration."""
    if len(uploaded) > BYTES_MAX:
        raise InvalidRegistration(f"a logo of at most {BYTES_MAX // 1000} kB")
    if not uploaded.startswith(_SIGNATURE):
        raise InvalidRegistration("a logo must be a PNG")
    try:
        chunks = [(kind, body) for kind, body in _chunks(uploaded) if kind in _KEPT]
    except struct.error as error:
        raise InvalidRegistration("a PNG that is cut off") from error
    kinds = [kind for kind, _ in chunks]
    if kinds[:1] != [b"IHDR"] or kinds.count(b"IHDR") != 1 or kinds[-1] != b"IEND" or b"IDAT" not in kinds:
        raise InvalidRegistration("a PNG without a picture")
    pixels = b"".join(body for kind, body in chunks if kind == b"IDAT")
    _check_pixels(chunks[0][1], pixels)
    before = [(kind, body) for kind, body in chunks if kind in (b"IHDR", b"PLTE", b"tRNS")]
    whole = [*before, (b"IDAT", pixels), (b"IEND", b"")]
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in whole)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Until the end chunk; raises struct.error where the file ends before it."""
    at = len(_SIGNATURE)
    while True:
        length, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", png, at + 8 + length)
        if checksum != zlib.crc32(kind + body):
            raise InvalidRegistration("a PNG with a wrong checksum")
        yield kind, body
        if kind == b"IEND":
            return
        at += 12 + length


def _check_pixels(header: bytes, packed: bytes) -> None:
    """That the packed pixels are exactly as many as the header says, without unpacking any more than that."""
    try:
        width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    except struct.error as error:
        raise InvalidRegistration("a PNG without a header") from error
    if not (SIDE_MIN <= width <= SIDE_MAX and SIDE_MIN <= height <= SIDE_MAX):
        raise InvalidRegistration(f"a logo from {SIDE_MIN} to {SIDE_MAX} pixels wide and high")
    if colour not in _CHANNELS or depth not in (1, 2, 4, 8, 16) or interlaced:
        raise InvalidRegistration("a PNG of an unusual kind: save it without interlacing")
    expected = height * (1 + (width * depth * _CHANNELS[colour] + 7) // 8)
    unpacking = zlib.decompressobj()
    try:
        size = len(unpacking.decompress(packed, expected + 1))
    except zlib.error as error:
        raise InvalidRegistration("a PNG whose pixels do not unpack") from error
    if size != expected or unpacking.unused_data:
        raise InvalidRegistration("a PNG whose pixels are not as many as it says")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
