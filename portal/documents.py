"""What hangs on a record as a document: of which type, how large, and its bytes as far as this reader may have them."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
from dataclasses import dataclass
from typing import Any, Final

from django.template.defaultfilters import filesizeformat

from portal import elements, readable
from portal.readable import Form
from records import reading

_BINARY: Final = re.compile(r"Binary/([A-Za-z0-9.\-]{1,64})(?:/_history/\d+)?")
_HOLDERS: Final = (("content", "attachment"), ("presentedForm",), ("payload", "contentAttachment"), ("content",))
_UNSAFE: Final = re.compile(r"[^\w .\-]+")
_PLAIN: Final = frozenset({"text/plain", "text/markdown"})
COMPOSITION: Final = "Composition"


@dataclass(frozen=True)
class Paper:
    """``number``: its place in the record, part of its address. ``form``: how it is shown. ``here``: whether we have
    its bytes, and not only an address at its source. ``words``: of plain text in the record itself, the text.
    """

    number: int
    title: str
    media_type: str
    size: str
    form: Form
    here: bool
    attachment: dict[str, Any]
    words: str = ""

    @property
    def file_name(self) -> str:
        suffix = mimetypes.guess_extension(readable.bare(self.media_type)) or ""
        stem = _UNSAFE.sub("", self.title).strip(" .")[:80] or "document"
        return stem if suffix and stem.lower().endswith(suffix) else stem + suffix


def of(resource: Any) -> list[Paper]:
    """The documents of a record, in its order; of a Composition itself as one."""
    if elements.text(resource, "resourceType") == COMPOSITION:
        return [Paper(0, elements.text(resource, "title"), "text/html", "", Form.PAGE, True, {})]
    return [_paper(number, each) for number, each in enumerate(_attachments(resource))]


def _attachments(resource: Any) -> list[dict[str, Any]]:
    if elements.text(resource, "resourceType") == "Binary":
        return [resource]
    held = [each for path in _HOLDERS for each in elements.every(resource, *path)]
    return [each for each in held if isinstance(each, dict) and ("data" in each or "url" in each)]


def _paper(number: int, attachment: dict[str, Any]) -> Paper:
    media_type = elements.text(attachment, "contentType")
    size = elements.first(attachment, "size")
    data = elements.text(attachment, "data")
    if not isinstance(size, int):
        size = len(data) * 3 // 4
    return Paper(
        number=number,
        title=elements.text(attachment, "title"),
        media_type=media_type,
        size=filesizeformat(size) if size else "",
        form=readable.form_of(media_type),
        here=bool(data or _binary(attachment)),
        attachment=attachment,
        words=_words(attachment) if readable.bare(media_type) in _PLAIN else "",
    )


def _words(attachment: dict[str, Any]) -> str:
    data = _bytes(attachment) if elements.text(attachment, "data") else None
    return (data or b"").decode(errors="replace")


def _binary(attachment: dict[str, Any]) -> str:
    found = _BINARY.fullmatch(elements.text(attachment, "url"))
    return found[1] if found else ""


def content(records: reading.RecordSet, paper: Paper) -> tuple[bytes, list[reading.Stored]] | None:
    """Its bytes, and the record they were in if that is another; None where there are none this reader may have."""
    if elements.text(paper.attachment, "data"):
        data = _bytes(paper.attachment)
        return None if data is None else (data, [])
    name = _binary(paper.attachment)
    stored = records.read("Binary", name) if name else None
    data = _bytes(stored.resource) if stored is not None and not stored.deleted else None
    return None if data is None or stored is None else (data, [stored])


def _bytes(holder: Any) -> bytes | None:
    try:
        return base64.b64decode(elements.text(holder, "data"), validate=False)
    except (binascii.Error, ValueError):
        return None
