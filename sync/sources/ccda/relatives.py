"""Family history: a relative and what she or he had (C-CDA 2.1: 22.4.45/46, 22.4.47 death)."""

from __future__ import annotations

from typing import Final

from standards.cda import datatypes
from standards.cda.datatypes import Node
from standards.cda.documents import Element, attribute, child, text_of
from sync.sources.ccda import ages
from sync.sources.ccda.book import Book, codes, is_negated
from sync.sources.upload.accounts import Reason

_T: Final = "2.16.840.1.113883.10.20.22.4."
_GENDER: Final = {"M": "male", "F": "female", "UN": "other"}
_SEX: Final = "http://hl7.org/fhir/administrative-gender"
_DIED: Final = "419099009"


def history(book: Book, statement: Element) -> None:
    """One FamilyMemberHistory for each relative; FHIR demands how they are related, if only that it is not known."""
    related = child(statement, "subject", "relatedSubject")
    if statement.tag != "organizer" or related is None:
        book.leftovers_of_another_kind(statement)
        return
    book.use(child(statement, "subject"))
    person = child(related, "subject")
    sex = _GENDER.get(attribute(child(person, "administrativeGenderCode"), "code"), "")
    born = book.day(child(person, "birthTime"))
    body: Node = {
        "identifier": datatypes.identifiers(statement),
        "status": "completed",
        "name": datatypes.full_name(child(person, "name")) or text_of(child(person, "name")),
        "relationship": book.concept(child(related, "code")) or {"text": "unknown"},
        "sex": codes(_SEX, sex)[0] if sex else {},
        "bornDate": born,
        "condition": [],
    }
    deaths = [_observed(book, each, body["condition"]) for each in _observations(book, statement)]
    body |= _death(book, person) or ({"deceasedBoolean": True} if any(deaths) else {})
    book.leftovers(statement, "author")
    book.add("FamilyMemberHistory", body, statement)


def _observations(book: Book, organizer: Element) -> list[Element]:
    found = []
    for link in organizer.iterchildren("component"):
        book.use(link)
        found += list(link.iterchildren("observation"))
    return found


def _observed(book: Book, observation: Element, conditions: list[Node]) -> bool:
    """What the relative had, added to ``conditions``; whether it tells of a death."""
    dead = any(True for _ in book.related(observation, f"{_T}47"))
    value = child(observation, "value")
    if is_negated(observation):
        # FHIR has no place for what a relative did not have.
        book.reading.account.drop(Reason.NO_PLACE, f"{book.section}: negationInd")
        return False
    if attribute(value, "code") == _DIED:
        return True
    words = book.words(observation)
    code = book.concept(value) or ({"text": words} if words else {})
    if not code:
        book.reading.account.drop(Reason.NOT_STATED, book.section)
        return dead
    age = ages.onset(book, observation)
    time = child(observation, "effectiveTime")
    onset = book.at(time) or book.period(time).get("start")
    conditions.append(
        {
            "code": code,
            **({"contributedToDeath": True} if dead else {}),
            **({"onsetAge": age} if age else {"onsetString": onset} if onset else {}),
        }
    )
    book.leftovers(observation, "author", "methodCode")
    return dead


def _death(book: Book, person: Element | None) -> Node:
    if at := book.day(child(person, "sdtc_deceasedTime")):
        return {"deceasedDate": at}
    said = attribute(child(person, "sdtc_deceasedInd"), "value")
    return {"deceasedBoolean": said == "true"} if said in ("true", "false") else {}
