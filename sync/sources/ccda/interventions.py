"""Interventions, assessments and goals that are told in words (C-CDA 2.1: 21.2.3, 22.2.8, 22.2.60)."""

from __future__ import annotations

import re
from typing import Final

from standards.cda.datatypes import Node
from standards.cda.documents import Element, attribute, has_template
from sync.sources.ccda import events, findings, medicines, plans
from sync.sources.ccda.book import Book

_T: Final = "2.16.840.1.113883.10.20.22.4."
_GROUPS: Final = (f"{_T}131", f"{_T}146")
_POINTS_ELSEWHERE: Final = f"{_T}122"
_IMMUNIZATION, _OUTCOME, _INSTRUCTION, _HANDOFF = f"{_T}52", f"{_T}144", f"{_T}20", f"{_T}141"
_NOTHING: Final = re.compile(r"(no|none|nil|n/?a|not)\b[^.;:\n]{0,40}\.?", re.IGNORECASE)
_INTENDED: Final = frozenset({"INT", "RQO", "PRP", "PRMS", "ARQ"})


def interventions(book: Book, statement: Element) -> None:
    """What an intervention is made of, each as what it is; an act that only holds them together is none itself."""
    links = list(statement.iterchildren("entryRelationship")) if has_template(statement, *_GROUPS) else []
    parts = [(link, each) for link in links for each in link.iterchildren() if isinstance(each.tag, str)]
    held = [(link, each) for link, each in parts if each.tag != "sequenceNumber" and not _is_elsewhere(each)]
    if not held:
        _one(book, statement)
        return
    for link, _ in parts:
        book.use(link)
    for _, each in held:
        interventions(book, each)
    book.leftovers(statement, "author")


def _is_elsewhere(statement: Element) -> bool:
    """Only a reference to what stands in another section, as a goal or a concern does."""
    return has_template(statement, _POINTS_ELSEWHERE, f"{_T}121", f"{_T}132")


def _one(book: Book, statement: Element) -> None:
    if attribute(statement, "moodCode") in _INTENDED or has_template(statement, _INSTRUCTION):
        plans.plan(book, statement)
    elif statement.tag == "substanceAdministration" and has_template(statement, _IMMUNIZATION):
        medicines.immunizations(book, statement)
    elif statement.tag == "substanceAdministration":
        medicines.medications(book, statement)
    elif statement.tag == "encounter":
        events.encounters(book, statement)
    elif has_template(statement, _OUTCOME):
        findings.outcomes(book, statement)
    elif has_template(statement, _HANDOFF):
        book.leftovers_of_another_kind(statement)
    else:
        events.procedures(book, statement)


def says_nothing(section: Element, words: str) -> bool:
    """Whether its words are only that there is nothing to say."""
    return bool(attribute(section, "nullFlavor")) or _NOTHING.fullmatch(words.strip()) is not None


def assessment(book: Book, section: Element, narrative: Node, words: str, *, at: str) -> None:
    """What the clinician makes of it all, in words: a ClinicalImpression."""
    author = book.of_document()
    body: Node = {
        "text": narrative,
        "status": "completed",
        "description": book.section,
        "date": at,
        "assessor": author if author.get("reference", "").startswith("Practitioner/") else {},
        "summary": words,
    }
    book.add("ClinicalImpression", body, section)


def goal(book: Book, section: Element, narrative: Node, words: str) -> None:
    """Goals that are told only in words are one Goal in these words: which of them are met is not said."""
    body: Node = {"text": narrative, "lifecycleStatus": "active", "description": {"text": words}}
    book.add("Goal", body, section)
