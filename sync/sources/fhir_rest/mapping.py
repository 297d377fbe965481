"""From a hospital's resources to ours: ids, references, and who they are about. Pure: no I/O, no database.

Every reference to the hospital's own Patient becomes the person's one Patient; every other reference to that hospital
gets the deterministic id of what it points to, without a version, since versions are counted anew here. Contained,
``urn:``, conditional and foreign references stay as they were said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Final

from records import identity
from standards.fhir import references, types, versions
from sync.sources.fhir_rest import plan

SUBJECT_ELEMENTS: Final = ("subject", "patient", "beneficiary", "individual", "for", "target")
"""Elements that say whom a resource is about, whatever its type; each is a reference or a list of them."""

_HERE: Final = frozenset({references.Kind.RELATIVE, references.Kind.OWN})


@dataclass(frozen=True, slots=True)
class Unusable:
    """An entry that cannot be kept: ``index`` in its page and why, without a value of it."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True, order=True)
class Pointed:
    """A resource at the hospital, outside her compartment, that something of hers points to."""

    resource_type: str
    remote_id: str


@dataclass(slots=True)
class Mapped:
    """A page, sorted. ``received`` + ``included`` = len(resources) + repeated + unusable + held_back.

    ``resources`` have their final ids and references; ``listing`` are the remote ids of the matches in order.
    ``warnings`` are OperationOutcomes and careless JSON, which are no data. ``outdated``: how many of the unusable ones
    are FHIR before R4.
    """

    resources: list[dict[str, Any]] = field(default_factory=list)
    listing: list[Pointed] = field(default_factory=list)
    pointed: set[Pointed] = field(default_factory=set)
    unusable: list[Unusable] = field(default_factory=list)
    received: int = 0
    included: int = 0
    repeated: int = 0
    held_back: int = 0
    warnings: int = 0
    outdated: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """Whose record is being mapped, and from where.

    ``base``: the hospital's FHIR base; ``patient``: the id of her Patient there; ``patient_id``: that of her one
    Patient here.
    """

    owner_id: int
    source_url: str
    base: str
    patient: str
    patient_id: str
    known: dict[tuple[str, str], str] = field(default_factory=dict)

    def logical_id(self, resource_type: str, remote_id: str) -> str:
        """The id in her record; the same few references come on every page, so they are remembered."""
        key = (resource_type, remote_id)
        if key not in self.known:
            self.known[key] = identity.logical_id(self.owner_id, self.source_url, resource_type, remote_id)
        return self.known[key]


def page(resource: Mapping[str, Any], frame: Frame, *, only: Set[Pointed] | None = None) -> Mapped:
    """Everything a Bundle, or a single resource read by its id, brings.

    ``only``: what was asked for by id; anything else that comes instead is not taken.
    """
    mapped = Mapped()
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for index, entry in enumerate(_entries(resource)):
        if only is not None and _named(entry) not in only:
            continue
        if (found := _take(index, entry, frame, mapped)) is None:
            continue
        key = (found["resourceType"], found["id"])
        mapped.repeated += key in kept
        kept[key] = found
    mapped.resources = [translate(found, frame, mapped.pointed) for found in kept.values()]
    return mapped


def merge(into: Mapped, other: Mapped) -> None:
    """Add what another answer brought."""
    into.resources += other.resources
    into.listing += other.listing
    into.pointed |= other.pointed
    into.unusable += other.unusable
    for name in ("received", "included", "repeated", "held_back", "warnings", "outdated"):
        setattr(into, name, getattr(into, name) + getattr(other, name))


def _named(entry: object) -> Pointed:
    found = entry.get("resource") if isinstance(entry, dict) else None
    named = found if isinstance(found, dict) else {}
    return Pointed(str(named.get("resourceType")), str(named.get("id")))


def _entries(resource: Mapping[str, Any]) -> list[object]:
    if resource.get("resourceType") != "Bundle":
        return [{"resource": resource}]
    entries = resource.get("entry", [])
    return entries if isinstance(entries, list) else [entries]


def _take(index: int, entry: object, frame: Frame, mapped: Mapped) -> dict[str, Any] | None:
    """The resource of one entry if it is to be stored; otherwise it is counted where it belongs."""
    found = entry.get("resource") if isinstance(entry, dict) else None
    mode = _mode(entry)
    if mode == "outcome" or (isinstance(found, dict) and found.get("resourceType") == "OperationOutcome"):
        mapped.warnings += 1
        return None
    mapped.included += mode == "include"
    mapped.received += mode != "include"
    reason = flaw(found)
    if reason is not None or not isinstance(found, dict):
        mapped.unusable.append(Unusable(index, reason or "no resource"))
        return None
    if versions.is_before_r4(found):
        mapped.unusable.append(Unusable(index, "FHIR before R4"))
        mapped.outdated += 1
        return None
    if mode != "include":
        mapped.listing.append(Pointed(found["resourceType"], found["id"]))
    if is_about_another(found, frame):
        mapped.held_back += 1
        return None
    return found


def _mode(entry: object) -> object:
    search = entry.get("search") if isinstance(entry, dict) else None
    return search.get("mode") if isinstance(search, dict) else None


def flaw(resource: object) -> str | None:
    """Why a resource cannot be kept at all: without type and id there is no place to keep it. None if it can."""
    if not isinstance(resource, dict):
        return "no resource"
    if resource.get("resourceType") not in types.RESOURCE_TYPES:
        return "no resourceType of R4"
    remote_id = resource.get("id")
    if not isinstance(remote_id, str) or not references.ID.fullmatch(remote_id):
        return "no id"
    return None


def is_about_another(resource: Mapping[str, Any], frame: Frame) -> bool:
    """Whether a resource is some other person's: another Patient, or one whose subject is another Patient.

    A subject named only inside the resource, or by identifier, is hers: the hospital listed it as hers.
    """
    if resource["resourceType"] == "Patient":
        return bool(resource["id"] != frame.patient)
    return any(_is_another(subject, frame) for name in SUBJECT_ELEMENTS for subject in _objects(resource.get(name)))


def _is_another(subject: Mapping[str, Any], frame: Frame) -> bool:
    said = subject.get("reference")
    parsed = references.parse(said, base=frame.base) if isinstance(said, str) else None
    if parsed is None or parsed.kind is references.Kind.CONTAINED:
        return False
    if parsed.kind is references.Kind.URN:
        return subject.get("type") in (None, "Patient")
    if parsed.type != "Patient":
        return False
    return parsed.kind not in _HERE or parsed.id != frame.patient


def translate(resource: dict[str, Any], frame: Frame, pointed: set[Pointed]) -> dict[str, Any]:
    """Give a resource its id and references in her record, in place; what it points to is added to ``pointed``."""

    def translated(said: str) -> str | None:
        parsed = references.parse(said, base=frame.base)
        if parsed is None or parsed.kind not in _HERE or parsed.type not in types.RESOURCE_TYPES or parsed.id is None:
            return None
        if parsed.type == "Patient" and parsed.id == frame.patient:
            return f"Patient/{frame.patient_id}"
        if parsed.type in plan.POINTED:
            pointed.add(Pointed(parsed.type, parsed.id))
        return f"{parsed.type}/{frame.logical_id(parsed.type, parsed.id)}"

    resource["id"] = frame.logical_id(resource["resourceType"], resource["id"])
    references.rewrite(resource, translated)
    return resource


def next_address(resource: Mapping[str, Any]) -> str | None:
    """The address of the next page as the server wrote it."""
    links = [link for link in _objects(resource.get("link")) if link.get("relation") == "next"]
    address = links[0].get("url") if links else None
    return address if isinstance(address, str) and address else None


def total(resource: Mapping[str, Any]) -> int | None:
    """The number of matches a Bundle states."""
    stated = resource.get("total")
    return stated if isinstance(stated, int) and not isinstance(stated, bool) and 0 <= stated < 2**31 else None


def count_by_type(resources: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many there are of each type."""
    counts: dict[str, int] = {}
    for resource in resources:
        counts[resource["resourceType"]] = counts.get(resource["resourceType"], 0) + 1
    return counts


def _objects(value: object) -> list[Mapping[str, Any]]:
    listed = value if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, dict)]
