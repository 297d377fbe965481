"""A download as one zip, written while it is sent: never whole in memory, never in clear on a disk."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC

import orjson
from django.conf import settings

from custody import downloads
from custody.models import Download

RECORD = "record.json"


class _Outlet(io.RawIOBase):
    """Where zipfile writes; what has gathered is taken out and sent."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._written = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._held += part
        self._written += len(part)
        return len(part)

    def tell(self) -> int:
        return self._written

    def seekable(self) -> bool:
        return False

    def taken(self) -> bytes:
        part = bytes(self._held)
        self._held.clear()
        return part


def stream(download: Download) -> Iterator[bytes]:
    """The bytes of the zip. Raises what downloads.opened raises, which cuts the answer off."""
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, parts in (*_files(download), (RECORD, _bundle(download))):
            about = zipfile.ZipInfo(path, download.asked.astimezone(UTC).timetuple()[:6])
            about.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(about, "w", force_zip64=True) as file:
                for part in parts:
                    file.write(part)
                    yield outlet.taken()
    yield outlet.taken()


def _files(download: Download) -> Iterator[tuple[str, Iterator[bytes]]]:
    paths = dict.fromkeys(piece.path for piece in downloads.pieces(download))
    return ((path, _parts(download, path)) for path in paths)


def _parts(download: Download, path: str) -> Iterator[bytes]:
    for piece in download.pieces.filter(path=path).order_by("number"):
        yield downloads.opened(download, piece)


def _bundle(download: Download) -> Iterator[bytes]:
    """All current records as one Bundle of type collection, spliced from their bytes (R4 bundle.html)."""
    stamp = download.asked.astimezone(UTC).isoformat().encode()
    yield b'{"resourceType":"Bundle","type":"collection","timestamp":"' + stamp + b'","entry":['
    between = b""
    for piece in downloads.pieces(download):
        if not piece.path.startswith(downloads.CURRENT):
            continue
        base = f"{settings.FHIR_BASE}/{piece.path.removeprefix('current/').removesuffix('.ndjson')}"
        for body in downloads.opened(download, piece).splitlines():
            yield between + b'{"fullUrl":"' + _address(base, body) + b'","resource":' + body + b"}"
            between = b","
    yield b"]}"


def _address(base: str, body: bytes) -> bytes:
    return f"{base}/{orjson.loads(body)['id']}".encode()
