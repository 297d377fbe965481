"""Reading what stands behind a sandbox hospital: Bundles, NDJSON, single resources, and folders of all of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from standards.fhir import json, references

Resource = dict[str, Any]
SUFFIXES: Final = frozenset({".json", ".ndjson"})
_URN: Final = "urn:uuid:"
_MADE: Final = uuid.UUID("2f4c7c3b-51f1-5c1b-9a4e-7f0d6a6b8f10")


@dataclass(frozen=True, slots=True)
class Taken:
    """One resource as it came, with the id it will have here.

    ``full_url`` is what its Bundle calls it, empty outside one; ``bundle`` numbers the Bundle, because two may use the
    same name for different things.
    """

    resource: Resource
    origin: str
    full_url: str = ""
    bundle: int = 0

    @property
    def key(self) -> str:
        return f"{self.resource['resourceType']}/{self.resource['id']}"


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that could not be taken: where it stands, and why in words."""

    origin: str
    reason: str


@dataclass(slots=True)
class Intake:
    """Everything read so far, in the order it was found."""

    taken: list[Taken] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    bundles: int = 0

    def refuse(self, origin: str, reason: str) -> None:
        self.refused.append(Refused(origin, reason))


def read(paths: Iterable[Path]) -> Intake:
    """Every resource under the paths. A folder gives its .json and .ndjson files, deepest names in order."""
    intake = Intake()
    for path in paths:
        if not path.exists():
            intake.refuse(path.name, "no such file or folder")
        for file in _files(path):
            _read_file(intake, file)
    return intake


def gather(resources: Iterable[Any], *, origin: str = "given") -> Intake:
    """Resources and Bundles that are at hand already."""
    intake = Intake()
    for number, value in enumerate(resources, start=1):
        _take(intake, value, f"{origin} {number}")
    return intake


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from (file for file in sorted(path.rglob("*")) if file.is_file() and file.suffix in SUFFIXES)


def _read_file(intake: Intake, file: Path) -> None:
    try:
        data = file.read_bytes()
    except OSError as error:
        return intake.refuse(file.name, f"cannot be read: {error.strerror}")
    if file.suffix == ".ndjson":
        return _read_lines(intake, data, file.name)
    try:
        value = json.loads(data)
    except json.MalformedJSON as error:
        if b"\n{" in data.strip():
            return _read_lines(intake, data, file.name)
        return intake.refuse(file.name, f"no JSON: {error}")
    return _take(intake, value, file.name)


def _read_lines(intake: Intake, data: bytes, name: str) -> None:
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        origin = f"{name} line {number}"
        try:
            value = json.loads(line)
        except json.MalformedJSON as error:
            intake.refuse(origin, f"no JSON: {error}")
        else:
            _take(intake, value, origin)


def _take(intake: Intake, value: Any, origin: str, *, full_url: str = "", bundle: int = 0) -> None:
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        return intake.refuse(origin, "not a FHIR resource")
    if value["resourceType"] == "Bundle":
        return _take_bundle(intake, value, origin)
    _identify(value, full_url)
    intake.taken.append(Taken(value, origin, full_url, bundle))
    return None


def _take_bundle(intake: Intake, bundle: Resource, origin: str) -> None:
    """Entries of a Bundle of any type; an entry that only deletes or reads something has nothing to load."""
    intake.bundles += 1
    number = intake.bundles
    entries = bundle.get("entry", [])
    for position, entry in enumerate(entries if isinstance(entries, list) else [None], start=1):
        where = f"{origin} entry {position}"
        if not isinstance(entry, dict):
            intake.refuse(where, "an entry of a Bundle must be an object")
        elif "resource" not in entry:
            intake.refuse(where, "an entry without a resource")
        else:
            full_url = entry.get("fullUrl")
            _take(
                intake,
                entry["resource"],
                where,
                full_url=full_url if isinstance(full_url, str) else "",
                bundle=number,
            )


def _identify(resource: Resource, full_url: str) -> None:
    """Give it a valid id: its own, else its Bundle's name for it, else one that follows from its content."""
    own = resource.get("id")
    if isinstance(own, str) and references.ID.fullmatch(own):
        return
    named = full_url.removeprefix(_URN) if full_url.startswith(_URN) else ""
    parsed = references.parse(full_url)
    if not references.ID.fullmatch(named) and parsed and parsed.type == resource["resourceType"]:
        named = parsed.id or ""
    if not references.ID.fullmatch(named):
        named = str(uuid.uuid5(_MADE, sha256(json.dumps(resource)).hexdigest()))
    kind = resource.pop("resourceType")
    rest = {name: value for name, value in resource.items() if name != "id"}
    resource.clear()
    resource.update({"resourceType": kind, "id": named, **rest})
