"""The document while it is mapped: where resources gather, who is named in it, what words stand where, what is private.

Whatever a mapper does not take of a statement is found at the end and told (``leftovers``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from records import labels
from standards.cda import datatypes
from standards.cda.datatypes import Node
from standards.cda.documents import Element, attribute, child, has_template, is_null, text_of
from sync.sources.upload.accounts import Reason
from sync.sources.upload.readings import Format, Reading

PATIENT: Final = "patient"
_FOR_PATIENT: Final = frozenset({"AllergyIntolerance", "Immunization", "FamilyMemberHistory", "Device"})
# These name nobody, or have another name for whom they are about.
_OF_NOBODY: Final = frozenset({"Practitioner", "Organization", "Patient", "Coverage"})
# HL7 DS4P: annotations by which a segment says how private it is.
_SECURITY: Final = frozenset({"SECCLASSOBS", "SECCATOBS", "SECCONOBS", "SECCONTROLOBS"})
_ORDINARY: Final = frozenset({"N", "U", "L", "M"})
# Parts that are read for every statement, or say nothing to a reader.
_COMMON: Final = frozenset(
    {"templateId", "realmCode", "typeId", "id", "code", "text", "statusCode", "effectiveTime", "value", "informant"}
    | {"confidentialityCode", "languageCode", "title", "sdtc_inFulfillmentOf1", "derivationExpr"}
)


@dataclass(slots=True)
class Book:
    """``section``: the title of the section being read; ``zone``: the offset the document's own time has."""

    reading: Reading
    root: Element
    zone: str = ""
    section: str = ""
    tags: dict[tuple[str, str], Node] = field(default_factory=dict)
    _by_id: dict[str, Element] = field(default_factory=dict)
    _people: dict[str, Node] = field(default_factory=dict)
    _numbers: Counter[str] = field(default_factory=Counter)
    _used: set[Element] = field(default_factory=set)

    @classmethod
    def open(cls, root: Element) -> Book:
        book = cls(Reading(Format.CDA, patient=PATIENT), root, datatypes.zone_of(child(root, "effectiveTime")))
        book._by_id = {each.get("ID", ""): each for each in root.iter() if each.get("ID")}
        return book

    def add(self, resource_type: str, body: Node, said_by: Element | None = None) -> Node:
        """Keep a resource; gives the reference to it. ``said_by``: the statement, for its privacy."""
        self._numbers[resource_type] += 1
        logical_id = PATIENT if resource_type == "Patient" else f"{resource_type}-{self._numbers[resource_type]}"
        resource: Node = {"resourceType": resource_type, "id": logical_id}
        if security := self.security(said_by) if said_by is not None else []:
            resource["meta"] = {"security": security}
        resource |= {key: value for key, value in body.items() if value not in (None, "", [], {})}
        if resource_type not in _OF_NOBODY:
            resource["patient" if resource_type in _FOR_PATIENT else "subject"] = {"reference": f"Patient/{PATIENT}"}
        self.reading.resources.append(resource)
        self.reading.account.mapped(resource_type)
        return {"reference": f"{resource_type}/{logical_id}"}

    # --- words and times

    def words(self, element: Element | None) -> str:
        """What the narrative says at the place an element points to."""
        for holder in (child(element, "originalText"), child(element, "text"), element):
            value = attribute(child(holder, "reference"), "value")
            if value.startswith("#") and (found := self._by_id.get(value[1:])) is not None:
                return text_of(found)
        return ""

    def concept(self, element: Element | None) -> Node:
        """A code with its words; what has words only is told in the account."""
        found = datatypes.concept(element, words=self.words(element))
        if found and "coding" not in found:
            self.reading.account.as_text(Reason.UNCODED, self.section)
        return found

    def code_of(self, statement: Element) -> Node:
        """The statement's code, or else the words the narrative has for it."""
        found = self.concept(child(statement, "code"))
        words = self.words(statement)
        return found or ({"text": words} if words else {})

    def at(self, element: Element | None) -> str:
        return datatypes.point(element, zone=self.zone)

    def occurred(self, element: Element | None, name: str) -> Node:
        return datatypes.occurred(element, name, zone=self.zone)

    def period(self, element: Element | None) -> Node:
        return datatypes.period(element, zone=self.zone)

    def day(self, element: Element | None) -> str:
        return self.at(element)[:10]

    # --- statements inside statements

    def use(self, element: Element | None) -> None:
        if element is not None:
            self._used.add(element)

    def related(self, statement: Element, *templates: str) -> Iterator[Element]:
        """Statements that hang on this one and follow one of the templates; they count as read."""
        for tag in ("entryRelationship", "component"):
            for link in statement.iterchildren(tag):
                for each in link.iterchildren():
                    if has_template(each, *templates):
                        self.use(link)
                        yield each

    def comments(self, statement: Element) -> list[Node]:
        """Comment activities and instructions as annotations."""
        found = self.related(statement, "2.16.840.1.113883.10.20.22.4.64", "2.16.840.1.113883.10.20.22.4.20")
        texts = [self.words(each) or text_of(child(each, "text")) for each in found]
        return [{"text": text} for text in texts if text]

    def leftovers(self, statement: Element, *read: str) -> None:
        """Tell what of a statement has no place. ``read``: names of the parts its mapper reads."""
        for each in statement.iterchildren():
            tag = str(each.tag)
            if tag in _COMMON or tag in read or each in self._used or is_null(each):
                continue
            inner = next((one for one in each.iterchildren() if has_own_code(one)), None)
            if inner is not None and any(has_own_code(one, _SECURITY) for one in each.iter()):
                continue
            label = attribute(child(inner, "code"), "displayName") or attribute(child(inner, "code"), "code")
            named = f"{tag} ({label})" if label else tag
            self.reading.account.drop(Reason.NO_PLACE, f"{self.section}: {named}")

    def leftovers_of_another_kind(self, statement: Element) -> None:
        """A statement its section's mapper does not know: it stays in the narrative and in the document."""
        self.reading.account.as_text(Reason.NARRATIVE, f"{self.section}: {statement.tag}")

    # --- people and places

    def of_document(self) -> Node:
        """The first author of the document."""
        return self.person(child(self.root, "author", "assignedAuthor"), "assignedPerson")

    def author(self, statement: Element) -> Node:
        """The first author of a statement."""
        link = child(statement, "author")
        self.use(link)
        return self.person(child(link, "assignedAuthor"), "assignedPerson")

    def authored(self, statement: Element) -> str:
        return self.at(child(statement, "author", "time"))

    def performers(self, statement: Element) -> list[Node]:
        found = []
        for link in statement.iterchildren("performer"):
            self.use(link)
            found.append(self.person(child(link, "assignedEntity"), "assignedPerson"))
        return [each for each in found if each]

    def person(self, role: Element | None, inside: str) -> Node:
        """A reference to whom a role names; the same one is one Practitioner. Else its organisation, else nothing."""
        if role is None:
            return {}
        name = child(role, inside, "name")
        told = datatypes.full_name(name)
        if not told:
            return self.organization(child(role, "representedOrganization"))
        known = datatypes.identifiers(role)
        body = {
            "identifier": known,
            "name": [datatypes.name(name)] if name is not None else [],
            "telecom": datatypes.every(role, "telecom", datatypes.telecom),
            "address": datatypes.every(role, "addr", datatypes.address),
        }
        return self._once("Practitioner", told, known, body)

    def organization(self, element: Element | None) -> Node:
        told = datatypes.full_name(child(element, "name")) or text_of(child(element, "name"))
        if not told:
            return {}
        known = datatypes.identifiers(element)
        body = {
            "identifier": known,
            "name": told,
            "telecom": datatypes.every(element, "telecom", datatypes.telecom),
            "address": datatypes.every(element, "addr", datatypes.address),
        }
        return self._once("Organization", told, known, body)

    def _once(self, resource_type: str, told: str, known: list[Node], body: Node) -> Node:
        key = f"{resource_type} {told} {sorted(str(each) for each in known)}"
        if key not in self._people:
            self._people[key] = {**self.add(resource_type, body), "display": told}
        return dict(self._people[key])

    # --- privacy

    def security(self, statement: Element) -> list[Node]:
        """How private a statement is: its own markings, or else those of what it stands in (DS4P, CDA R2 4.1.1)."""
        stated = list(_annotated(statement))
        confidential = [each for each in stated if each["system"] == labels.CONFIDENTIALITY]
        if not confidential:
            here: Element | None = statement
            while here is not None and not confidential:
                confidential = [own] if (own := confidentiality(here)) else []
                here = here.getparent()
        told = [each for each in (*confidential, *stated) if each["code"] not in _ORDINARY]
        found: dict[tuple[str, str], Node] = {(str(each["system"]), str(each["code"])): each for each in told}
        self.tags |= found
        return list(found.values())


def confidentiality(element: Element) -> Node:
    code = attribute(child(element, "confidentialityCode"), "code")
    return {"system": labels.CONFIDENTIALITY, "code": code} if code else {}


def _annotated(statement: Element) -> Iterator[Node]:
    for each in statement.iter("observation"):
        if has_own_code(each, _SECURITY):
            value = child(each, "value")
            system = (
                labels.CONFIDENTIALITY if attribute(child(each, "code"), "code") == "SECCLASSOBS" else labels.ACT_CODE
            )
            if code := attribute(value, "code"):
                yield {"system": system, "code": code}


def has_own_code(element: Element, codes: frozenset[str] | None = None) -> bool:
    code = attribute(child(element, "code"), "code")
    return bool(code) if codes is None else code in codes


def statements(section: Element) -> Iterator[Element]:
    """The clinical statements that are the entries of a section."""
    for entry in section.iterchildren("entry"):
        yield from (each for each in entry.iterchildren() if isinstance(each.tag, str) and each.tag != "templateId")


def is_negated(statement: Element) -> bool:
    return attribute(statement, "negationInd") == "true"


def status(statement: Element) -> str:
    return attribute(child(statement, "statusCode"), "code").lower()


def codes(system: str, *values: str) -> list[dict[str, Any]]:
    """A list of one CodeableConcept for each code."""
    return [{"coding": [{"system": system, "code": value}]} for value in values]


def inner(statement: Element, *templates: str) -> Iterator[Element]:
    """The observations an act of concern is about; a statement that is no such act is about itself."""
    found = [each for link in statement.iterchildren("entryRelationship") for each in link.iterchildren()]
    wanted = [each for each in found if has_template(each, *templates) or each.tag == "observation"]
    yield from wanted if statement.tag == "act" and wanted else [statement]
