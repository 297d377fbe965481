"""Problems and allergies: concern acts and what they are about (C-CDA 2.1: 22.4.3/4, 22.4.30/7)."""

from __future__ import annotations

from typing import Final

from standards.cda import datatypes, systems
from standards.cda.datatypes import Node
from standards.cda.documents import Element, attribute, child, text_of
from sync.sources.ccda import ages
from sync.sources.ccda.book import Book, codes, inner, is_negated, status
from sync.sources.upload.accounts import Reason

_T: Final = "2.16.840.1.113883.10.20.22.4."
_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFIED: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/condition-category"
_US_CORE: Final = "http://hl7.org/fhir/us/core/CodeSystem/condition-category"
_ALLERGY_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_ALLERGY_VERIFIED: Final = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
_STATUS: Final = {
    "55561003": "active",
    "73425007": "inactive",
    "90734009": "active",
    "413322009": "resolved",
    "7087005": "active",
    "277022003": "remission",
    "255227004": "recurrence",
}
_PROBLEM: Final = "55607006"
NO_PROBLEMS: Final = {"system": systems.SNOMED, "code": "160245001", "display": "No current problems or disability"}
_NO_ALLERGY: Final = {
    "416098002": ("409137002", "No known drug allergy"),
    "414285001": ("429625007", "No known food allergy"),
}
_ANY: Final = ("716186003", "No known allergy")
# SNOMED CT kinds of allergy: (type, category) of AllergyIntolerance.
_KIND: Final = {
    "419511003": ("", "medication"),
    "416098002": ("allergy", "medication"),
    "59037007": ("intolerance", "medication"),
    "418471000": ("", "food"),
    "414285001": ("allergy", "food"),
    "235719002": ("intolerance", "food"),
    "426232007": ("", "environment"),
    "232347008": ("allergy", "environment"),
    "420134006": ("", ""),
    "419199007": ("allergy", ""),
    "418038007": ("", ""),
}
_SEVERITY: Final = {
    "255604002": "mild",
    "371923003": "mild",
    "6736007": "moderate",
    "371924009": "moderate",
    "24484000": "severe",
    "399166001": "severe",
}
_CRITICALITY: Final = {"CRITH": "high", "CRITL": "low", "CRITU": "unable-to-assess"}


def conditions(book: Book, act: Element, category: str = "problem-list-item") -> list[Node]:
    """What a concern, or a diagnosis, is about; gives the references."""
    found = [_condition(book, act, each, category) for each in inner(act, f"{_T}4")]
    _close(book, act)
    return [each for each in found if each]


def concerns(book: Book, act: Element) -> None:
    """A concern with the problem it is about (22.4.132, 22.4.136); one that is only told stays narrative."""
    about = [each for each in book.related(act, f"{_T}4") if each.tag == "observation"]
    for each in about:
        _condition(book, act, each, "health-concern")
    if about:
        book.leftovers(act, "author", "performer")
    else:
        book.reading.account.as_text(Reason.NARRATIVE, book.section)


def _close(book: Book, act: Element) -> None:
    """Tell what else hangs on a concern."""
    if act.tag == "act":
        for link in act.iterchildren("entryRelationship"):
            if child(link, "observation") is not None:
                book.use(link)
        book.leftovers(act, "author", "performer")


def _condition(book: Book, act: Element, observation: Element, category: str) -> Node:
    value = child(observation, "value")
    negated, code = is_negated(observation), book.concept(value)
    words = book.words(observation)
    if negated and (attribute(value, "code") == _PROBLEM or not code):
        code, negated = {"coding": [NO_PROBLEMS], "text": words or NO_PROBLEMS["display"]}, False
    code = code or ({"text": words} if words else {})
    if not code:
        book.reading.account.drop(Reason.NOT_STATED, book.section)
        return {}
    time = child(observation, "effectiveTime")
    told = book.period(time)
    start = told.get("start", "")
    ended = bool(told.get("end")) or child(time, "high") is not None
    body: Node = {
        "identifier": _identifiers(observation, act),
        "clinicalStatus": {"coding": [{"system": _CLINICAL, "code": _state(book, act, observation, ended=ended)}]},
        "verificationStatus": codes(_VERIFIED, "refuted" if negated else "confirmed")[0],
        "category": codes(_US_CORE if category == "health-concern" else _CATEGORY, category),
        "severity": _severity(book, observation),
        "code": code,
        "bodySite": [site] if (site := book.concept(child(observation, "targetSiteCode"))) else [],
        **({"onsetDateTime": start} if start else {"onsetAge": ages.onset(book, observation)}),
        "abatementDateTime": told.get("end", ""),
        "recordedDate": book.authored(observation) or book.authored(act),
        "recorder": book.author(observation) or book.author(act),
        "note": [*book.comments(observation), *(book.comments(act) if act is not observation else [])],
    }
    book.leftovers(observation, "author", "targetSiteCode")
    return book.add("Condition", body, observation)


def _identifiers(*statements: Element) -> list[Node]:
    told = [found for each in statements for found in datatypes.identifiers(each)]
    return list({str(each): each for each in told}.values())


def _state(book: Book, act: Element, observation: Element, *, ended: bool) -> str:
    for each in book.related(observation, f"{_T}6", f"{_T}28"):
        if found := _STATUS.get(attribute(child(each, "value"), "code")):
            return found
    if ended or status(act) in ("completed", "aborted"):
        return "resolved" if ended else "inactive"
    return "active"


def _severity(book: Book, observation: Element) -> Node:
    return next((book.concept(child(each, "value")) for each in book.related(observation, f"{_T}8")), {})


def allergies(book: Book, act: Element) -> None:
    for each in inner(act, f"{_T}7"):
        _allergy(book, act, each)
    _close(book, act)


def _allergy(book: Book, act: Element, observation: Element) -> None:
    kind = attribute(child(observation, "value"), "code")
    negated, substance = is_negated(observation), _substance(book, observation)
    words = book.words(observation)
    if negated and not substance.get("coding"):
        code, display = _NO_ALLERGY.get(kind, _ANY)
        substance = {"coding": [{"system": systems.SNOMED, "code": code, "display": display}], "text": words or display}
        negated = False
    substance = substance or book.concept(child(observation, "value")) or ({"text": words} if words else {})
    if not substance:
        book.reading.account.drop(Reason.NOT_STATED, book.section)
        return
    type_, category = _KIND.get(kind, ("", ""))
    told = book.period(child(observation, "effectiveTime"))
    state = _state(book, act, observation, ended=bool(told.get("end")))
    body: Node = {
        "identifier": _identifiers(observation),
        "clinicalStatus": codes(_ALLERGY_CLINICAL, state if state in ("active", "resolved") else "inactive")[0],
        "verificationStatus": codes(_ALLERGY_VERIFIED, "refuted" if negated else "confirmed")[0],
        "type": type_,
        "category": [category] if category else [],
        "criticality": _criticality(book, observation),
        "code": substance,
        "onsetDateTime": told.get("start", ""),
        "recordedDate": book.authored(observation) or book.authored(act),
        "recorder": book.author(observation) or book.author(act),
        "note": [*book.comments(observation), *(book.comments(act) if act is not observation else [])],
        "reaction": list(_reactions(book, observation)),
    }
    book.leftovers(observation, "author")
    book.add("AllergyIntolerance", body, observation)


def _substance(book: Book, observation: Element) -> Node:
    for link in observation.iterchildren("participant"):
        entity = child(link, "participantRole", "playingEntity")
        if entity is not None:
            book.use(link)
            told = book.concept(child(entity, "code"))
            words = text_of(child(entity, "name"))
            if told or words:
                return told or {"text": words}
    return {}


def _criticality(book: Book, observation: Element) -> str:
    found = [attribute(child(each, "value"), "code") for each in book.related(observation, f"{_T}145")]
    return _CRITICALITY.get(found[0], "") if found else ""


def _reactions(book: Book, observation: Element) -> list[Node]:
    found = []
    overall = [
        _SEVERITY.get(attribute(child(each, "value"), "code"), "") for each in book.related(observation, f"{_T}8")
    ]
    for each in book.related(observation, f"{_T}9"):
        words = book.words(each)
        manifestation = book.concept(child(each, "value")) or ({"text": words} if words else {})
        if not manifestation:
            continue
        own = [_SEVERITY.get(attribute(child(one, "value"), "code"), "") for one in book.related(each, f"{_T}8")]
        severity = next((one for one in (*own, *overall) if one), "")
        told = book.occurred(child(each, "effectiveTime"), "onset").get("onsetDateTime", "")
        found.append(
            {
                "manifestation": [manifestation],
                **({"onset": told} if told else {}),
                **({"severity": severity} if severity else {}),
            }
        )
        book.leftovers(each, "author")
    return found
