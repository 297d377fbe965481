"""A C-CDA document into FHIR R4: each section we know entry by entry, every other as narrative, and the original whole.

Where HL7's "C-CDA on FHIR" gives a mapping it is followed. Codes stay as given, dates as exact as written; what an
entry says and FHIR or we have no place for is told in the account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from standards.cda import datatypes, documents, narratives
from standards.cda.datatypes import Node
from standards.cda.documents import Element, attribute, child, children, has_template, text_of
from sync.sources.ccda import book as books
from sync.sources.ccda import (
    coverages,
    devices,
    events,
    findings,
    interventions,
    medicines,
    plans,
    problems,
    relatives,
)
from sync.sources.ccda.book import Book
from sync.sources.papers import mapping as papers
from sync.sources.upload.accounts import Reason
from sync.sources.upload.readings import Format, Reading, Refused

MEDIA_TYPE: Final = "application/xml"
_SECTION: Final = "2.16.840.1.113883.10.20.22.2."
Mapper = Callable[[Book, Element], Any]

# By LOINC code of the section; templates are the fallback of those who forget it.
_MAPPERS: Final[Mapping[str, Mapper]] = MappingProxyType(
    {
        "11450-4": problems.conditions,
        "11348-0": problems.conditions,
        "46241-6": problems.conditions,
        "11535-2": problems.conditions,
        "48765-2": problems.allergies,
        "10160-0": medicines.medications,
        "10183-2": medicines.medications,
        "42346-7": medicines.medications,
        "29549-3": medicines.medications,
        "11369-6": medicines.immunizations,
        "30954-2": findings.results,
        "8716-3": findings.vital_signs,
        "29762-2": findings.social_history,
        "47519-4": events.procedures,
        "46240-8": events.encounters,
        "10157-6": relatives.history,
        "47420-5": findings.functional,
        "10190-7": findings.mental,
        "11383-7": findings.outcomes,
        "42348-3": findings.directives,
        "46264-8": devices.equipment,
        "48768-6": coverages.payers,
        "75310-3": problems.concerns,
        "61146-7": plans.goals,
        "85847-2": plans.care_team,
        "18776-5": plans.plan,
        "51847-2": plans.plan,
        "62387-6": interventions.interventions,
    }
)
_BY_TEMPLATE: Final[Mapping[str, str]] = MappingProxyType(
    {
        f"{_SECTION}5": "11450-4",
        f"{_SECTION}5.1": "11450-4",
        f"{_SECTION}20": "11348-0",
        f"{_SECTION}6": "48765-2",
        f"{_SECTION}6.1": "48765-2",
        f"{_SECTION}1": "10160-0",
        f"{_SECTION}1.1": "10160-0",
        f"{_SECTION}11": "10183-2",
        f"{_SECTION}11.1": "10183-2",
        f"{_SECTION}38": "29549-3",
        f"{_SECTION}2": "11369-6",
        f"{_SECTION}2.1": "11369-6",
        f"{_SECTION}3": "30954-2",
        f"{_SECTION}3.1": "30954-2",
        f"{_SECTION}4": "8716-3",
        f"{_SECTION}4.1": "8716-3",
        f"{_SECTION}17": "29762-2",
        f"{_SECTION}7": "47519-4",
        f"{_SECTION}7.1": "47519-4",
        f"{_SECTION}22": "46240-8",
        f"{_SECTION}22.1": "46240-8",
        f"{_SECTION}15": "10157-6",
        f"{_SECTION}14": "47420-5",
        f"{_SECTION}56": "10190-7",
        f"{_SECTION}61": "11383-7",
        f"{_SECTION}21": "42348-3",
        f"{_SECTION}21.1": "42348-3",
        f"{_SECTION}23": "46264-8",
        f"{_SECTION}18": "48768-6",
        f"{_SECTION}58": "75310-3",
        f"{_SECTION}60": "61146-7",
        f"{_SECTION}500": "85847-2",
        f"{_SECTION}10": "18776-5",
        f"{_SECTION}9": "51847-2",
        f"{_SECTION}8": "51848-0",
        "2.16.840.1.113883.10.20.21.2.3": "62387-6",
    }
)
_PLANS: Final = frozenset({"18776-5", "51847-2"})
_ASSESSMENT, _GOALS = "51848-0", "61146-7"
_NOTES: Final = frozenset(
    {"11488-4", "11506-3", "34117-2", "18842-5", "28570-0", "11502-2", "11526-1", "18748-4", "34111-5", "34109-9"}
)
_GENDER: Final = {"M": "male", "F": "female", "UN": "other"}
_RACE: Final = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"


def read(data: bytes, *, title: str, received: str) -> Reading:
    """Raises Refused for what is no CDA document."""
    root = _parsed(data)
    book = Book.open(root)
    if documents.mended(data):
        book.reading.account.note(Reason.REPAIRED)
    _patient(book)
    _header(book)
    sections = [found for each in _sections(root) if (found := _section(book, each))]
    for body in children(root, "component", "nonXMLBody"):
        plans.unstructured(book, body)
    if sections:
        _composition(book, sections, received=received)
    _original(book, data, title=title, received=received)
    return book.reading


def _parsed(data: bytes) -> Element:
    try:
        return documents.parse(data)
    except documents.HasDoctype as error:
        raise Refused(Reason.DOCTYPE, form=Format.CDA) from error
    except documents.Malformed as error:
        raise Refused(Reason.DAMAGED, form=Format.CDA) from error
    except documents.NotCDA as error:
        raise Refused(Reason.FHIR_XML if error.namespace == documents.FHIR else Reason.NOT_CDA) from error


def _patient(book: Book) -> None:
    targets = list(children(book.root, "recordTarget", "patientRole"))
    if len(targets) > 1:
        raise Refused(Reason.SEVERAL_PEOPLE, form=Format.CDA)
    role = targets[0] if targets else None
    person = child(role, "patient")
    provider = book.organization(child(role, "providerOrganization"))
    death = book.at(child(person, "sdtc_deceasedTime"))
    dead = attribute(child(person, "sdtc_deceasedInd"), "value") == "true"
    body: Node = {
        "extension": _extensions(person),
        "identifier": datatypes.identifiers(role),
        "name": datatypes.every(person, "name", datatypes.name),
        "telecom": datatypes.every(role, "telecom", datatypes.telecom),
        "gender": _GENDER.get(attribute(child(person, "administrativeGenderCode"), "code"), "unknown"),
        "birthDate": book.day(child(person, "birthTime")),
        **({"deceasedDateTime": death} if death else {"deceasedBoolean": True} if dead else {}),
        "address": datatypes.every(role, "addr", datatypes.address),
        "maritalStatus": datatypes.concept(child(person, "maritalStatusCode")),
        "communication": _languages(person),
        "contact": [_guardian(each) for each in children(person, "guardian")],
        "managingOrganization": provider,
    }
    book.add("Patient", body)
    for tag in ("religiousAffiliationCode", "birthplace"):
        if child(person, tag) is not None and not documents.is_null(child(person, tag)):
            book.reading.account.drop(Reason.NO_PLACE, f"Patient: {tag}")


def _extensions(person: Element | None) -> list[Node]:
    """Race and ethnicity as US Core has them; detailed codes beside the category they belong to."""
    found = []
    for name, tag in (("race", "raceCode"), ("ethnicity", "ethnicGroupCode")):
        said = [each for each in (child(person, tag), *children(person, f"sdtc_{tag}")) if datatypes.coding(each)]
        if said:
            first, *others = [datatypes.coding(each) for each in said]
            parts = [
                {"url": "ombCategory", "valueCoding": first},
                *({"url": "detailed", "valueCoding": each} for each in others),
                {"url": "text", "valueString": first.get("display") or first["code"]},
            ]
            found.append({"url": _RACE + name, "extension": parts})
    return found


def _languages(person: Element | None) -> list[Node]:
    found = []
    for each in children(person, "languageCommunication"):
        if code := attribute(child(each, "languageCode"), "code"):
            preferred = attribute(child(each, "preferenceInd"), "value") == "true"
            told = {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": code}]}}
            found.append({**told, **({"preferred": True} if preferred else {})})
    return found


def _guardian(element: Element) -> Node:
    name = child(element, "guardianPerson", "name")
    told: Node = {
        "relationship": [found] if (found := datatypes.concept(child(element, "code"))) else [],
        "name": datatypes.name(name) if name is not None else {},
        "telecom": datatypes.every(element, "telecom", datatypes.telecom),
    }
    return {key: value for key, value in told.items() if value}


def _header(book: Book) -> None:
    book.section = "header"
    for each in children(book.root, "componentOf", "encompassingEncounter"):
        events.encompassing(book, each)
    has_team = any(plans.is_team(each) for each in book.root.iter("organizer"))
    for event in children(book.root, "documentationOf", "serviceEvent"):
        if not has_team:
            plans.team_of_header(book, event)


def _sections(root: Element) -> list[Element]:
    return [each for body in children(root, "component", "structuredBody") for each in _below(body)]


def _below(holder: Element) -> list[Element]:
    found = []
    for section in children(holder, "component", "section"):
        found += [section, *_below(section)]
    return found


def _kind(section: Element) -> str:
    code = attribute(child(section, "code"), "code")
    if code in _MAPPERS:
        return code
    said = (_BY_TEMPLATE.get(attribute(each, "root")) for each in section.iterchildren("templateId"))
    return next((each for each in said if each), code)


def _section(book: Book, section: Element) -> Node:
    """What a section says, entry by entry where we can; gives it as a section of the Composition, {} if it is empty."""
    code = _kind(section)
    book.section = text_of(child(section, "title")) or attribute(child(section, "code"), "displayName") or code or "?"
    first = len(book.reading.resources)
    text = child(section, "text")
    narrative = {"status": "additional", "div": narratives.xhtml(text)} if text is not None and text_of(text) else {}
    mapper, requests = _MAPPERS.get(code), []
    for statement in books.statements(section):
        if has_template(statement, plans.NOTE):
            plans.note(book, statement)
        elif plans.is_team(statement):
            plans.care_team(book, statement)
        elif mapper is None:
            book.reading.account.as_text(Reason.NARRATIVE, book.section)
        else:
            found = mapper(book, statement)
            requests += [found] if code in _PLANS and found else []
    if code in _PLANS:
        plans.care_plan(book, section, narrative, requests)
    elif code == _ASSESSMENT and narrative and not _says_nothing(section):
        at = book.at(child(book.root, "effectiveTime"))
        interventions.assessment(book, section, narrative, text_of(text), at=at)
    elif code == _GOALS and narrative and child(section, "entry") is None and not _says_nothing(section):
        interventions.goal(book, section, narrative, text_of(text))
    elif code in _NOTES and narrative and not any(True for _ in section.iterchildren("entry")):
        content = papers.attachment(text_of(text).encode(), media_type="text/plain; charset=utf-8", title=book.section)
        at = book.at(child(book.root, "effectiveTime"))
        plans.add_note(book, section, content, book.concept(child(section, "code")), at)
    elif narrative and child(section, "entry") is None:
        book.reading.account.as_text(Reason.NARRATIVE, book.section)
    made = book.reading.resources[first:]
    return _told(book, section, narrative, made)


def _says_nothing(section: Element) -> bool:
    return interventions.says_nothing(section, text_of(child(section, "text")))


def _told(book: Book, section: Element, narrative: Node, made: list[dict[str, Any]]) -> Node:
    named = [each for each in made if each["resourceType"] not in ("Practitioner", "Organization")]
    if not (narrative or named):
        return {}
    code = datatypes.concept(child(section, "code"))
    book.security(section)
    return {
        "title": book.section,
        **({"code": code} if code else {}),
        **({"text": narrative} if narrative else {}),
        **({"entry": [{"reference": f"{each['resourceType']}/{each['id']}"} for each in named]} if named else {}),
    }


def _original(book: Book, data: bytes, *, title: str, received: str) -> None:
    """The document itself, byte for byte. It names all that was read from it, so that it is as private as that."""
    of_nobody = ("Patient", "Practitioner", "Organization")
    told = [
        {"reference": f"{each['resourceType']}/{each['id']}"}
        for each in book.reading.resources
        if each["resourceType"] not in of_nobody
    ]
    named = text_of(child(book.root, "title")) or title
    content = papers.attachment(data, media_type=MEDIA_TYPE, title=named)
    author = book.of_document()
    book.section = "header"
    code = book.concept(child(book.root, "code"))
    maker = book.organization(child(book.root, "custodian", "assignedCustodian", "representedCustodianOrganization"))
    book.reading.maker = maker.get("display", "") or author.get("display", "")
    body: Node = {
        "masterIdentifier": next(iter(datatypes.identifiers(book.root)), {}),
        "status": "current",
        "type": code,
        "date": received,
        "author": [author] if author else [],
        "custodian": maker,
        "description": named,
        "securityLabel": [{"coding": [each]} for each in _tags(book)],
        "content": [
            {
                "attachment": {
                    **content,
                    **({"creation": at} if (at := book.at(child(book.root, "effectiveTime"))) else {}),
                },
                "format": {
                    "system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode",
                    "code": _format(book),
                },
            }
        ],
        "context": {"related": told} if told else {},
    }
    book.add("DocumentReference", body)
    _mark(book, "DocumentReference")
    book.reading.account.as_text(Reason.WHOLE)


def _format(book: Book) -> str:
    unstructured = child(book.root, "component", "nonXMLBody") is not None
    return "urn:hl7-org:sdwg:ccda-nonXMLBody:2.1" if unstructured else "urn:hl7-org:sdwg:ccda-structuredBody:2.1"


def _composition(book: Book, sections: list[Node], *, received: str) -> None:
    at = book.at(child(book.root, "effectiveTime"))
    author = book.of_document()
    body: Node = {
        "identifier": next(iter(datatypes.identifiers(book.root)), {}),
        "status": "final",
        "type": book.concept(child(book.root, "code")) or {"text": "Document"},
        "date": at or received,
        "author": [author or {"display": "unknown"}],
        "title": text_of(child(book.root, "title")) or "Document",
        "section": sections,
    }
    book.add("Composition", body)
    _mark(book, "Composition")


def _tags(book: Book) -> list[Node]:
    """How private the whole is: what it says of itself, and of each part of it."""
    own = books.confidentiality(book.root)
    found = {
        **book.tags,
        **({(own["system"], own["code"]): own} if own and own["code"] not in ("N", "U", "L", "M") else {}),
    }
    return [found[key] for key in sorted(found)]


def _mark(book: Book, resource_type: str) -> None:
    resource = book.reading.resources[-1]
    assert resource["resourceType"] == resource_type
    if tags := _tags(book):
        resource["meta"] = {"security": tags}
