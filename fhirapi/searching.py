"""From the parameters of a request to a question the record store answers (R4 search.html).

What cannot be answered is said, never guessed: a bad value is an error that names its parameter, an unknown parameter
is left out of the ``self`` link, or an error when the client asked for strictness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from fhirapi import chaining, negotiation
from fhirapi.chaining import Chain
from fhirapi.errors import UnsupportedParameter
from fhirapi.including import PATHS_MAX, Path
from fhirapi.parameters import Pairs
from records.indexing import MAIN_DATE
from records.query import (
    COUNT_MAX,
    FIRST_CHANGED_FIRST,
    LAST_CHANGED_FIRST,
    NEWEST_FIRST,
    OLDEST_FIRST,
    Clause,
    InvalidSearch,
    Query,
)
from records.reading import Stored
from standards.fhir import json, matching, search_parameters, subsets

COUNT_DEFAULT: Final = 50
VALUES_MAX: Final = 500
"""Comma-separated alternatives of one parameter."""
CURSOR: Final = "_cursor"

_SUMMARY: Final = ("count", "false", *subsets.SUMMARIES)
_TOTAL: Final = ("none", "estimate", "accurate")

Subset = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Search:
    """A search understood. ``used`` are the pairs that took part, as they were sent: the ``self`` link.

    ``subset`` makes of a whole match what ``_summary`` or ``_elements`` leaves of it.
    """

    query: Query
    used: tuple[tuple[str, str], ...]
    page_only: bool = True
    count_only: bool = False
    includes: tuple[Path, ...] = ()
    revincludes: tuple[Path, ...] = ()
    chains: tuple[Chain, ...] = ()
    subset: Subset | None = None

    def cut(self, found: list[Stored]) -> list[Stored]:
        """Matches as far as they were asked for, decimals as written."""
        if self.subset is None:
            return found
        return [stored._replace(body=json.dumps(self.subset(stored.resource))) for stored in found]

    @property
    def names(self) -> list[str]:
        """The parameters that took part, without values: what the access log may hold."""
        return list(dict.fromkeys(name for name, _ in self.used if name != CURSOR))


@dataclass
class _Shape:
    """What the result parameters ask of the answer."""

    count: int = COUNT_DEFAULT
    cursor: str | None = None
    sort: str = NEWEST_FIRST
    summary: str = "false"
    total: str = "none"
    elements: tuple[str, ...] = ()
    includes: list[Path] = field(default_factory=list)
    revincludes: list[Path] = field(default_factory=list)

    @property
    def subset(self) -> Subset | None:
        if self.summary in subsets.SUMMARIES:
            return subsets.SUMMARIES[self.summary]
        return partial(subsets.only, names=self.elements) if self.elements else None


def parse(resource_type: str, pairs: Pairs, *, base: str, strict: bool) -> Search:
    """Raises InvalidSearch for a bad value or modifier, UnsupportedParameter for what may not be left out.

    ``base`` is our own FHIR base: references on it are the same as relative ones.
    """
    shape = _Shape()
    clauses: list[Clause] = []
    chains: list[Chain] = []
    used: list[tuple[str, str]] = []
    for name, value in pairs:
        reader = _RESULT.get(name)
        if reader is not None:
            if reader(shape, resource_type, value, strict):
                used.append((name, value))
        elif "." in name:
            chains.append(_chain(resource_type, name, value, base))
            used.append((name, value))
        elif name not in search_parameters.RESULT_PARAMETERS and (clause := _clause(resource_type, name, value, base)):
            clauses.append(clause)
            used.append((name, value))
        elif strict:
            raise UnsupportedParameter(name, "is not supported for this type")
    return Search(
        query=_query(resource_type, clauses, shape),
        used=tuple(used),
        page_only=shape.total == "none",
        count_only=shape.summary == "count" or shape.count == 0,
        includes=tuple(dict.fromkeys(shape.includes)),
        revincludes=tuple(dict.fromkeys(shape.revincludes)),
        chains=tuple(chains),
        subset=shape.subset,
    )


def subset(resource_type: str, pairs: Pairs, *, strict: bool) -> Subset | None:
    """What ``_summary`` and ``_elements`` of a read leave of the resource; None for all of it. Raises as ``parse``."""
    shape = _Shape()
    for name, value in pairs:
        if (name, value) == ("_summary", "count"):
            raise InvalidSearch("_summary", "is true, text, data or false for one resource")
        if name in ("_summary", "_elements"):
            _RESULT[name](shape, resource_type, value, strict)
    return shape.subset


def _query(resource_type: str, clauses: Iterable[Clause], shape: _Shape) -> Query:
    return Query(resource_type, tuple(clauses), count=shape.count, cursor=shape.cursor, sort=shape.sort)


def _chain(resource_type: str, name: str, value: str, base: str) -> Chain:
    """Raises UnsupportedParameter: a chain left out would give more than was asked for."""
    parts = None if name.startswith("_has:") else chaining.split(resource_type, name)
    if parts is None:
        raise UnsupportedParameter(name, "is no chain that is supported here")
    code, targets, rest = parts
    clause = _clause(targets[0], rest, value, base)
    if clause is None:
        raise UnsupportedParameter(name, "is no chain that is supported here")
    return Chain(name, code, targets, clause)


def _clause(resource_type: str, name: str, value: str, base: str) -> Clause | None:
    """One AND-ed condition; None for a parameter this type does not have."""
    code, _, modifier = name.partition(":")
    if code == "_has":
        raise UnsupportedParameter(name, "is not supported")
    parameter = search_parameters.for_type(resource_type).get(code)
    if parameter is None:
        if code in search_parameters.SPECIAL_PARAMETERS:
            raise UnsupportedParameter(name, "is not supported")
        return None
    values = matching.split(value)
    if len(values) > VALUES_MAX:
        raise InvalidSearch(name, f"has more than {VALUES_MAX} values")
    if parameter.type == "reference":
        values = [text.removeprefix(f"{base}/") for text in values]
    if not all(values):
        raise InvalidSearch(name, "has an empty value")
    return Clause(code, tuple(values), modifier or None)


# ---- result parameters: each says whether it took part


def _count(shape: _Shape, _type: str, value: str, _strict: bool) -> bool:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise InvalidSearch("_count", "is a whole number from 0")
    shape.count = min(int(value), COUNT_MAX)
    return True


def _cursor(shape: _Shape, _type: str, value: str, _strict: bool) -> bool:
    shape.cursor = value
    return True


def _sort(shape: _Shape, resource_type: str, value: str, strict: bool) -> bool:
    """By when it happened or when it changed; any other order may be left out (R4 search.html#sort)."""
    known = search_parameters.for_type(resource_type)
    if not all(part.removeprefix("-") in known for part in value.split(",")):
        raise InvalidSearch("_sort", "names no search parameter of this type")
    if value in (FIRST_CHANGED_FIRST, LAST_CHANGED_FIRST):
        shape.sort = value
        return True
    if value.removeprefix("-") != MAIN_DATE.get(resource_type):
        if strict:
            raise UnsupportedParameter("_sort", "this order is not supported")
        return False
    shape.sort = NEWEST_FIRST if value.startswith("-") else OLDEST_FIRST
    return True


def _summary(shape: _Shape, _type: str, value: str, _strict: bool) -> bool:
    if value not in _SUMMARY:
        raise InvalidSearch("_summary", "is true, text, data, count or false")
    shape.summary = value
    return True


def _elements(shape: _Shape, resource_type: str, value: str, strict: bool) -> bool:
    """Names of another type, or none at all, are left out or refused; ``Type.name`` is the same as ``name``."""
    names = [name.strip().removeprefix(f"{resource_type}.") for name in value.split(",")]
    unknown = subsets.unknown(resource_type, names)
    if unknown and strict:
        raise UnsupportedParameter("_elements", "names no element of this type")
    known = [name for name in names if name not in unknown]
    shape.elements = (*shape.elements, *known)
    return bool(known)


def _total(shape: _Shape, _type: str, value: str, _strict: bool) -> bool:
    if value not in _TOTAL:
        raise InvalidSearch("_total", "is none, estimate or accurate")
    shape.total = value
    return True


def _include(shape: _Shape, resource_type: str, value: str, strict: bool) -> bool:
    path = Path.parse(value)
    return _followed("_include", shape.includes, path, strict, fits=path is not None and path.holder == resource_type)


def _revinclude(shape: _Shape, resource_type: str, value: str, strict: bool) -> bool:
    path = Path.parse(value)
    return _followed(
        "_revinclude", shape.revincludes, path, strict, fits=path is not None and path.points_at(resource_type)
    )


def _followed(name: str, paths: list[Path], path: Path | None, strict: bool, *, fits: bool) -> bool:
    if path is not None and fits:
        if len(paths) == PATHS_MAX:
            raise InvalidSearch(name, f"is there more than {PATHS_MAX} times")
        paths.append(path)
        return True
    if strict:
        raise UnsupportedParameter(name, "this path is not supported")
    return False


def _format(_shape: _Shape, _type: str, value: str, _strict: bool) -> bool:
    """Answered already if it stood in the query string; in a form it is seen here first."""
    negotiation.media_type_of_format(value)
    return False


_RESULT: Final = MappingProxyType(
    {
        "_count": _count,
        CURSOR: _cursor,
        "_sort": _sort,
        "_summary": _summary,
        "_elements": _elements,
        "_total": _total,
        "_include": _include,
        "_revinclude": _revinclude,
        "_format": _format,
    }
)
