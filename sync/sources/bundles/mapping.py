"""FHIR R4 in a file: Bundles of every type, single resources, and lines of resources, as one Reading. Pure.

References are resolved as R4 bundle.html#references says, and where a sender was careless by type and id alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from standards.fhir import json, references, releases, types
from sync.sources.fhir_rest import plan
from sync.sources.upload.accounts import Reason
from sync.sources.upload.readings import TYPES_OF_NO_PERSON, Format, Reading, Refused, made_id, subjects_of

KEPT: Final = (
    (types.PATIENT_COMPARTMENT.keys() - TYPES_OF_NO_PERSON)
    | set(plan.POINTED)
    | {"Questionnaire", "Substance", "DeviceMetric", "Task", "GuidanceResponse", "BiologicallyDerivedProduct"}
)
"""What belongs to a person's record, or is pointed to from it."""
NESTED_MAX: Final = 4


@dataclass(slots=True)
class _Entry:
    """``remote_id``: by which it is known in the Reading."""

    resource: dict[str, Any]
    full_url: str
    remote_id: str = ""

    @property
    def type(self) -> str:
        return str(self.resource["resourceType"])


def read(data: bytes) -> Reading:
    """Raises Refused for what is no FHIR, or FHIR older than R4."""
    reading = Reading(Format.FHIR)
    entries = list(_entries(_parsed(data, reading), reading, 0))
    if release := releases.older([entry.resource for entry in entries]):
        raise Refused(Reason.OLD_FHIR, release, form=Format.FHIR)
    kept = [entry for entry in entries if _belongs(entry, reading)]
    if not kept:
        raise Refused(Reason.NOTHING_IN_IT, form=Format.FHIR)
    _name(kept)
    known = _Known(kept)
    for entry in kept:
        references.rewrite(entry.resource, known.translator(entry))
        entry.resource["id"] = entry.remote_id
    unique = {(entry.type, entry.remote_id): entry.resource for entry in kept}
    reading.resources = list(unique.values())
    reading.patient = _about(reading)
    reading.maker = _maker(reading)
    for resource in reading.resources:
        reading.account.mapped(resource["resourceType"])
    return reading


def _parsed(data: bytes, reading: Reading) -> list[Any]:
    """The values of the file: one, or one a line."""
    try:
        value, wrong = json.loads_lenient(data)
    except json.MalformedJSON as error:
        return _lines(data, reading, error)
    if wrong:
        reading.account.note(Reason.REPAIRED, count=len(wrong))
    return value if isinstance(value, list) else [value]


def _lines(data: bytes, reading: Reading, error: json.MalformedJSON) -> list[Any]:
    """NDJSON: a line that cannot be read is told by its number, the others are taken."""
    found, broken = [], []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            try:
                found.append(json.loads_lenient(line)[0])
            except json.MalformedJSON:
                broken.append(number)
    if not found or len(found) <= len(broken):
        raise Refused(Reason.DAMAGED, form=Format.FHIR) from error
    for number in broken:
        reading.account.drop(Reason.UNREADABLE_PART, f"line {number}")
    return found


def _entries(values: Sequence[Any], reading: Reading, depth: int) -> Iterator[_Entry]:
    for value in values:
        if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
            if depth == 0 and len(values) == 1:
                raise Refused(Reason.NOT_FHIR)
            reading.account.drop(Reason.NO_RESOURCE)
        elif value["resourceType"] == "Bundle":
            yield from _of_bundle(value, reading, depth)
        else:
            yield _Entry(value, "")


def _of_bundle(bundle: Mapping[str, Any], reading: Reading, depth: int) -> Iterator[_Entry]:
    """What a Bundle holds, Bundles in it too. Of a history only the newest version, which comes first."""
    listed = bundle.get("entry")
    seen: set[tuple[Any, Any]] = set()
    for entry in listed if isinstance(listed, list) else []:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            deleted = isinstance(entry, dict) and _method(entry) == "DELETE"
            reading.account.drop(Reason.DELETED if deleted else Reason.NO_RESOURCE)
            continue
        if resource["resourceType"] == "Bundle" and depth < NESTED_MAX:
            yield from _of_bundle(resource, reading, depth + 1)
            continue
        key = (resource["resourceType"], resource.get("id"))
        if bundle.get("type") == "history" and key in seen:
            continue
        seen.add(key)
        full_url = entry.get("fullUrl")
        yield _Entry(resource, full_url if isinstance(full_url, str) else "")


def _method(entry: Mapping[str, Any]) -> Any:
    request = entry.get("request")
    return request.get("method") if isinstance(request, dict) else None


def _belongs(entry: _Entry, reading: Reading) -> bool:
    if entry.type not in types.RESOURCE_TYPES:
        reading.account.drop(Reason.UNKNOWN_TYPE, entry.type)
    elif entry.type not in KEPT:
        reading.account.drop(Reason.NOT_CLINICAL, entry.type)
    else:
        return True
    return False


def _name(entries: Sequence[_Entry]) -> None:
    """Each its own id, unless two of one type come from different places under one id; none: made of what it says."""
    homes: dict[tuple[str, str], str] = {}
    for entry in entries:
        said = entry.resource.get("id")
        if isinstance(said, str) and references.ID.fullmatch(said):
            home = homes.setdefault((entry.type, said), entry.full_url)
            entry.remote_id = said if home == entry.full_url else made_id(entry.full_url, said)
        else:
            entry.remote_id = made_id(entry.full_url or entry.resource)


class _Known:
    """What each reference in the file points at."""

    def __init__(self, entries: Sequence[_Entry]) -> None:
        self._by_url = {entry.full_url: entry for entry in entries if entry.full_url}
        self._by_name: dict[str, list[_Entry]] = {}
        self._by_identifier: dict[str, _Entry] = {}
        for entry in entries:
            for name in {str(entry.resource.get("id")), entry.remote_id, entry.full_url.rpartition(":")[2]}:
                self._by_name.setdefault(f"{entry.type}/{name}", []).append(entry)
            self._by_identifier |= {f"{entry.type}?identifier={text}": entry for text in _identifiers(entry.resource)}
        # By the id alone, for ``urn:uuid:`` of an entry whose fullUrl says something else.
        self._by_id = {str(entry.resource.get("id")): entry for entry in entries}

    def translator(self, entry: _Entry) -> Any:
        base = entry.full_url.removesuffix(f"{entry.type}/{entry.resource.get('id')}")

        def translated(said: str) -> str | None:
            found = self._found(said, base)
            if found is not None:
                return f"{found.type}/{found.remote_id}"
            parsed = references.parse(said)
            # Whom a resource is about must be told apart even where he himself is not in the file.
            if parsed is not None and parsed.kind is references.Kind.FOREIGN and parsed.type == "Patient":
                return f"Patient/{made_id(said)}"
            return None

        return translated

    def _found(self, said: str, base: str) -> _Entry | None:
        text = said.partition("/_history/")[0]
        if found := self._by_url.get(text) or self._by_url.get(base + text) or self._by_identifier.get(text):
            return found
        parsed = references.parse(text)
        if parsed is None:
            return None
        if parsed.kind is references.Kind.URN:
            return self._by_id.get(text.rpartition(":")[2])
        named = self._by_name.get(f"{parsed.type}/{parsed.id}", [])
        here = parsed.kind is references.Kind.RELATIVE or (named and not named[0].full_url)
        return named[0] if here and len({each.remote_id for each in named}) == 1 else None


def _identifiers(resource: Mapping[str, Any]) -> Iterator[str]:
    listed = resource.get("identifier")
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, dict) and isinstance(each.get("value"), str):
            yield f"{each.get('system', '')}|{each['value']}"


def _about(reading: Reading) -> str:
    """Whom a document says it is about; else the one Patient there is; else nothing."""
    compositions = [each for each in reading.resources if each["resourceType"] == "Composition"]
    named = {subject for each in compositions for subject in subjects_of(each)}
    if len(named) == 1:
        return named.pop()
    patients = reading.patients()
    return next(iter(patients)) if len(patients) == 1 else ""


def _maker(reading: Reading) -> str:
    """The custodian of a document; else the one organisation that answers for the Patient."""
    organizations = {
        f"Organization/{each['id']}": each.get("name")
        for each in reading.resources
        if each["resourceType"] == "Organization"
    }
    for element, holder in (("custodian", "Composition"), ("managingOrganization", "Patient")):
        for each in reading.resources:
            said = each.get(element) if each["resourceType"] == holder else None
            name = organizations.get(said.get("reference", "")) if isinstance(said, dict) else None
            if isinstance(name, str):
                return name
    return ""
