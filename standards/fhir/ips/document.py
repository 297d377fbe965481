"""A summary as a document Bundle: the Composition first, one Patient, all that it refers to (IPS 2.0.1, R4 documents).

Every reference resolves inside the Bundle by fullUrl; one that points at what is not in it keeps its words and loses
its address. A required section without entries says ``unavailable``: that nothing is here does not mean that there is
nothing, and who may not see a record learns nothing of it from an empty section.
"""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from standards.fhir import dates, references
from standards.fhir.ips import sections, wording
from standards.fhir.ips.sections import Section

Resource = dict[str, Any]

PROFILE: Final = "http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips"
_COMPOSITION: Final = "http://hl7.org/fhir/uv/ips/StructureDefinition/Composition-uv-ips"
_LOINC: Final = "http://loinc.org"
_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_UNAVAILABLE: Final = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/list-empty-reason",
            "code": "unavailable",
            "display": "Unavailable",
        }
    ]
}
MDC: Final = "urn:iso:std:iso:11073:10101"
PERSONAL_HEALTH_DEVICE: Final = ("65573", "MDC_MOC_VMS_MDS_SIMP")
_READERS: Final = frozenset({PERSONAL_HEALTH_DEVICE[0], "531981"})
_POINTED_AT: Final = frozenset(
    {
        "Device",
        "Location",
        "Medication",
        "Observation",
        "Organization",
        "Practitioner",
        "PractitionerRole",
        "Specimen",
        "Substance",
    }
)
"""The types that come along when a summarised resource points at one of them."""
_LOCAL: Final = (references.Kind.RELATIVE, references.Kind.OWN)
# What XML 1.0 cannot hold, and so no narrative either.
_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Author:
    """Who put the summary together: the system, by name."""

    name: str


def missing(resources: Iterable[Resource], known: Iterable[str]) -> dict[str, list[str]]:
    """Type to ids of what these point at and what a summary should have, without those known (``Type/id``)."""
    seen = set(known)
    found: dict[str, list[str]] = {}
    for text in dict.fromkeys(text for resource in resources for text in _references(resource)):
        parsed = references.parse(text)
        if parsed is None or parsed.kind is not references.Kind.RELATIVE or parsed.type not in _POINTED_AT:
            continue
        if parsed.id and f"{parsed.type}/{parsed.id}" not in seen:
            seen.add(f"{parsed.type}/{parsed.id}")
            found.setdefault(parsed.type, []).append(parsed.id)
    return found


def write(
    patient: Resource,
    resources: Iterable[Resource],
    *,
    company: Iterable[Resource] = (),
    base: str,
    author: Author,
    identifier: uuid.UUID,
    at: datetime,
) -> Resource:
    """The document. ``resources`` are looked through for every section; ``company`` is what they may point at.

    ``base`` is the address that ``Type/id`` is relative to, ``identifier`` names this document for good.
    """
    held = list(resources)
    uses = _uses(held, patient, base=base, identifier=identifier)
    full = sections.filled([*held, *uses])
    entered = _reached([patient, *(one for _, taken in full for one in taken)], _by_name([*held, *company]), base=base)
    made = {_name(one) for one in uses}
    entries = {name: f"urn:uuid:{one['id']}" if name in made else _url(one, base) for name, one in entered.items()}
    device = _author(author, identifier)
    composition = _composition(full, entries, entered, patient, device, identifier, at)
    return {
        "resourceType": "Bundle",
        "id": str(identifier),
        "meta": {"profile": [PROFILE], "lastUpdated": dates.instant(at)},
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{identifier}"},
        "type": "document",
        "timestamp": dates.instant(at),
        "entry": [
            {"fullUrl": f"urn:uuid:{composition['id']}", "resource": composition},
            *(
                {"fullUrl": entries[name], "resource": _closed(_bare(one), entries, base)}
                for name, one in entered.items()
            ),
            {"fullUrl": f"urn:uuid:{device['id']}", "resource": device},
        ],
    }


def _composition(
    full: Sequence[tuple[Section, Sequence[Resource]]],
    entries: Mapping[str, str],
    entered: Mapping[str, Resource],
    patient: Resource,
    device: Resource,
    identifier: uuid.UUID,
    at: datetime,
) -> Resource:
    return {
        "resourceType": "Composition",
        "id": str(uuid.uuid5(identifier, "composition")),
        "meta": {"profile": [_COMPOSITION]},
        "language": "en",
        "text": _narrative("<p>International Patient Summary. Each section has its own text.</p>"),
        "status": "final",
        "type": {"coding": [{"system": _LOINC, "code": "60591-5", "display": "Patient summary Document"}]},
        "subject": {"reference": entries[_name(patient)]},
        "date": dates.instant(at),
        "author": [{"reference": f"urn:uuid:{device['id']}", "display": device["deviceName"][0]["name"]}],
        "title": "International Patient Summary",
        "section": [_section(section, taken, entries, entered) for section, taken in full if taken or section.required],
    }


def _section(
    section: Section,
    taken: Sequence[Resource],
    entries: Mapping[str, str],
    entered: Mapping[str, Resource],
) -> Resource:
    written: Resource = {
        "title": section.title,
        "code": {"coding": [{"system": _LOINC, "code": section.code}]},
    }
    if not taken:
        return {
            **written,
            "text": _narrative("<p>No information is available here. This does not mean that there is none.</p>"),
            "emptyReason": _UNAVAILABLE,
        }
    rows = [(wording.what(one, entered), wording.found(one), wording.when(one)) for one in taken]
    return {
        **written,
        "text": _narrative(_table(rows, caption="The latest of each kind" if section.latest else "")),
        "entry": [{"reference": entries[_name(one)]} for one in taken],
    }


def _table(rows: Iterable[Sequence[str]], *, caption: str) -> str:
    head = "<thead><tr><th>What</th><th>Details</th><th>When</th></tr></thead>"
    titled = f"<caption>{_escaped(caption)}</caption>" if caption else ""
    body = "".join("<tr>" + "".join(f"<td>{_escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{titled}{head}<tbody>{body}</tbody></table>"


def _escaped(text: str) -> str:
    return html.escape(_NOT_IN_XML.sub("\ufffd", text))


def _narrative(inner: str) -> Resource:
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml" lang="en">{inner}</div>'}


def _author(author: Author, identifier: uuid.UUID) -> Resource:
    return {
        "resourceType": "Device",
        "id": str(uuid.uuid5(identifier, "author")),
        "deviceName": [{"name": author.name, "type": "user-friendly-name"}],
    }


def _uses(held: Iterable[Resource], patient: Resource, *, base: str, identifier: uuid.UUID) -> list[Resource]:
    """The section of devices takes statements of use: of an active Device that has none, one that says just that.

    It is for what is in her, or keeps her going, and not for what only reads something off her: a watch, a phone.
    """
    known = list(held)
    named = {text for one in known if one["resourceType"] == "Observation" for text in _references(one)}
    used = {text for one in known if one["resourceType"] == "DeviceUseStatement" for text in _references(one)}
    return [
        {
            "resourceType": "DeviceUseStatement",
            "id": str(uuid.uuid5(identifier, _name(device))),
            "status": "active",
            "subject": {"reference": _url(patient, base)},
            "_timingDateTime": {"extension": [{"url": _ABSENT, "valueCode": "unknown"}]},
            "device": {"reference": _url(device, base)},
        }
        for device in known
        if device["resourceType"] == "Device"
        and device.get("status") == "active"
        and _name(device) not in used
        and not (_only_reads(device) or (_name(device) in named and not device.get("udiCarrier")))
    ]


def _only_reads(device: Resource) -> bool:
    """A personal health device, or the gateway of some, as HL7's guide for these types it (PHD 1.1.0, Device.type)."""
    codings = (device.get("type") or {}).get("coding") or ()
    return any(each.get("system") == MDC and each.get("code") in _READERS for each in codings)


def _bare(resource: Resource) -> Resource:
    """A Patient without the other Patients that stand for her: there is one in the document."""
    if resource["resourceType"] != "Patient":
        return dict(resource)
    return {key: value for key, value in resource.items() if key != "link"}


def _closed(node: Any, entries: Mapping[str, str], base: str) -> Any:
    """A copy in which every reference is to an entry of the document, to inside the resource, or words only."""
    if isinstance(node, list):
        return [_closed(child, entries, base) for child in node]
    if not isinstance(node, dict):
        return node
    copied = {key: _closed(child, entries, base) for key, child in node.items()}
    text = node.get("reference")
    if isinstance(text, str) and not text.startswith("#"):
        parsed = references.parse(text, base=base)
        target = entries.get(f"{parsed.type}/{parsed.id}") if parsed and parsed.kind in _LOCAL else None
        if target is None:
            del copied["reference"]
            if "display" not in copied and "identifier" not in copied:
                copied["display"] = "Not part of this summary"
        else:
            copied["reference"] = target
    return copied


def _references(node: Any) -> Iterable[str]:
    """Every ``reference`` in it, as written."""
    if isinstance(node, list):
        for child in node:
            yield from _references(child)
    elif isinstance(node, dict):
        for key, child in node.items():
            if key == "reference" and isinstance(child, str):
                yield child
            else:
                yield from _references(child)


def _reached(roots: Iterable[Resource], pool: Mapping[str, Resource], *, base: str) -> dict[str, Resource]:
    """The roots and what of the pool they point at, directly or through others, by name and in that order."""
    found = _by_name(roots)
    left = list(found.values())
    while left:
        for text in _references(left.pop(0)):
            parsed = references.parse(text, base=base)
            name = f"{parsed.type}/{parsed.id}" if parsed and parsed.kind in _LOCAL else ""
            if name in pool and name not in found and name.partition("/")[0] in _POINTED_AT:
                found[name] = pool[name]
                left.append(pool[name])
    return found


def _by_name(resources: Iterable[Resource]) -> dict[str, Resource]:
    found: dict[str, Resource] = {}
    for resource in resources:
        found.setdefault(_name(resource), resource)
    return found


def _name(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _url(resource: Resource, base: str) -> str:
    return f"{base.rstrip('/')}/{_name(resource)}"
