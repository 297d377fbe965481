"""Logos: only a picture gets in, and only the picture gets out."""

from __future__ import annotations

import struct
import zlib

import pytest
from django.test import Client
from django.utils import timezone

from developers import reviews
from gateway import logos
from gateway.errors import InvalidRegistration
from tests.developers import builders
from tests.gateway import parties
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


@pytest.mark.django_db
def test_logo_stands_beside_the_name_wherever_people_meet_the_app():
    """Decorative, so without words, and of a fixed size, so that nothing moves when it arrives."""
    person, developer, staff = parties.sign_up(), builders.developer(), builders.staff()
    app = App.register()
    app.let_in(person, "patient/*.rs")
    tried = builders.app(developer).application
    reviews.submit(tried, at=timezone.now())
    browser, reviewer = Client(), builders.browser(staff)
    browser.force_login(person)
    consent = app.send_to_consent(browser, "patient/*.rs")
    seen = [(browser, consent, app.application, 56), (browser, "/apps/", app.application, 40)]
    seen += [(reviewer, "/developers/review/", tried, 40), (reviewer, f"/developers/review/{tried.uid}/", tried, 56)]
    for at, address, application, _ in seen:
        assert f"/oauth/logo/{application.uid}" not in at.get(address).content.decode()

    for application in (app.application, tried):
        logos.keep(application, png())

    for at, address, application, size in seen:
        picture = f'<img class="logo" src="/oauth/logo/{application.uid}" alt="" width="{size}" height="{size}"'
        assert picture in at.get(address).content.decode(), address
