"""From the parameters of a request to a question the record store answers (R4 search.html).

What cannot be answered is said, never guessed: a bad value is an error that names its parameter, an unknown parameter
is left out of the ``self`` link, or an error when the client asked for strictness.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fhirapi import negotiation
from fhirapi.errors import UnsupportedParameter
from fhirapi.parameters import Pairs
from records.indexing import MAIN_DATE
from records.query import COUNT_MAX, NEWEST_FIRST, OLDEST_FIRST, Clause, InvalidSearch, Query
from standards.fhir import matching, search_parameters

COUNT_DEFAULT: Final = 50
VALUES_MAX: Final = 500
"""Comma-separated alternatives of one parameter."""
CURSOR: Final = "_cursor"

INCLUDES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"MedicationRequest": ("MedicationRequest:medication",), "MedicationDispense": ("MedicationDispense:medication",)}
)
"""Type to the ``_include`` it takes (US Core 6.1.0)."""
REVINCLUDE: Final = "Provenance:target"
NOT_IN_REVINCLUDE: Final = frozenset({"Provenance", "Binary"})

_SUMMARY: Final = ("count", "false")
_TOTAL: Final = ("none", "estimate", "accurate")


@dataclass(frozen=True, slots=True)
class Search:
    """A search understood. ``used`` are the pairs that took part, as they were sent: the ``self`` link."""

    query: Query
    used: tuple[tuple[str, str], ...]
    page_only: bool = True
    count_only: bool = False
    includes_medication: bool = False
    includes_provenance: bool = False

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
    includes_medication: bool = False
    includes_provenance: bool = False


def parse(resource_type: str, pairs: Pairs, *, base: str, strict: bool) -> Search:
    """Raises InvalidSearch for a bad value or modifier, UnsupportedParameter for what may not be left out.

    ``base`` is our own FHIR base: references on it are the same as relative ones.
    """
    shape = _Shape()
    clauses: list[Clause] = []
    used: list[tuple[str, str]] = []
    for name, value in pairs:
        reader = _RESULT.get(name)
        if reader is not None:
            if reader(shape, resource_type, value, strict):
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
        includes_medication=shape.includes_medication,
        includes_provenance=shape.includes_provenance,
    )


def _query(resource_type: str, clauses: Iterable[Clause], shape: _Shape) -> Query:
    return Query(resource_type, tuple(clauses), count=shape.count, cursor=shape.cursor, sort=shape.sort)


def _clause(resource_type: str, name: str, value: str, base: str) -> Clause | None:
    """One AND-ed condition; None for a parameter this type does not have."""
    code, _, modifier = name.partition(":")
    if code == "_has" or "." in name:
        raise UnsupportedParameter(name, "chained parameters are not supported")
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
    """Reading order is by when it happened; any other order may be left out (R4 search.html#sort)."""
    known = search_parameters.for_type(resource_type)
    if not all(part.removeprefix("-") in known for part in value.split(",")):
        raise InvalidSearch("_sort", "names no search parameter of this type")
    if value.removeprefix("-") != MAIN_DATE.get(resource_type):
        if strict:
            raise UnsupportedParameter("_sort", "this order is not supported")
        return False
    shape.sort = NEWEST_FIRST if value.startswith("-") else OLDEST_FIRST
    return True


def _summary(shape: _Shape, _type: str, value: str, strict: bool) -> bool:
    if value not in {"true", "text", "data", *_SUMMARY}:
        raise InvalidSearch("_summary", "is count or false")
    if value not in _SUMMARY:
        if strict:
            raise UnsupportedParameter("_summary", "only count and false are supported")
        return False
    shape.summary = value
    return True


def _total(shape: _Shape, _type: str, value: str, _strict: bool) -> bool:
    if value not in _TOTAL:
        raise InvalidSearch("_total", "is none, estimate or accurate")
    shape.total = value
    return True


def _include(shape: _Shape, resource_type: str, value: str, strict: bool) -> bool:
    if value.removesuffix(":Medication") in INCLUDES.get(resource_type, ()):
        shape.includes_medication = True
        return True
    if strict:
        raise UnsupportedParameter("_include", "this path is not supported")
    return False


def _revinclude(shape: _Shape, resource_type: str, value: str, strict: bool) -> bool:
    if value in {REVINCLUDE, f"{REVINCLUDE}:{resource_type}"} and resource_type not in NOT_IN_REVINCLUDE:
        shape.includes_provenance = True
        return True
    if strict:
        raise UnsupportedParameter("_revinclude", "this path is not supported")
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
        "_total": _total,
        "_include": _include,
        "_revinclude": _revinclude,
        "_format": _format,
    }
)
