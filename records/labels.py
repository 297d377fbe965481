"""Sensitivity labels as a bit set: what a source stated, and what value sets and words say (DESIGN D8).

Codes: http://terminology.hl7.org/CodeSystem/v3-Confidentiality (R, V) and v3-ActCode (information sensitivity policy);
UNC, ADOL, OWN and MSG are no kinds of content and have words of their own below. How a record comes by what it names
and by what its owner says of it is ``labelling``.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from standards.terminology import sensitivity
from standards.terminology.sensitivity import Sureness

VERSION: Final = f"{sensitivity.VERSION}.3"
"""Of the value sets and, after the dot, of what this module makes of them."""
CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
OF_OURS: Final = "urn:tributary:label"
"""Of tags that only we set, in what is written here: MSG."""

# Only grows at its end: the position is the bit in every stored row. UNC: nothing here can tell what is in it. ADOL: of
# a confidential kind, from when she was an adolescent. OWN: she marked it herself. MSG: part of a conversation with a
# clinic, which is withheld as such whatever it says (docs/adr/0037).
LABELS: Final = ("R", "SUD", "PSY", "SEX", "HIV", "GDIS", "SDV", "VIO", "OTHER", "UNC", "ADOL", "OWN", "MSG")
_BIT: Final = MappingProxyType({label: 1 << position for position, label in enumerate(LABELS)})
ALL: Final = (1 << len(LABELS)) - 1
UNCLASSIFIED: Final = _BIT["UNC"]
ADOLESCENT: Final = _BIT["ADOL"]
MARKED: Final = _BIT["OWN"]
MESSAGE: Final = _BIT["MSG"]
"""No word of hers takes it off a record."""
SENSITIVE: Final = ALL & ~UNCLASSIFIED & ~ADOLESCENT
"""What is withheld from everybody but the owner unless she chose it; of delegates, ALL is."""
CONFIDENTIAL_TO_MINORS: Final = _BIT["SUD"] | _BIT["PSY"] | _BIT["SEX"] | _BIT["HIV"] | _BIT["SDV"] | MESSAGE
"""The kinds for which the states let a minor keep her parents out (docs/sensitivity.md), and messages."""

_MEANING: Final = MappingProxyType(
    {
        "R": ("R",),
        "V": ("R",),
        "S": ("R",),
        "C": ("R",),
        "T": ("OTHER",),
        "ETH": ("SUD",),
        "ETHUD": ("SUD",),
        "SUD": ("SUD",),
        "ALCOHOL": ("SUD",),
        "OPIOIDUD": ("SUD",),
        "42CFRPart2": ("SUD",),
        "PSY": ("PSY",),
        "MH": ("PSY",),
        "PSYTHPN": ("PSY",),
        "HIPAAPsyNotes": ("PSY",),
        "COGN": ("PSY",),
        "DVD": ("PSY",),
        "EMOTDIS": ("PSY",),
        "BH": ("PSY", "SUD"),
        "SEX": ("SEX",),
        "STD": ("SEX",),
        "PREGNANT": ("SEX",),
        "GENDER": ("SEX",),
        "HIV": ("HIV",),
        "GDIS": ("GDIS",),
        "SCA": ("GDIS",),
        "SICKLE": ("GDIS",),
        "SDV": ("SDV",),
        "MST": ("SDV",),
        "SA": ("SDV",),
        "VIO": ("VIO",),
        "ADOL": ("ADOL", "OTHER"),
    }
)
# What other systems call a kind; compared in small letters without signs.
_NAMED: Final = MappingProxyType(
    {
        "substanceabuse": "SUD",
        "substanceuse": "SUD",
        "alcohol": "SUD",
        "mentalhealth": "PSY",
        "behavioralhealth": "PSY",
        "reproductivehealth": "SEX",
        "sexualhealth": "SEX",
        "sexuallytransmitteddiseases": "SEX",
        "hivaids": "HIV",
        "hiv": "HIV",
        "genetics": "GDIS",
        "geneticinformation": "GDIS",
        "domesticviolence": "SDV",
        "violence": "VIO",
    }
)
# Tags of these systems that carry no sensitivity; any other code of ActCode is treated as sensitive.
_ORDINARY: Final = frozenset({"N", "L", "M", "U"})
_CONFIDENTIALITIES: Final = frozenset({CONFIDENTIALITY, "2.16.840.1.113883.5.25"})
_ACT_CODES: Final = frozenset({ACT_CODE, "2.16.840.1.113883.5.4"})
_STATING: Final = _CONFIDENTIALITIES | _ACT_CODES
# Outside of meta.security ActCode says much else (the class of a visit), and these letters are no policies of it there.
_POLICIES: Final = frozenset(_MEANING) - {"R", "V", "S", "C", "T"}
# A system that only has the word may be of microbiology; of one that is called so an unknown code counts as well.
_CATEGORIES: Final = re.compile(r"sensitivity[-_/ ]?(?:categor|label|tag|polic|code)", re.IGNORECASE)

# Whose words are read, and where; the rest of a resource has none, or they are about people and places.
_WORDED: Final = frozenset(
    {"display", "text", "title", "description", "name", "valueString", "comment", "conclusion", "patientInstruction"}
    | {"contentString"}
)
_UNREAD: Final = frozenset({"meta", "subject", "patient", "beneficiary"})
ABOUT_PEOPLE: Final = frozenset({"Patient", "Person", "RelatedPerson", "Practitioner", "Group"})
_DOCUMENTS: Final = frozenset(
    {"Binary", "Bundle", "Communication", "Composition", "DocumentManifest", "DocumentReference", "Media"}
)
# Of these a reader learns something about her health; without a code that we know nothing can be told of them.
_CLINICAL: Final = _DOCUMENTS | {
    "AdverseEvent",
    "AllergyIntolerance",
    "Appointment",
    "Basic",
    "CarePlan",
    "Claim",
    "ClinicalImpression",
    "Condition",
    "DetectedIssue",
    "DeviceRequest",
    "DiagnosticReport",
    "Encounter",
    "EpisodeOfCare",
    "ExplanationOfBenefit",
    "FamilyMemberHistory",
    "Flag",
    "Goal",
    "ImagingStudy",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "MolecularSequence",
    "Observation",
    "Procedure",
    "QuestionnaireResponse",
    "RequestGroup",
    "RiskAssessment",
    "ServiceRequest",
    "Task",
}

_RECOGNISED: Final = 1 << 30
_ATTACHED: Final = 1 << 29
_TITLE: Final = re.compile(r"^\s*(?:#+\s*)?([A-Z][A-Za-z /&\-]{2,60}?)\s*:?\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a record carries a label. ``said`` is the code, name or title that matched, for its owner's eyes only."""

    label: str
    rule: str
    sure: Sureness
    said: str
    source: str


def of(resource: dict[str, Any]) -> int:
    """The label bits of a resource by itself. An unknown sensitivity tag counts as OTHER, never as none."""
    bits = stated(resource)
    resource_type = resource["resourceType"]
    if resource_type in ABOUT_PEOPLE:
        return bits
    bits |= _read(resource, _of_title if resource_type == "Composition" else _of_text)
    attached = bits & _ATTACHED
    if attached:
        for title in _titles(resource):
            bits |= _of_title(title)
    known = bits & _RECOGNISED or "medicationReference" in resource
    told = bits & MESSAGE or (known and resource_type not in _DOCUMENTS)
    if resource_type in _CLINICAL and (attached or not told):
        bits |= UNCLASSIFIED
    return bits & ALL


def _read(resource: dict[str, Any], of_words: Callable[[str], int]) -> int:
    """The bits of every code and name in it, and whether any code system was known or anything is attached.

    Every resource that is stored passes here: one walk, and look-ups only.
    """
    bits = 0
    nodes = [resource]
    while nodes:
        node = nodes.pop()
        for name, value in node.items():
            kind = value.__class__
            if kind is str:
                if name in _WORDED:
                    bits |= of_words(value)
                elif name == "code":
                    system = node.get("system")
                    bits |= _of_code(system, value) if system.__class__ is str else 0
                elif name == "contentType":
                    bits |= _ATTACHED
                elif name == "confidentiality":
                    bits |= _of_code(CONFIDENTIALITY, value)
            elif kind is list:
                nodes += [one for one in value if one.__class__ is dict]
            elif kind is dict and name not in _UNREAD:
                nodes.append(value)
    return bits


def findings(resource: dict[str, Any]) -> list[Finding]:
    """Why ``of`` says what it says, the surest first; each rule once."""
    found = [Finding(label, "tag", Sureness.CERTAIN, code, "") for code, label in _tags(resource)]
    if resource["resourceType"] not in ABOUT_PEOPLE:
        found += _matched(resource)
        if of(resource) & UNCLASSIFIED:
            found.append(Finding("UNC", "unclassified", Sureness.CERTAIN, "", ""))
    order = list(Sureness)
    once = {(one.label, one.rule): one for one in reversed(found)}
    return sorted(once.values(), key=lambda one: (order.index(one.sure), LABELS.index(one.label), one.rule))


def stated(resource: dict[str, Any]) -> int:
    """The bits of what its source tagged it with."""
    meta = resource.get("meta")
    if not isinstance(meta, dict) or not meta.get("security"):
        return 0
    found = {label for _, label in _tags(resource)}
    # How confidential it is says no more once it is said of what kind it is.
    return bits(found - {"R"} if found - {"R", "OTHER", "ADOL"} else found)


def of_codes(codes: Iterable[tuple[str, str]]) -> int:
    """The bits of (system, code) pairs as documents carry them, tags and clinical codes alike.

    Systems are uris or object identifiers, with or without ``urn:oid:``. For a section of a segmented C-CDA document
    (DS4P): its confidentialityCode, the codes of its privacy markings and of its entries.
    """
    found = 0
    for system, code in codes:
        if system.removeprefix("urn:oid:") in _STATING:
            found |= bits(_meanings(code))
        else:
            found |= _of_code(system, code) & ~_RECOGNISED
    return found


def bits(chosen: Iterable[str]) -> int:
    """The bit set of label names."""
    return sum(_BIT[label] for label in set(chosen))


def names(bit_set: int) -> list[str]:
    return [label for label in LABELS if bit_set & _BIT[label]]


def _tags(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(code, label) of each tag about sensitivity."""
    meta = resource.get("meta")
    said = meta.get("security") if isinstance(meta, dict) else None
    for tag in said if isinstance(said, list) else ():
        if not isinstance(tag, dict) or not tag.get("code") or not isinstance(tag.get("system"), str):
            continue
        system, code = tag["system"].removeprefix("urn:oid:"), str(tag["code"])
        if system in _STATING:
            yield from ((code, label) for label in _meanings(code))
        elif system == OF_OURS:
            yield from [(code, "MSG")] if code == "MSG" else []
        elif "sensitiv" in system.lower():
            yield code, _NAMED.get(re.sub(r"[^a-z]", "", code.lower()), "OTHER")


def _marked(system: str, code: str) -> tuple[str, ...]:
    """The labels a code states wherever it stands: on a section, a document, or part of either."""
    plain = system.removeprefix("urn:oid:")
    if plain in _CONFIDENTIALITIES:
        return _meanings(code)
    if plain in _ACT_CODES:
        return _MEANING.get(code, ()) if code in _POLICIES else ()
    if "sensitiv" not in plain.lower():
        return ()
    named = _NAMED.get(re.sub(r"[^a-z]", "", code.lower()), "OTHER" if _CATEGORIES.search(plain) else None)
    return (named,) if named else ()


def _meanings(code: str) -> tuple[str, ...]:
    return () if code in _ORDINARY else _MEANING.get(code, ("OTHER",))


@lru_cache(maxsize=50_000)
def _of_code(system: str, code: str) -> int:
    found = bits((*_marked(system, code), *(rule.label for rule in sensitivity.of_code(system, code))))
    return found | _RECOGNISED if sensitivity.system_of(system) else found


@lru_cache(maxsize=50_000)
def _of_text(text: str) -> int:
    return bits(rule.label for rule in sensitivity.of_text(text))


@lru_cache(maxsize=10_000)
def _of_title(text: str) -> int:
    return bits(rule.label for rule in sensitivity.of_title(text))


def _matched(resource: dict[str, Any]) -> Iterator[Finding]:
    titled = resource["resourceType"] == "Composition"
    nodes: list[Any] = [resource]
    while nodes:
        node = nodes.pop(0)
        for name, value in node.items():
            if isinstance(value, str):
                if name == "confidentiality" or (name == "code" and isinstance(node.get("system"), str)):
                    marked = _marked(node["system"] if name == "code" else CONFIDENTIALITY, value)
                    yield from (Finding(label, "tag", Sureness.CERTAIN, value, "") for label in marked)
                if name == "code" and isinstance(node.get("system"), str):
                    yield from _found(sensitivity.of_code(node["system"], value), node.get("display") or value)
                elif name in _WORDED:
                    yield from _found(sensitivity.of_title(value) if titled else sensitivity.of_text(value), value)
            elif isinstance(value, dict) and name not in _UNREAD:
                nodes.append(value)
            elif isinstance(value, list):
                nodes += [one for one in value if isinstance(one, dict)]
    for title in _titles(resource):
        yield from _found(sensitivity.of_title(title), title)


def _found(rules: Iterable[sensitivity.Rule], said: Any) -> Iterator[Finding]:
    return (Finding(rule.label, rule.id, rule.sure, str(said)[:200], rule.source) for rule in rules)


def _titles(resource: dict[str, Any]) -> list[str]:
    """What looks like the title of a section in the plain texts attached to a resource."""
    found: list[str] = []
    for attachment in _attachments(resource):
        if str(attachment.get("contentType")).startswith("text/plain") and isinstance(attachment.get("data"), str):
            try:
                text = base64.b64decode(attachment["data"]).decode("utf-8", "replace")
            except (binascii.Error, ValueError):
                continue
            found += _TITLE.findall(text)
    return found


def _attachments(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    nodes: list[Any] = [resource]
    while nodes:
        node = nodes.pop()
        if "contentType" in node:
            yield node
        for value in node.values():
            if isinstance(value, dict):
                nodes.append(value)
            elif isinstance(value, list):
                nodes += [one for one in value if isinstance(one, dict)]
