"""Medical equipment: devices she has or uses (C-CDA 2.1: 22.4.50, 22.4.135, 22.4.37), and how they were put in."""

from __future__ import annotations

from typing import Final

from standards.cda import datatypes
from standards.cda.datatypes import Node
from standards.cda.documents import Element, attribute, child, text_of
from sync.sources.ccda import events
from sync.sources.ccda.book import Book, is_negated, status
from sync.sources.upload.accounts import Reason

_UDI: Final = "2.16.840.1.113883.3.3719"


def equipment(book: Book, statement: Element) -> None:
    if statement.tag == "organizer":
        for link in statement.iterchildren("component"):
            book.use(link)
            for each in link.iterchildren("supply", "procedure"):
                equipment(book, each)
        book.leftovers(statement, "author", "participant")
    elif statement.tag == "supply":
        _device(book, statement)
    else:
        events.procedures(book, statement)


def _device(book: Book, supply: Element) -> None:
    link = next((each for each in supply.iterchildren("participant") if attribute(each, "typeCode") == "PRD"), None)
    role = child(link, "participantRole")
    product = child(supply, "product", "manufacturedProduct")
    material = child(product, "manufacturedMaterial")
    kind = book.concept(child(role, "playingDevice", "code")) or book.concept(child(material, "code"))
    name = text_of(child(role, "playingDevice", "manufacturerModelName")) or text_of(child(material, "name"))
    words = book.words(supply)
    kind = kind or ({"text": name or words} if name or words else {})
    if is_negated(supply) or not kind:
        book.reading.account.drop(Reason.NOT_STATED, book.section)
        return
    book.use(link)
    known = datatypes.identifiers(role) if role is not None else []
    carried = [attribute(each, "extension") for each in _ids(role) if attribute(each, "root") == _UDI]
    body: Node = {
        "identifier": known or datatypes.identifiers(supply),
        "udiCarrier": [{"carrierHRF": each} for each in carried if each],
        "status": "inactive" if status(supply) in ("aborted", "cancelled") else "active",
        "manufacturer": text_of(child(role, "scopingEntity", "desc"))
        or text_of(child(product, "manufacturerOrganization", "name")),
        "deviceName": [{"name": name, "type": "model-name"}] if name else [],
        "type": kind,
        "note": book.comments(supply),
    }
    book.leftovers(supply, "author", "product", "quantity", "performer")
    book.add("Device", body, supply)


def _ids(role: Element | None) -> list[Element]:
    return list(role.iterchildren("id")) if role is not None else []
