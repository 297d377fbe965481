"""Rows of the store opened: the body decrypted and labelled, the columns named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from records import attachments, sealing, tagging
from records.models import RecordVersion
from records.numbering import TYPE_NAME, TYPE_NUMBER
from records.searching import COLUMN_COUNT
from standards.fhir import json


class Stored(NamedTuple):  # made for every row of a page: a frozen dataclass takes five times as long to make
    """One version of one resource. ``body`` is the exact JSON to serve; ``problems`` say what breaks the models.

    ``occurred``/``occurred_end``: µs since 1970 UTC, half-open; both ``indexing.NEVER`` when no time is known.
    ``labels``: its sensitivity, a bit set (labels.py).
    """

    resource_type: str
    logical_id: str
    version_id: int
    last_updated: datetime
    deleted: bool
    source_id: int
    occurred: int
    occurred_end: int
    body: bytes
    problems: list[dict[str, str]]
    labels: int = 0

    @property
    def resource(self) -> dict[str, Any]:
        """The opened resource, decimals as written."""
        opened: dict[str, Any] = json.loads(self.body)
        return opened


@dataclass(frozen=True, slots=True)
class Page:
    entries: list[Stored]
    next: str | None


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens the rows of one owner."""

    owner_id: int
    cipher: AESGCM

    def stored(self, row: tuple[Any, ...]) -> Stored:
        """Of a row of ``searching.COLUMNS``, whatever else stands behind them. Raises sealing.Tampered."""
        _, occurred, end, updated, source_id, bits, version_id, number, _, deleted, *rest = row[:COLUMN_COUNT]
        logical_id, sealed, broken, attachment = rest
        where = sealing.place(self.owner_id, number, logical_id, version_id)
        body = b"" if deleted else self.body(sealed, attachment, where, bits)
        problems = json.loads(sealing.open_body(self.cipher, broken, where + b"|problems")) if broken else []
        kind = TYPE_NAME[number]
        return Stored(kind, logical_id, version_id, updated, deleted, source_id, occurred, end, body, problems, bits)

    def body(self, sealed: bytes, attachment: str | None, where: bytes, bits: int) -> bytes:
        """As it is served, with the tags of its labels. Raises sealing.Tampered."""
        if attachment:
            return tagging.tagged(attachments.fetch(self.cipher, attachment, where), bits)
        body = sealing.open_body(self.cipher, sealed, where)
        return tagging.tagged(body, bits) if bits else body

    def older(self, current: Stored, version: RecordVersion) -> Stored:
        """A past version of the record of ``current``. Raises sealing.Tampered."""
        where = sealing.place(self.owner_id, TYPE_NUMBER[current.resource_type], current.logical_id, version.version_id)
        body = b""
        if not version.deleted:
            body = self.body(bytes(version.body), version.attachment, where, version.labels)
        return current._replace(
            version_id=version.version_id,
            last_updated=version.last_updated,
            deleted=version.deleted,
            body=body,
            problems=[],
            labels=version.labels,
        )
