"""Medications and immunizations (C-CDA 2.1: 22.4.16, 22.4.42, 22.4.52)."""

from __future__ import annotations

from typing import Any, Final

from standards.cda import datatypes, documents
from standards.cda.datatypes import Node
from standards.cda.documents import Element, attribute, child, children, text_of
from sync.sources.ccda.book import Book, codes, is_negated, status
from sync.sources.upload.accounts import Reason

_T: Final = "2.16.840.1.113883.10.20.22.4."
_TAKEN: Final = {
    "active": "active",
    "completed": "completed",
    "aborted": "stopped",
    "suspended": "on-hold",
    "cancelled": "stopped",
    "held": "on-hold",
}
_ORDERED: Final = {**_TAKEN, "cancelled": "cancelled", "new": "active"}
_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_READ: Final = ("author", "consumable", "routeCode", "doseQuantity", "rateQuantity", "approachSiteCode")


def medications(book: Book, statement: Element, *, planned: bool = False) -> None:
    """What she takes, or was ordered to (moodCode INT, RQO …)."""
    if statement.tag != "substanceAdministration":
        book.leftovers_of_another_kind(statement)
        return
    code = _product(book, statement)
    if not code:
        book.reading.account.drop(Reason.NOT_STATED, book.section)
        return
    ordered = planned or attribute(statement, "moodCode") not in ("EVN", "")
    body: Node = {
        "identifier": datatypes.identifiers(statement),
        "medicationCodeableConcept": code,
        "reasonCode": [
            found
            for each in book.related(statement, f"{_T}19", f"{_T}4")
            if (found := book.concept(child(each, "value")) or book.code_of(each))
        ],
        "note": book.comments(statement),
    }
    dosage = [found] if (found := _dosage(book, statement)) else []
    if ordered:
        book.add("MedicationRequest", {**body, **_order(book, statement, planned=planned, dosage=dosage)}, statement)
    else:
        book.add("MedicationStatement", {**body, **_taken(book, statement), "dosage": dosage}, statement)
    book.leftovers(statement, *_READ)


def _order(book: Book, statement: Element, *, planned: bool, dosage: list[Node]) -> Node:
    return {
        "status": "cancelled" if is_negated(statement) else _ORDERED.get(status(statement), "unknown"),
        "intent": "plan" if planned else "order",
        "authoredOn": book.authored(statement),
        "requester": book.author(statement),
        "dosageInstruction": dosage,
    }


def _taken(book: Book, statement: Element) -> Node:
    times = [
        each
        for each in statement.iterchildren("effectiveTime")
        if documents.type_of(each) not in ("PIVL_TS", "EIVL_TS")
    ]
    return {
        "status": "not-taken" if is_negated(statement) else _TAKEN.get(status(statement), "unknown"),
        **(book.occurred(times[0], "effective") if times else {}),
        "dateAsserted": book.authored(statement),
        "informationSource": book.author(statement),
    }


def _product(book: Book, statement: Element) -> Node:
    material = child(statement, "consumable", "manufacturedProduct", "manufacturedMaterial")
    found = book.concept(child(material, "code"))
    words = book.words(child(material, "code")) or text_of(child(material, "name")) or book.words(statement)
    if found and words and "text" not in found:
        found["text"] = words
    return found or ({"text": words} if words else {})


def _dosage(book: Book, statement: Element) -> Node:
    text = [book.words(each) or text_of(child(each, "text")) for each in book.related(statement, f"{_T}147")]
    precondition = [
        book.concept(child(each, "criterion", "value")) or book.concept(child(each, "criterion", "code"))
        for each in statement.iterchildren("precondition")
    ]
    for each in statement.iterchildren("precondition"):
        book.use(each)
    dose, rate = (datatypes.quantity(child(statement, tag)) for tag in ("doseQuantity", "rateQuantity"))
    given = {
        **({"doseQuantity": dose} if dose else {}),
        **({"rateQuantity": rate} if rate else {}),
    }
    told: Node = {
        "text": next((each for each in text if each), "") or text_of(child(statement, "text")) or book.words(statement),
        "timing": _timing(statement),
        "asNeededCodeableConcept": next((each for each in precondition if each), {}),
        "site": book.concept(child(statement, "approachSiteCode")),
        "route": book.concept(child(statement, "routeCode")),
        "doseAndRate": [given] if given else [],
    }
    return {key: value for key, value in told.items() if value}


def _timing(statement: Element) -> Node:
    """A PIVL_TS: every so often."""
    for each in statement.iterchildren("effectiveTime"):
        period = child(each, "period")
        value, unit = datatypes.number(attribute(period, "value")), attribute(period, "unit")
        if value is not None and unit in ("s", "min", "h", "d", "wk", "mo", "a"):
            return {"repeat": {"frequency": 1, "period": value, "periodUnit": unit}}
    return {}


def immunizations(book: Book, statement: Element) -> None:
    if statement.tag != "substanceAdministration":
        book.leftovers_of_another_kind(statement)
        return
    code = _product(book, statement)
    if not code:
        book.reading.account.drop(Reason.NOT_STATED, book.section)
        return
    product = child(statement, "consumable", "manufacturedProduct")
    lot = text_of(child(product, "manufacturedMaterial", "lotNumberText"))
    maker = book.organization(child(product, "manufacturerOrganization"))
    refused, told = is_negated(statement), book.occurred(child(statement, "effectiveTime"), "occurrence")
    at = told.get("occurrenceDateTime") or told.get("occurrencePeriod", {}).get("start", "")
    body: Node = {
        "identifier": datatypes.identifiers(statement),
        "status": "not-done"
        if refused
        else "completed"
        if status(statement) in ("completed", "active", "")
        else "not-done",
        "statusReason": _refusal(book, statement),
        "vaccineCode": code,
        **({"occurrenceDateTime": at} if at else {"occurrenceString": "unknown"}),
        "recorded": book.authored(statement),
        "lotNumber": lot,
        "manufacturer": maker,
        "site": book.concept(child(statement, "approachSiteCode")),
        "route": book.concept(child(statement, "routeCode")),
        "doseQuantity": datatypes.quantity(child(statement, "doseQuantity")),
        "performer": [{"actor": each} for each in book.performers(statement)],
        "note": book.comments(statement),
        "reaction": list(_reactions(book, statement)),
    }
    book.leftovers(statement, *_READ)
    book.add("Immunization", body, statement)


def _refusal(book: Book, statement: Element) -> Node:
    for each in book.related(statement, f"{_T}53"):
        if found := datatypes.coding(child(each, "code")):
            return {"coding": [found]}
    return codes(_REASON, "PATOBJ")[0] if is_negated(statement) and _objects(statement) else {}


def _objects(statement: Element) -> bool:
    """Whether a reason that is written without its template says so."""
    said = (
        attribute(child(each, "code"), "code") for link in children(statement, "entryRelationship") for each in link
    )
    return "PATOBJ" in said


def _reactions(book: Book, statement: Element) -> list[dict[str, Any]]:
    """A reaction is an Observation that the immunization names."""
    found = []
    for each in book.related(statement, f"{_T}9"):
        value = book.concept(child(each, "value"))
        if value:
            told = book.occurred(child(each, "effectiveTime"), "effective")
            body = {
                "status": "final",
                "code": codes("http://terminology.hl7.org/CodeSystem/v3-ActCode", "ASSERTION")[0],
            }
            detail = book.add("Observation", {**body, **told, "valueCodeableConcept": value}, each)
            at = told.get("effectiveDateTime")
            found.append({"detail": detail, **({"date": at} if at else {})})
    return found
