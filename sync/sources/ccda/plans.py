"""Goals, the plan, the care team, notes (C-CDA 2.1: 22.4.121, 22.4.39-44, 22.4.500, 22.4.202)."""

from __future__ import annotations

import base64
from typing import Final

from standards.cda import datatypes
from standards.cda.datatypes import Node
from standards.cda.documents import Element, attribute, child, children, has_template, raw_text, text_of
from sync.sources.ccda import medicines
from sync.sources.ccda.book import Book, codes, is_negated, status
from sync.sources.papers import mapping as papers
from sync.sources.upload.accounts import Reason

_T: Final = "2.16.840.1.113883.10.20.22.4."
NOTE: Final = f"{_T}202"
_TEAM: Final = (f"{_T}500", f"{_T}500.1")
_LIFE: Final = {"active": "active", "completed": "completed", "aborted": "cancelled", "suspended": "on-hold"}
_ORDER: Final = {"completed": "completed", "cancelled": "revoked", "aborted": "revoked", "suspended": "on-hold"}
_CATEGORY: Final = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
_LOINC_NOTE: Final = {"coding": [{"system": "http://loinc.org", "code": "34109-9", "display": "Note"}]}


def goals(book: Book, statement: Element) -> None:
    value = child(statement, "value")
    told = book.concept(value) if value is not None and datatypes.coding(value) else {}
    description = told or {"text": text_of(value)} if told or text_of(value) else book.code_of(statement)
    if not description:
        book.reading.account.drop(Reason.NOT_STATED, book.section)
        return
    period = book.period(child(statement, "effectiveTime"))
    body: Node = {
        "identifier": datatypes.identifiers(statement),
        "lifecycleStatus": _LIFE.get(status(statement), "active"),
        "description": description,
        "startDate": period.get("start", "")[:10],
        "target": [{"dueDate": period["end"][:10]}] if period.get("end") else [],
        "expressedBy": book.author(statement),
        "note": book.comments(statement),
    }
    book.leftovers(statement, "author")
    book.add("Goal", body, statement)


def plan(book: Book, statement: Element) -> Node:
    """What is intended: a request for it; {} where there is no request to make of it."""
    if statement.tag == "substanceAdministration":
        medicines.medications(book, statement, planned=True)
        return {"reference": f"MedicationRequest/{book.reading.resources[-1]['id']}"} if _is_last(book) else {}
    if has_template(statement, f"{_T}121"):
        goals(book, statement)
        return {}
    if statement.tag not in ("observation", "procedure", "act", "encounter", "supply"):
        book.leftovers_of_another_kind(statement)
        return {}
    if has_template(statement, f"{_T}20"):
        book.reading.account.as_text(Reason.NARRATIVE, book.section)
        return {}
    code = book.code_of(statement)
    if not code:
        book.reading.account.drop(Reason.NOT_STATED, book.section)
        return {}
    body: Node = {
        "identifier": datatypes.identifiers(statement),
        "status": "revoked" if is_negated(statement) else _ORDER.get(status(statement), "active"),
        "intent": "order" if attribute(statement, "moodCode") == "RQO" else "plan",
        "code": code,
        **book.occurred(child(statement, "effectiveTime"), "occurrence"),
        "authoredOn": book.authored(statement),
        "requester": book.author(statement),
        "performer": book.performers(statement),
        "bodySite": datatypes.every(statement, "targetSiteCode", datatypes.concept),
        "note": book.comments(statement),
    }
    book.leftovers(statement, "author", "performer", "targetSiteCode")
    return book.add("ServiceRequest", body, statement)


def _is_last(book: Book) -> bool:
    return bool(book.reading.resources) and book.reading.resources[-1]["resourceType"] == "MedicationRequest"


def care_plan(book: Book, section: Element, narrative: Node, requests: list[Node]) -> None:
    """The plan as it is told, with what it asks for (US Core CarePlan: assess-plan)."""
    if not (narrative or requests):
        return
    body: Node = {
        "text": narrative,
        "status": "active",
        "intent": "plan",
        "category": codes("http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "assess-plan"),
        "title": book.section,
        "activity": [{"reference": each} for each in requests],
    }
    book.add("CarePlan", body, section)


def care_team(book: Book, organizer: Element) -> None:
    members = []
    for link in children(organizer, "component"):
        for act in link.iterchildren("act"):
            book.use(link)
            period = book.period(child(act, "effectiveTime"))
            for performer in act.iterchildren("performer"):
                book.use(performer)
                who = book.person(child(performer, "assignedEntity"), "assignedPerson")
                role = book.concept(child(performer, "sdtc_functionCode")) or book.concept(
                    child(performer, "functionCode")
                )
                if who:
                    members.append(
                        {**({"role": [role]} if role else {}), "member": who, **({"period": period} if period else {})}
                    )
            book.leftovers(act, "author", "performer")
    _team(book, organizer, members, book.code_of(organizer).get("text", ""))


def team_of_header(book: Book, event: Element) -> None:
    """Who took part in what the document documents."""
    members = []
    for performer in event.iterchildren("performer"):
        who = book.person(child(performer, "assignedEntity"), "assignedPerson")
        role = book.concept(child(performer, "functionCode"))
        if who:
            members.append({**({"role": [role]} if role else {}), "member": who})
    _team(book, event, members, "")


def _team(book: Book, statement: Element, members: list[Node], name: str) -> None:
    if members:
        body = {
            "identifier": datatypes.identifiers(statement),
            "status": "active",
            "name": name,
            "period": book.period(child(statement, "effectiveTime")),
            "participant": members,
        }
        book.add("CareTeam", body, statement)


def note(book: Book, statement: Element) -> None:
    """A note activity: its words, or the file it carries."""
    text = child(statement, "text")
    words = (book.words(statement) or text_of(text)).strip()
    attached = _file(text)
    content = attached or (papers.attachment(words.encode(), media_type="text/plain; charset=utf-8") if words else {})
    add_note(book, statement, content, book.code_of(statement), book.at(child(statement, "effectiveTime")))


def add_note(book: Book, statement: Element, content: Node, code: Node, at: str) -> None:
    if not content:
        book.reading.account.drop(Reason.NOT_STATED, book.section)
        return
    when = book.authored(statement) or at
    author = book.author(statement)
    body: Node = {
        "identifier": datatypes.identifiers(statement),
        "status": "current",
        "type": code or _LOINC_NOTE,
        "category": codes(_CATEGORY, "clinical-note"),
        "date": when if "T" in when else "",
        "author": [author] if author else [],
        "content": [{"attachment": {**content, **({"creation": when} if when else {})}}],
    }
    book.add("DocumentReference", body, statement)


def _file(text: Element | None) -> Node:
    """What is carried in base64 (ED.representation B64)."""
    if text is None or attribute(text, "representation") != "B64":
        return {}
    try:
        data = base64.b64decode(raw_text(text), validate=False)
    except ValueError:
        return {}
    return papers.attachment(data, media_type=attribute(text, "mediaType") or "application/octet-stream")


def unstructured(book: Book, body: Element) -> None:
    """A document whose body is a file: the file is kept as what it is."""
    text = child(body, "text")
    content = _file(text)
    if not content and (words := text_of(text)):
        content = papers.attachment(words.encode(), media_type="text/plain; charset=utf-8")
    code = book.concept(child(book.root, "code"))
    add_note(book, body, content, code, book.at(child(book.root, "effectiveTime")))


def is_team(statement: Element) -> bool:
    return has_template(statement, *_TEAM)
