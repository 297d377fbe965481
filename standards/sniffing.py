"""What a file is by its first bytes; its name and what a browser calls it prove nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_SPACE: Final = b" \t\r\n\x0b\x1c"
_TEXT_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_HL7: Final = re.compile(rb"(?:MSH|FHS|BHS)[^A-Za-z0-9\s]")
_CARD: Final = re.compile(rb"shc:/|eyJ[A-Za-z0-9_-]+\.", re.IGNORECASE)
_LINK: Final = re.compile(rb"(?:https://[^\s#]{1,200}#)?shlink:/")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


class Form(StrEnum):
    """How a file is written."""

    EMPTY = "empty"
    ZIP = "zip"
    JSON = "json"
    XML = "xml"
    HL7V2 = "hl7v2"
    PDF = "pdf"
    IMAGE = "image"
    CARD = "card"
    """A SMART Health Card: the text of its QR code, or the bare JWS."""
    LINK = "link"
    """A SMART Health Link."""
    TEXT = "text"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sniffed:
    """``media_type`` as an Attachment says it; empty where nobody could tell."""

    form: Form
    media_type: str = ""


_MAGIC: Final = (
    (b"PK\x03\x04", Sniffed(Form.ZIP, "application/zip")),
    (b"PK\x05\x06", Sniffed(Form.ZIP, "application/zip")),
    (b"\x89PNG\r\n\x1a\n", Sniffed(Form.IMAGE, "image/png")),
    (b"\xff\xd8\xff", Sniffed(Form.IMAGE, "image/jpeg")),
    (b"GIF87a", Sniffed(Form.IMAGE, "image/gif")),
    (b"GIF89a", Sniffed(Form.IMAGE, "image/gif")),
    (b"II*\x00", Sniffed(Form.IMAGE, "image/tiff")),
    (b"MM\x00*", Sniffed(Form.IMAGE, "image/tiff")),
)


def sniff(data: bytes) -> Sniffed:
    """``data`` is the whole file: whether it is text is not told by its beginning."""
    for magic, found in _MAGIC:
        if data.startswith(magic):
            return found
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Sniffed(Form.IMAGE, "image/webp")
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"msf1"):
        return Sniffed(Form.IMAGE, "image/heic")
    # PDF 1.7 implementation note 13: the header may stand anywhere in the first 1,024 bytes.
    if b"%PDF-" in data[:1024]:
        return Sniffed(Form.PDF, "application/pdf")
    return _text(data)


def _text(data: bytes) -> Sniffed:
    head = data[:4096]
    for mark in _TEXT_MARKS:
        head = head.removeprefix(mark)
    head = head.lstrip(_SPACE)
    if not head and len(data) <= 4096:
        return Sniffed(Form.EMPTY)
    first = head[:1]
    if first == b"<" or head[:2] in (b"<\x00", b"\x00<"):
        return Sniffed(Form.XML, "application/xml")
    if first in (b"{", b"[") and not head.startswith(b"{\\rtf"):
        return Sniffed(Form.JSON, "application/json")
    if _HL7.match(head):
        return Sniffed(Form.HL7V2, "x-application/hl7-v2+er7")
    if _LINK.match(head):
        return Sniffed(Form.LINK)
    if _CARD.match(head):
        return Sniffed(Form.CARD, "application/smart-health-card")
    return _prose(data)


def _prose(data: bytes) -> Sniffed:
    if data.startswith(b"{\\rtf"):
        return Sniffed(Form.TEXT, "application/rtf")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Sniffed(Form.UNKNOWN)
    return Sniffed(Form.UNKNOWN) if _CONTROL.search(text) else Sniffed(Form.TEXT, "text/plain")
