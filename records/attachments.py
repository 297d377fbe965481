"""Attachments over 64 kB live out of line: the resource keeps a link, a Binary record keeps the bytes.

The bytes are sealed under the owner's key and written to the storage ``attachments`` before the row that names them
is committed. A Binary carries its home in ``securityContext`` and is readable exactly where its home is.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from records import sealing

INLINE_BYTES_MAX: Final = 64 * 1024
# What an Attachment may say (R4 datatypes.html#Attachment): SampledData and Signature also have ``data``.
_ATTACHMENT: Final = frozenset(
    {"id", "extension", "contentType", "language", "data", "url", "size", "hash", "title", "creation"}
)
_NAMESPACE: Final = uuid.UUID("0c0a6a1e-8f0e-5f0b-b0a4-6f1f3c52a001")


def move_out(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """Replaces each large ``Attachment.data`` in place by ``url: Binary/<id>``; gives the Binary resources.

    The id follows from the home and the content, so the same resource always yields the same Binary.
    """
    if resource["resourceType"] == "Binary":
        return []
    home = f"{resource['resourceType']}/{resource['id']}"
    return [_binary(attachment, home) for attachment in _large(resource)]


def _binary(attachment: dict[str, Any], home: str) -> dict[str, Any]:
    data = attachment.pop("data")
    identity = str(uuid.uuid5(_NAMESPACE, f"{home} {sha256(data.encode()).hexdigest()}"))
    attachment["url"] = f"Binary/{identity}"
    return {
        "resourceType": "Binary",
        "id": identity,
        "contentType": attachment.get("contentType") or "application/octet-stream",
        "securityContext": {"reference": home},
        "data": data,
    }


def _large(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for child in node:
            yield from _large(child)
    elif isinstance(node, dict):
        data = node.get("data")
        # An attachment that already has a url keeps its data inline: a second url would overwrite what the source said.
        if (
            isinstance(data, str)
            and len(data) > INLINE_BYTES_MAX * 4 // 3
            and "url" not in node
            and {key.lstrip("_") for key in node} <= _ATTACHMENT
        ):
            yield node
        else:
            for child in node.values():
                if isinstance(child, dict | list):
                    yield from _large(child)


def store(cipher: AESGCM, body: bytes, where: bytes) -> str:
    """Writes a sealed body to storage and gives its name."""
    name = f"{secrets.token_hex(2)}/{secrets.token_hex(24)}"
    return storages["attachments"].save(name, ContentFile(sealing.seal(cipher, body, where)))


def fetch(cipher: AESGCM, name: str, where: bytes) -> bytes:
    """Raises sealing.Tampered, OSError when the storage lost it."""
    with storages["attachments"].open(name) as stored:
        return sealing.open_body(cipher, stored.read(), where)
