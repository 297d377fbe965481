"""Procedures and encounters (C-CDA 2.1: 22.4.12/13/14, 22.4.49)."""

from __future__ import annotations

from typing import Final

from standards.cda import datatypes
from standards.cda.datatypes import Node
from standards.cda.documents import Element, attribute, child, children, text_of
from sync.sources.ccda import problems
from sync.sources.ccda.book import Book, is_negated, status
from sync.sources.upload.accounts import Reason

_T: Final = "2.16.840.1.113883.10.20.22.4."
_ACT_CODE: Final = "2.16.840.1.113883.5.4"
_CLASS: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_UNKNOWN: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"}
_DONE: Final = {
    "completed": "completed",
    "active": "in-progress",
    "aborted": "stopped",
    "cancelled": "not-done",
    "suspended": "on-hold",
    "held": "on-hold",
}


def procedures(book: Book, statement: Element) -> None:
    if statement.tag not in ("procedure", "observation", "act"):
        book.leftovers_of_another_kind(statement)
        return
    code = book.code_of(statement)
    if not code:
        book.reading.account.drop(Reason.NOT_STATED, book.section)
        return
    found = book.concept(child(statement, "value"))
    body: Node = {
        "identifier": datatypes.identifiers(statement),
        "status": "not-done" if is_negated(statement) else _DONE.get(status(statement), "unknown"),
        "code": code,
        **book.occurred(child(statement, "effectiveTime"), "performed"),
        "performer": [{"actor": each} for each in book.performers(statement)],
        "recorder": book.author(statement),
        "bodySite": datatypes.every(statement, "targetSiteCode", datatypes.concept),
        "outcome": found,
        "reasonCode": _reasons(book, statement),
        "note": book.comments(statement),
        "focalDevice": _devices(book, statement),
    }
    book.leftovers(statement, "author", "performer", "targetSiteCode")
    book.add("Procedure", body, statement)


def _reasons(book: Book, statement: Element) -> list[Node]:
    found = (book.concept(child(each, "value")) for each in book.related(statement, f"{_T}19", f"{_T}4"))
    return [each for each in found if each]


def _devices(book: Book, statement: Element) -> list[Node]:
    """Devices by name; a product instance is told as words and its identifier."""
    found = []
    for link in statement.iterchildren("participant"):
        role = child(link, "participantRole")
        code = book.concept(child(role, "playingDevice", "code"))
        name = text_of(child(role, "playingDevice", "manufacturerModelName")) or code.get("text", "")
        name = name or next((each.get("display", "") for each in code.get("coding", [])), "")
        known = datatypes.identifiers(role)
        if name or (known and child(role, "playingDevice") is not None):
            book.use(link)
            manipulated = {**({"display": name} if name else {}), **({"identifier": known[0]} if known else {})}
            found.append({"manipulated": manipulated})
    return found


def encounters(book: Book, statement: Element) -> None:
    if statement.tag != "encounter":
        book.leftovers_of_another_kind(statement)
        return
    diagnoses = [
        {"condition": reference}
        for each in book.related(statement, f"{_T}80", f"{_T}4", f"{_T}3")
        for reference in problems.conditions(book, each, "encounter-diagnosis")
    ]
    code = book.code_of(statement)
    body: Node = {
        "identifier": datatypes.identifiers(statement),
        "status": "cancelled" if is_negated(statement) else "finished",
        "class": _class(statement),
        "type": [code] if code else [],
        "participant": [{"individual": each} for each in book.performers(statement)],
        "period": book.period(child(statement, "effectiveTime")),
        "reasonCode": _reasons(book, statement),
        "diagnosis": diagnoses,
        "location": _places(book, statement),
        "hospitalization": _left_to(book, child(statement, "sdtc_dischargeDispositionCode")),
    }
    book.leftovers(statement, "author", "performer", "sdtc_dischargeDispositionCode")
    book.add("Encounter", body, statement)


def encompassing(book: Book, element: Element) -> None:
    """The visit that the document's header tells of."""
    code = book.concept(child(element, "code"))
    place = child(element, "location", "healthCareFacility")
    name = text_of(child(place, "location", "name")) or text_of(child(place, "serviceProviderOrganization", "name"))
    body: Node = {
        "identifier": datatypes.identifiers(element),
        "status": "finished",
        "class": _class(element),
        "type": [code] if code else [],
        "period": book.period(child(element, "effectiveTime")),
        "participant": [
            {"individual": found}
            for tag in ("responsibleParty", "encounterParticipant")
            for each in element.iterchildren(tag)
            if (found := book.person(child(each, "assignedEntity"), "assignedPerson"))
        ],
        "location": [{"location": {"display": name}}] if name else [],
        "hospitalization": _left_to(book, child(element, "dischargeDispositionCode")),
    }
    if any(body[key] for key in ("identifier", "type", "period")):
        book.add("Encounter", body, element)


def _class(statement: Element) -> Node:
    """HL7's class of a visit where one is said; FHIR demands one, so otherwise that it is unknown."""
    for each in (*children(statement, "code"), *children(statement, "code", "translation")):
        if attribute(each, "codeSystem") == _ACT_CODE and (found := datatypes.coding(each)):
            return found
    return dict(_UNKNOWN)


def _left_to(book: Book, element: Element | None) -> Node:
    found = book.concept(element)
    return {"dischargeDisposition": found} if found else {}


def _places(book: Book, statement: Element) -> list[Node]:
    found = []
    for link in statement.iterchildren("participant"):
        role = child(link, "participantRole")
        name = text_of(child(role, "playingEntity", "name")) or book.concept(child(role, "code")).get("text", "")
        if attribute(link, "typeCode") == "LOC" and name:
            book.use(link)
            found.append({"location": {"display": name}})
    return found
