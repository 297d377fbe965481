"""A file as it arrives from a browser: sealed piece by piece, never in clear on a disk and never whole in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest

from standards import sniffing
from standards.sniffing import Form
from sync import archives, staging
from sync.sources.apple_health import export


@dataclass(slots=True)
class Arrived:
    """One of the files of a form."""

    name: str
    staged: staging.Writer

    def close(self) -> None:
        """Django closes what a request brought; here that is the handler's."""


class Handler(FileUploadHandler):
    """Stages each file of one owner; ``request.FILES`` then holds Arrived. What nobody takes is removed."""

    def __init__(self, request: HttpRequest, owner_id: int) -> None:
        super().__init__(request)
        self._owner_id = owner_id
        self._staged: list[staging.Writer] = []
        self._limit = settings.UPLOAD_BYTES_MAX
        self.too_large: list[str] = []

    def new_file(self, *args: Any, **options: Any) -> None:
        super().new_file(*args, **options)
        self._staged.append(staging.Writer(self._owner_id))

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        writer = self._staged[-1]
        if start == 0:
            self._limit = _limit(raw_data)
        if writer.size + len(raw_data) > self._limit:
            staging.remove(self._staged.pop().uid)
            self.too_large.append(self.file_name or "")
            raise SkipFile
        writer.write(raw_data)

    def file_complete(self, file_size: int) -> Any:
        writer = self._staged[-1]
        writer.close()
        return Arrived(self.file_name or "", writer)

    def taken(self, arrived: Arrived) -> staging.Writer:
        """Its bytes, for whoever keeps them from now on."""
        self._staged.remove(arrived.staged)
        return arrived.staged

    def upload_interrupted(self) -> None:
        """Also for what arrived whole and nobody took."""
        for writer in self._staged:
            staging.remove(writer.uid)


def _limit(head: bytes) -> int:
    """Bytes taken of a file that begins so: what is read as a stream, or piece by piece out of a zip, may be large."""
    large = sniffing.sniff(head[: archives.HEAD_BYTES]).form is Form.ZIP or export.is_export(
        head[: archives.HEAD_BYTES]
    )
    return settings.HEALTH_EXPORT_BYTES_MAX if large else settings.UPLOAD_BYTES_MAX
