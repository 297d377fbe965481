"""A document as a source: what it is, by its content, and who reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from standards import sniffing
from standards.sniffing import Form
from sync.sources.bundles import mapping as bundles
from sync.sources.cards import source as cards
from sync.sources.ccda import mapping as ccda
from sync.sources.hl7v2 import mapping as hl7v2
from sync.sources.papers import mapping as papers
from sync.sources.upload.accounts import Reason
from sync.sources.upload.readings import Format, Reading, Refused

_PAPERS: Final = {Form.PDF: Format.PDF, Form.IMAGE: Format.IMAGE, Form.TEXT: Format.TEXT}
_REFUSED: Final = {Form.EMPTY: Reason.EMPTY, Form.ZIP: Reason.NESTED}


@dataclass(frozen=True, slots=True)
class Document:
    """``name``: as she, or the archive, calls it; ``received``: when she gave it to us, a FHIR instant."""

    data: bytes
    name: str
    received: str


def read(document: Document) -> Reading:
    """Raises Refused."""
    sniffed = sniffing.sniff(document.data)
    if sniffed.form is Form.CARD or (sniffed.form is Form.JSON and cards.is_card_file(document.data)):
        return cards.read(document.data, title=document.name, received=document.received)
    if sniffed.form is Form.JSON:
        return bundles.read(document.data)
    if sniffed.form is Form.XML:
        return ccda.read(document.data, title=document.name, received=document.received)
    if sniffed.form is Form.HL7V2:
        return hl7v2.read(document.data, title=document.name, received=document.received)
    if sniffed.form in _PAPERS:
        return papers.read(
            document.data,
            media_type=sniffed.media_type,
            title=document.name,
            received=document.received,
            form=_PAPERS[sniffed.form],
        )
    raise Refused(_REFUSED.get(sniffed.form, Reason.UNKNOWN_FORMAT))
