"""A PDF, a picture, a text: kept whole as a document, byte for byte. Pure."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

from sync.sources.upload.accounts import Reason
from sync.sources.upload.readings import Format, Reading

ME: Final = "me"
"""The Patient of a document that names none."""


def read(data: bytes, *, media_type: str, title: str, received: str, form: Format) -> Reading:
    """``received``: when she gave it to us, a FHIR instant."""
    reading = Reading(form, [reference(data, media_type=media_type, title=title, date=received, patient=ME)], ME)
    reading.account.mapped("DocumentReference")
    reading.account.as_text(Reason.WHOLE)
    return reading


def reference(data: bytes, *, media_type: str, title: str, date: str, patient: str) -> dict[str, Any]:
    """The DocumentReference of an original; the store puts a large one into a Binary of its own."""
    return {
        "resourceType": "DocumentReference",
        "id": hashlib.sha256(data).hexdigest()[:40],
        "status": "current",
        "subject": {"reference": f"Patient/{patient}"},
        "date": date,
        **({"description": title} if title else {}),
        "content": [{"attachment": attachment(data, media_type=media_type, title=title)}],
    }


def attachment(data: bytes, *, media_type: str, title: str = "") -> dict[str, Any]:
    """With size and hash, by which anyone can tell that it is unchanged (R4 datatypes.html#Attachment)."""
    return {
        "contentType": media_type,
        "data": base64.b64encode(data).decode(),
        "size": len(data),
        # FHIR asks for SHA-1 by name; it proves nothing here that the seal of the record does not.
        "hash": base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode(),
        **({"title": title} if title else {}),
    }
