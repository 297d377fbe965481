"""Logos: only a picture gets in, and only the picture gets out."""

from __future__ import annotations

import struct
import zlib

import pytest
from django.test import Client

from gateway import logos
from gateway.errors import InvalidRegistration
from tests.gateway.parties import App


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*, side: int = 64, rows: int | None = None, extra: bytes = b"", tail: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\x00" + b"\x20\x60\x80" * side) * (side if rows is None else rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"") + tail


def test_what_is_not_the_picture_is_dropped():
    assert logos.checked(png(extra=chunk(b"tEXt", b"Comment\x00<script>"), tail=b"<script>")) == logos.checked(png())


@pytest.mark.parametrize(
    ("uploaded", "why"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "must be a PNG"),
        (png()[:-20], "cut off"),
        (png(side=16), "32 to 512"),
        (png(side=600), "32 to 512"),
        (png(rows=9), "not as many"),
        (png(rows=9000), "not as many"),
        (png()[:40] + b"\x00" + png()[41:], "checksum|unpack|cut off"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), "without a picture"),
        (png() + b"x" * 200_001, "200 kB"),
    ],
)
def test_what_is_no_honest_picture_is_refused(uploaded, why):
    with pytest.raises(InvalidRegistration, match=why):
        logos.checked(uploaded)


@pytest.mark.django_db
def test_logo_is_served_as_a_picture():
    app = App.register().application
    assert Client().get(f"/oauth/logo/{app.uid}").status_code == 404
    logos.keep(app, png())

    answer = Client().get(f"/oauth/logo/{app.uid}")

    assert (answer["Content-Type"], answer.content[:4]) == ("image/png", b"\x89PNG")
