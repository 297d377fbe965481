"""What was observed: results, vital signs, social history, functional and mental status, outcomes, directives.

C-CDA 2.1: 22.4.1/2, 22.4.26/27, 22.4.38/78/85, 22.4.66/67/69/74/75, 22.4.144, 22.4.48/108.
"""

from __future__ import annotations

from typing import Final

from standards.cda import datatypes, systems
from standards.cda.datatypes import Node
from standards.cda.documents import Element, attribute, child, has_template, text_of
from sync.sources.ccda import problems
from sync.sources.ccda.book import Book, codes, is_negated, status
from sync.sources.upload.accounts import Reason

_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_SECTION: Final = "http://terminology.hl7.org/CodeSystem/v2-0074"
_US_CORE: Final = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category"
_SYSTEMS: Final = {"functional-status": _US_CORE, "cognitive-status": _US_CORE, "42348-3": systems.LOINC}
_T: Final = "2.16.840.1.113883.10.20.22.4."
_PROBLEMS: Final = (f"{_T}4", f"{_T}68", f"{_T}73")
_SCALE_PART: Final = f"{_T}86"
_STATUS: Final = {
    "completed": "final",
    "active": "preliminary",
    "aborted": "cancelled",
    "cancelled": "cancelled",
    "held": "registered",
    "suspended": "registered",
    "nullified": "entered-in-error",
}
_SYSTOLIC, _DIASTOLIC = "8480-6", "8462-4"
PRESSURE: Final = {
    "system": systems.LOINC,
    "code": "85354-9",
    "display": "Blood pressure panel with all children optional",
}
_READ: Final = ("author", "interpretationCode", "referenceRange", "performer", "methodCode", "targetSiteCode")


def results(book: Book, statement: Element) -> None:
    """An organizer is a report with its observations; an observation by itself is just that."""
    if statement.tag != "organizer":
        observation(book, statement, "laboratory")
        return
    members = [
        found for each in _members(book, statement) if (found := observation(book, each, "laboratory", statement))
    ]
    body: Node = {
        "identifier": datatypes.identifiers(statement),
        "status": _STATUS.get(status(statement), "unknown"),
        "category": codes(_SECTION, "LAB"),
        "code": book.code_of(statement) or {"text": book.section},
        **book.occurred(child(statement, "effectiveTime"), "effective"),
        "performer": book.performers(statement) or _listed(book.author(statement)),
        "result": members,
    }
    if members or body["code"].get("coding"):
        book.add("DiagnosticReport", body, statement)
        book.leftovers(statement, "author", "component")
    else:
        book.reading.account.drop(Reason.NOT_STATED, book.section)


def vital_signs(book: Book, statement: Element) -> None:
    """Each measurement by itself; the two of a blood pressure are one reading, as FHIR has it (vital signs profile)."""
    if statement.tag != "organizer":
        observation(book, statement, "vital-signs")
        return
    members = list(_members(book, statement))
    by_code = {attribute(child(each, "code"), "code"): each for each in members}
    pair = [by_code.get(_SYSTOLIC), by_code.get(_DIASTOLIC)]
    if all(each is not None for each in pair) and len([each for each in members if each in pair]) == 2:
        _pressure(book, statement, [each for each in pair if each is not None])
        members = [each for each in members if each not in pair]
    for each in members:
        observation(book, each, "vital-signs", statement)
    book.leftovers(statement, "author", "component")


def social_history(book: Book, statement: Element) -> None:
    observation(book, statement, "social-history")


def functional(book: Book, statement: Element) -> None:
    _assessed(book, statement, "functional-status")


def mental(book: Book, statement: Element) -> None:
    _assessed(book, statement, "cognitive-status")


def _assessed(book: Book, statement: Element, category: str) -> None:
    """How she gets along: observations, alone or in an organizer, scales and their parts; a problem is a Condition."""
    members = _members(book, statement) if statement.tag == "organizer" else [statement]
    for each in members:
        if has_template(each, *_PROBLEMS):
            problems.conditions(book, each)
        elif each.tag == "observation":
            scale = [part for part in book.related(each, _SCALE_PART) if part.tag == "observation"]
            for part in scale:
                observation(book, part, category, each)
            observation(book, each, category)
        else:
            book.leftovers_of_another_kind(each)
    if statement.tag == "organizer":
        book.leftovers(statement, "author", "component")


def outcomes(book: Book, statement: Element) -> None:
    """How she is after what was done; anything but an observation stays narrative."""
    observation(book, statement, "survey")


def directives(book: Book, statement: Element) -> None:
    """What she decided beforehand, as an observation of it: no Consent, which would permit something here."""
    for each in _members(book, statement) if statement.tag == "organizer" else [statement]:
        observation(book, each, "42348-3")


def _pressure(book: Book, organizer: Element, pair: list[Element]) -> None:
    parts = [{"code": book.code_of(each), **_value(book, each)} for each in pair]
    first = pair[0]
    time = child(first, "effectiveTime")
    body: Node = {
        "identifier": [found for each in pair for found in datatypes.identifiers(each)],
        "status": _STATUS.get(status(first), "final"),
        "category": codes(_CATEGORY, "vital-signs"),
        "code": {"coding": [PRESSURE]},
        **(book.occurred(time, "effective") or book.occurred(child(organizer, "effectiveTime"), "effective")),
        "performer": book.performers(first) or _listed(book.author(first)),
        "component": parts,
        "note": [note for each in pair for note in book.comments(each)],
    }
    for each in pair:
        book.author(each)
        book.leftovers(each, *_READ)
    book.add("Observation", body, first)


def observation(book: Book, statement: Element, category: str, organizer: Element | None = None) -> Node:
    """One Observation; {} where it says neither what was looked at nor what was found."""
    if statement.tag not in ("observation", "act", "procedure"):
        book.leftovers_of_another_kind(statement)
        return {}
    code = book.code_of(statement)
    found = _value(book, statement)
    if not code:
        book.reading.account.drop(Reason.NOT_STATED, book.section)
        return {}
    time = book.occurred(child(statement, "effectiveTime"), "effective")
    body: Node = {
        "identifier": datatypes.identifiers(statement),
        "status": "cancelled" if is_negated(statement) and not found else _STATUS.get(status(statement), "final"),
        "category": codes(_SYSTEMS.get(category, _CATEGORY), category),
        "code": code,
        **(time or (book.occurred(child(organizer, "effectiveTime"), "effective") if organizer is not None else {})),
        "performer": book.performers(statement) or _listed(book.author(statement)),
        **found,
        "interpretation": datatypes.every(statement, "interpretationCode", datatypes.concept),
        "note": book.comments(statement),
        "bodySite": book.concept(child(statement, "targetSiteCode")),
        "method": book.concept(child(statement, "methodCode")),
        "referenceRange": _ranges(statement),
    }
    reference = book.add("Observation", body, statement)
    book.leftovers(statement, *_READ)
    return reference


def _value(book: Book, statement: Element) -> Node:
    """The value, or why there is none."""
    value = child(statement, "value")
    if value is None:
        return {}
    found = datatypes.value(value, words=book.words(value), zone=book.zone)
    if found:
        return found
    flavor = {"UNK": "unknown", "ASKU": "asked-unknown", "NASK": "not-asked", "NA": "not-applicable", "MSK": "masked"}
    reason = flavor.get(attribute(value, "nullFlavor"), "unknown")
    return {"dataAbsentReason": codes("http://terminology.hl7.org/CodeSystem/data-absent-reason", reason)[0]}


def _ranges(statement: Element) -> list[Node]:
    found = []
    for each in statement.iterchildren("referenceRange"):
        inside = child(each, "observationRange")
        value, text = child(inside, "value"), text_of(child(inside, "text"))
        told = datatypes.span(value) if value is not None else {}
        if not text and not told and value is not None:
            text = text_of(value) or attribute(value, "value")
        if told or text:
            found.append({**told, **({"text": text} if text else {})})
    return found


def _members(book: Book, organizer: Element) -> list[Element]:
    found = []
    for link in organizer.iterchildren("component"):
        book.use(link)
        found += [each for each in link.iterchildren() if each.tag in ("observation", "act", "procedure", "organizer")]
    nested = [one for each in found if each.tag == "organizer" for one in _members(book, each)]
    return [each for each in found if each.tag != "organizer"] + nested


def _listed(node: Node) -> list[Node]:
    return [node] if node else []
