"""Payers: each policy is a Coverage (C-CDA 2.1: 22.4.60 coverage activity, 22.4.61 policy activity)."""

from __future__ import annotations

from typing import Final

from standards.cda import datatypes
from standards.cda.datatypes import Node
from standards.cda.documents import Element, attribute, child, text_of
from sync.sources.ccda.book import PATIENT, Book, status
from sync.sources.upload.accounts import Reason

_POLICY: Final = "2.16.840.1.113883.10.20.22.4.61"
_STATUS: Final = {"aborted": "cancelled", "cancelled": "cancelled", "nullified": "entered-in-error"}


def payers(book: Book, statement: Element) -> None:
    policies = [each for each in book.related(statement, _POLICY) if each.tag == "act"]
    for each in policies:
        _policy(book, each)
    if not policies:
        book.leftovers_of_another_kind(statement)
    else:
        book.leftovers(statement, "author", "performer")


def _policy(book: Book, act: Element) -> None:
    payor = _payor(book, act)
    if not payor:
        book.reading.account.drop(Reason.NOT_STATED, book.section)
        return
    covered, holder = _participant(book, act, "COV"), _participant(book, act, "HLD")
    member = next(iter(datatypes.identifiers(covered)), {}) if covered is not None else {}
    held = next(iter(datatypes.identifiers(holder)), {}) if holder is not None else {}
    body: Node = {
        "identifier": [each for each in (member, *datatypes.identifiers(act)) if each],
        "status": _STATUS.get(status(act), "active"),
        "type": book.concept(child(act, "code")),
        "subscriberId": str(held.get("value") or member.get("value") or ""),
        "beneficiary": {"reference": f"Patient/{PATIENT}"},
        "relationship": book.concept(child(covered, "code")) if covered is not None else {},
        "period": book.period(child(act, "participant", "time")) or book.period(child(act, "effectiveTime")),
        "payor": [payor],
    }
    book.leftovers(act, "author")
    book.add("Coverage", body, act)


def _payor(book: Book, act: Element) -> Node:
    """Who pays; guarantors, who answer for the bill, are told as what has no place."""
    for link in act.iterchildren("performer"):
        role = child(link, "assignedEntity")
        if attribute(child(role, "code"), "code") in ("PAYOR", "") and role is not None:
            book.use(link)
            found = book.organization(child(role, "representedOrganization"))
            words = text_of(child(role, "assignedPerson", "name"))
            return found or ({"display": words} if words else {})
    return {}


def _participant(book: Book, act: Element, kind: str) -> Element | None:
    for link in act.iterchildren("participant"):
        if attribute(link, "typeCode") == kind:
            book.use(link)
            return child(link, "participantRole")
    return None
