"""The honest account of an import: what is in the record, what is there as text only, and what is not, and why.

Kept as a FHIR OperationOutcome (R4 operationoutcome.html); its words for a person are chosen where it is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

SYSTEM: Final = "urn:tributary:import"
COUNT: Final = "urn:tributary:import-count"
ISSUES_MAX: Final = 500


class Fate(StrEnum):
    """What became of something, as the severity of its issue."""

    MAPPED = "information"
    AS_TEXT = "warning"
    DROPPED = "error"


class Reason(StrEnum):
    """Why. The words are in portal.files; FHIR's issue type is below."""

    KEPT = "kept"
    # notes
    UNNAMED = "unnamed"
    FLAGGED = "flagged"
    REPAIRED = "repaired"
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    FORGED = "forged"
    READINGS = "readings"
    REPEATED = "repeated"
    IN_OTHER_FILES = "in_other_files"
    EXPORTED = "exported"
    NEWER_STANDS = "newer_stands"
    # as text
    NARRATIVE = "narrative"
    WHOLE = "whole"
    UNCODED = "uncoded"
    # dropped, inside a document
    NO_RESOURCE = "no_resource"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_KIND = "unknown_kind"
    WHEREABOUTS = "whereabouts"
    NOT_MAPPED = "not_mapped"
    SAME_ELSEWHERE = "same_elsewhere"
    NOT_CLINICAL = "not_clinical"
    ANOTHER_PERSON = "another_person"
    UNREADABLE_PART = "unreadable_part"
    NOT_STATED = "not_stated"
    NO_PLACE = "no_place"
    DELETED = "deleted"
    # refused as a whole
    EMPTY = "empty"
    UNKNOWN_FORMAT = "unknown_format"
    DAMAGED = "damaged"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    UNSAFE_NAME = "unsafe_name"
    ENCRYPTED = "encrypted"
    BOMB = "bomb"
    NESTED = "nested"
    NOT_FHIR = "not_fhir"
    FHIR_XML = "fhir_xml"
    OLD_FHIR = "old_fhir"
    NOT_CDA = "not_cda"
    DOCTYPE = "doctype"
    SEVERAL_PEOPLE = "several_people"
    NOTHING_IN_IT = "nothing_in_it"
    LOST = "lost"
    # refused by a health link
    LINK_OVER = "link_over"
    WRONG_PASSCODE = "wrong_passcode"
    UNREACHABLE = "unreachable"


_ISSUE_TYPE: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.KEPT: "informational",
        Reason.UNNAMED: "informational",
        Reason.FLAGGED: "invariant",
        Reason.REPAIRED: "structure",
        Reason.VERIFIED: "informational",
        Reason.UNVERIFIED: "security",
        Reason.FORGED: "security",
        Reason.READINGS: "informational",
        Reason.REPEATED: "duplicate",
        Reason.IN_OTHER_FILES: "informational",
        Reason.EXPORTED: "informational",
        Reason.NEWER_STANDS: "informational",
        Reason.UNKNOWN_KIND: "not-supported",
        Reason.WHEREABOUTS: "business-rule",
        Reason.NOT_MAPPED: "not-supported",
        Reason.SAME_ELSEWHERE: "duplicate",
        Reason.NARRATIVE: "not-supported",
        Reason.WHOLE: "informational",
        Reason.UNCODED: "code-invalid",
        Reason.ANOTHER_PERSON: "business-rule",
        Reason.NOT_STATED: "incomplete",
        Reason.TOO_LARGE: "too-long",
        Reason.TOO_MANY: "too-costly",
        Reason.BOMB: "too-costly",
        Reason.UNSAFE_NAME: "security",
        Reason.DOCTYPE: "security",
        Reason.ENCRYPTED: "security",
        Reason.SEVERAL_PEOPLE: "business-rule",
        Reason.LOST: "exception",
        Reason.LINK_OVER: "expired",
        Reason.WRONG_PASSCODE: "login",
        Reason.UNREACHABLE: "transient",
        Reason.NOT_CLINICAL: "not-supported",
        Reason.NO_PLACE: "not-supported",
        Reason.UNKNOWN_FORMAT: "not-supported",
        Reason.FHIR_XML: "not-supported",
        Reason.OLD_FHIR: "not-supported",
        Reason.NESTED: "not-supported",
        Reason.UNKNOWN_TYPE: "not-supported",
    }
)
_OTHERWISE: Final = "structure"


@dataclass(slots=True)
class Account:
    """Gathered while a document is read; alike ones are counted. ``what`` is a resource type, section or field."""

    lines: Counter[tuple[Fate, Reason, str]] = field(default_factory=Counter)

    def add(self, fate: Fate, reason: Reason, what: str = "", count: int = 1) -> None:
        if count:
            self.lines[fate, reason, what[:200]] += count

    def mapped(self, resource_type: str, count: int = 1) -> None:
        self.add(Fate.MAPPED, Reason.KEPT, resource_type, count)

    def note(self, reason: Reason, what: str = "", count: int = 1) -> None:
        self.add(Fate.MAPPED, reason, what, count)

    def as_text(self, reason: Reason, what: str = "", count: int = 1) -> None:
        self.add(Fate.AS_TEXT, reason, what, count)

    def drop(self, reason: Reason, what: str = "", count: int = 1) -> None:
        self.add(Fate.DROPPED, reason, what, count)

    def total(self, fate: Fate) -> int:
        """Notes are no resources and do not count as mapped."""
        return sum(
            count
            for (each, reason, _), count in self.lines.items()
            if each is fate and (fate is not Fate.MAPPED or reason is Reason.KEPT)
        )

    def outcome(self) -> dict[str, Any]:
        """As an OperationOutcome; what was lost comes first."""
        order = [Fate.DROPPED, Fate.AS_TEXT, Fate.MAPPED]
        told = [line for line in self.lines.items() if line[1] > 0]
        lines = sorted(told, key=lambda line: (order.index(line[0][0]), line[0][1], line[0][2]))
        issues = [_issue(fate, reason, what, count) for (fate, reason, what), count in lines[:ISSUES_MAX]]
        return {"resourceType": "OperationOutcome", "issue": issues}


def _issue(fate: Fate, reason: Reason, what: str, count: int) -> dict[str, Any]:
    issue: dict[str, Any] = {
        "extension": [{"url": COUNT, "valueInteger": count}],
        "severity": fate.value,
        "code": _ISSUE_TYPE.get(reason, _OTHERWISE),
        "details": {"coding": [{"system": SYSTEM, "code": reason.value}]},
    }
    return {**issue, "diagnostics": what} if what else issue


@dataclass(frozen=True, slots=True)
class Line:
    """An issue, read again."""

    fate: Fate
    reason: Reason
    what: str
    count: int


def lines(outcome: Mapping[str, Any]) -> Iterator[Line]:
    """The lines of an account of ours."""
    for issue in outcome["issue"]:
        reason = Reason(issue["details"]["coding"][0]["code"])
        yield Line(Fate(issue["severity"]), reason, issue.get("diagnostics", ""), issue["extension"][0]["valueInteger"])
