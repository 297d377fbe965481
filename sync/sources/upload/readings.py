"""What one document holds, in FHIR, before it is anyone's: ids and references are the document's own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from standards.fhir import json, references
from sync.sources.fhir_rest.mapping import SUBJECT_ELEMENTS
from sync.sources.upload.accounts import Account, Reason

TYPES_OF_NO_PERSON: Final = frozenset({"AuditEvent", "Group", "Schedule", "Person", "Subscription"})


class Format(StrEnum):
    """What kind of document it is, for the person and the ledger."""

    FHIR = "fhir"
    CDA = "cda"
    HL7V2 = "hl7v2"
    CARD = "card"
    LINK = "link"
    APPLE_HEALTH = "apple-health"
    """Apple's export.xml: read as a stream, since it may be larger than memory."""
    PDF = "pdf"
    IMAGE = "image"
    TEXT = "text"
    UNKNOWN = ""


class Refused(Exception):
    """Nothing of a document can be kept. ``what`` says which part or release, never a value."""

    def __init__(self, reason: Reason, what: str = "", *, form: Format = Format.UNKNOWN) -> None:
        super().__init__(reason.value)
        self.reason, self.what, self.form = reason, what, form


@dataclass(slots=True)
class Reading:
    """``resources`` have ids unique by type, and references ``Type/id`` among them. ``patient``: the id of the Patient
    it says it is about, where it says so; ``maker``: who made it, as a name.
    """

    format: Format
    resources: list[dict[str, Any]] = field(default_factory=list)
    patient: str = ""
    maker: str = ""
    account: Account = field(default_factory=Account)

    def patients(self) -> dict[str, dict[str, Any]]:
        return {each["id"]: each for each in self.resources if each["resourceType"] == "Patient"}

    def subjects(self) -> set[str]:
        """Ids of all Patients that something in it is about."""
        found = (subjects_of(each) for each in self.resources if each["resourceType"] != "Patient")
        return {subject for each in found for subject in each}


def subjects_of(resource: dict[str, Any]) -> Iterator[str]:
    for element in SUBJECT_ELEMENTS:
        held = resource.get(element)
        for one in held if isinstance(held, list) else [held]:
            parsed = references.parse(one.get("reference", "")) if isinstance(one, dict) else None
            if parsed is not None and parsed.type == "Patient" and parsed.kind is references.Kind.RELATIVE:
                yield parsed.id or ""


def made_id(*parts: object) -> str:
    """An id for what has none: always the same for the same parts."""
    return hashlib.sha256(b"\0".join(json.dumps(part) for part in parts)).hexdigest()[:40]
