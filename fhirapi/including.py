"""Records a page brings along: each asked of the same gate as the page itself, so nothing rides in on a reference.

``_include`` follows a reference of the matches, ``_revinclude`` a reference to them (R4 search.html#include). Neither
goes further than one step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import orjson

from fhirapi import catalogue, errors
from records.query import COUNT_MAX, Clause, Query
from records.reading import RecordSet, Stored
from standards.fhir import extraction, references, search_parameters

INCLUDED_MAX: Final = 10_000
"""Records that one page brings along at most; the answer says when there would have been more."""
PATHS_MAX: Final = 20
INCOMPLETE: Final = errors.outcome(
    "incomplete", f"More than {INCLUDED_MAX} records would come along; search for them.", severity="warning"
)

Reaches = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Path:
    """``holder:code[:target]``: the reference parameter of one type, perhaps only where it points at one type."""

    holder: str
    code: str
    target: str | None = None

    @classmethod
    def parse(cls, text: str) -> Path | None:
        """None for a path that is not one of the served types' own."""
        holder, _, rest = text.partition(":")
        code, _, target = rest.partition(":")
        if holder not in catalogue.SEARCHED or code not in followed(holder):
            return None
        if target and not _may_point_at(holder, code, target):
            return None
        return cls(holder, code, target or None)

    def points_at(self, resource_type: str) -> bool:
        return self.target in (None, resource_type) and _may_point_at(self.holder, self.code, resource_type)


@dataclass(frozen=True, slots=True)
class Company:
    """What a page brings along. ``complete``: it is all of it."""

    records: list[Stored]
    complete: bool


@cache
def followed(resource_type: str) -> tuple[str, ...]:
    """The reference parameters of a type that point at served types."""
    known = search_parameters.for_type(resource_type).items()
    return tuple(
        sorted(
            code
            for code, parameter in known
            if parameter.type == "reference"
            and any(path.type == "Reference" for path in parameter.paths)
            and (not parameter.targets or parameter.targets & catalogue.SERVED)
        )
    )


@cache
def includes(resource_type: str) -> tuple[str, ...]:
    """Every ``_include`` a search of this type takes."""
    return tuple(f"{resource_type}:{code}" for code in followed(resource_type))


@cache
def revincludes(resource_type: str) -> tuple[str, ...]:
    """Every ``_revinclude`` a search of this type takes."""
    return tuple(
        f"{holder}:{code}"
        for holder in sorted(catalogue.SEARCHED)
        for code in followed(holder)
        if _may_point_at(holder, code, resource_type)
    )


def along(
    records: RecordSet,
    matches: Sequence[Stored],
    *,
    included: Collection[Path],
    revincluded: Collection[Path],
    reaches: Reaches,
) -> Company:
    """What the paths lead to from these matches, each once and none that is a match itself."""
    if not included and not revincluded:
        return Company([], complete=True)
    known = {_name(match) for match in matches}
    found: dict[str, Stored] = {}
    for query in (*_to(matches, included, reaches), *_from(matches, revincluded, reaches)):
        for stored in records.every(query):
            if _name(stored) not in known and _name(stored) not in found:
                if len(found) == INCLUDED_MAX:
                    return Company(list(found.values()), complete=False)
                found[_name(stored)] = stored
    return Company(list(found.values()), complete=True)


def _to(matches: Sequence[Stored], paths: Iterable[Path], reaches: Reaches) -> list[Query]:
    """One question for each type that the matches point at."""
    paths = tuple(paths)
    opened = [orjson.loads(match.body) for match in matches] if paths else []
    ids: dict[str, dict[str, None]] = {}
    for path in paths:
        parameter = search_parameters.for_type(path.holder)[path.code]
        for resource in opened:
            for text in extraction.references(parameter, resource):
                parsed = references.parse(text)
                if parsed is None or parsed.kind is not references.Kind.RELATIVE or not parsed.type or not parsed.id:
                    continue
                if parsed.type in catalogue.SERVED and path.points_at(parsed.type) and reaches(parsed.type):
                    ids.setdefault(parsed.type, {})[parsed.id] = None
    return [
        Query(target, (Clause("_id", chunk),), count=COUNT_MAX)
        for target, wanted in ids.items()
        for chunk in _chunks(tuple(wanted))
    ]


def _from(matches: Sequence[Stored], paths: Iterable[Path], reaches: Reaches) -> list[Query]:
    """One question for each path: which records point at any of the matches."""
    names = tuple(_name(match) for match in matches)
    return [
        Query(path.holder, (Clause(path.code, chunk),), count=COUNT_MAX)
        for path in paths
        if reaches(path.holder)
        for chunk in _chunks(names)
    ]


def _chunks(values: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    return (values[start : start + COUNT_MAX] for start in range(0, len(values), COUNT_MAX))


def _name(stored: Stored) -> str:
    return f"{stored.resource_type}/{stored.logical_id}"


def _may_point_at(holder: str, code: str, target: str) -> bool:
    targets = search_parameters.for_type(holder)[code].targets
    return target in catalogue.SERVED and (not targets or target in targets)
