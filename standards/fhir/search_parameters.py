"""R4's and US Core's search parameters by type, compiled from HL7's definitions (``compile_searches``).

Composite and special parameters, and those whose expression needs more than paths, are not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from threading import Lock
from types import MappingProxyType
from typing import Any, Final

from standards.fhir import structures

_NONE: Final[Mapping[str, SearchParameter]] = MappingProxyType({})
_HL7: Final = "http://hl7.org/fhir/SearchParameter/"

RESULT_PARAMETERS: Final = frozenset(
    {
        "_sort",
        "_count",
        "_include",
        "_revinclude",
        "_summary",
        "_total",
        "_elements",
        "_contained",
        "_containedType",
        "_format",
        "_pretty",
    }
)
"""They shape the answer and do not choose resources (R4 search.html#table)."""

SPECIAL_PARAMETERS: Final = frozenset({"_text", "_content", "_list", "_has", "_type", "_query", "_filter"})
"""They choose resources by more than one element of theirs; none is evaluated here."""


@dataclass(frozen=True, slots=True)
class Path:
    """Where a parameter's values are: the FHIR ``type`` found there, the implied code ``system``, the steps to it."""

    type: str
    system: str | None
    steps: tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SearchParameter:
    """One parameter of one type. ``type`` is token, reference, date, string, quantity, number or uri.

    ``targets`` are the types a reference may point at; empty means any. Compared by identity: there is one of each.
    """

    base: str
    code: str
    type: str
    url: str
    targets: frozenset[str]
    paths: tuple[Path, ...]


@cache
def _table() -> Mapping[str, Mapping[str, list[Any]]]:
    table: Mapping[str, Mapping[str, list[Any]]] = structures.load("search-parameters.json")
    return table


def for_type(resource_type: str) -> Mapping[str, SearchParameter]:
    """Code to parameter, ``_id`` and ``_lastUpdated`` and their like included. Empty for an unknown type."""
    if resource_type not in structures.r4().resource_types:
        return _NONE
    with _one_at_a_time:
        return _of_known_type(resource_type)


# ``cache`` alone lets two threads that ask first make one each, and whoever holds the other one finds it nowhere.
_one_at_a_time: Final = Lock()


@cache
def _of_known_type(resource_type: str) -> Mapping[str, SearchParameter]:
    compiled = {**_table()["Resource"], **_table().get(resource_type, {})}
    return MappingProxyType({code: _parameter(resource_type, code, entry) for code, entry in compiled.items()})


def _parameter(base: str, code: str, entry: list[Any]) -> SearchParameter:
    type_, url, targets, paths = entry
    return SearchParameter(
        base=base,
        code=code,
        type=type_,
        url=url if ":" in url else _HL7 + url,
        targets=frozenset(targets),
        paths=tuple(_path(path) for path in paths),
    )


def _path(path: list[Any]) -> Path:
    type_, _, system = path[0].partition(" ")
    return Path(type_, system or None, tuple(path[1:]))
