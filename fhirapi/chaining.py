"""Chained parameters: ``practitioner.name=…`` finds what points at a record that the rest of it finds.

The record in between is asked of the same gate and needs a scope of its own, so a chain tells nothing of what the
token could not search itself (R4 search.html#chaining). One step only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from fhirapi import catalogue, errors, including
from records.query import COUNT_MAX, Clause, InvalidSearch, Query
from records.reading import RecordSet
from standards.fhir import search_parameters

FOUND_MAX: Final = COUNT_MAX
"""Records in between that one chain may go by."""


@dataclass(frozen=True, slots=True)
class Chain:
    """``code.<clause>`` of one type; ``targets`` are the types that ``code`` may point at and that have the clause."""

    name: str
    code: str
    targets: tuple[str, ...]
    clause: Clause


def split(resource_type: str, name: str) -> tuple[str, tuple[str, ...], str] | None:
    """``code[:Type].rest`` as code, target types and rest; None for what is no chain of this type."""
    head, _, rest = name.partition(".")
    code, _, wanted = head.partition(":")
    if not rest or "." in rest or code not in including.followed(resource_type):
        return None
    able = search_parameters.for_type(resource_type)[code].targets & catalogue.SEARCHED
    inner = rest.partition(":")[0]
    targets = tuple(sorted(one for one in able if wanted in ("", one) and inner in search_parameters.for_type(one)))
    return (code, targets, rest) if targets else None


def resolved(records: RecordSet, query: Query, chains: Iterable[Chain], reaches: including.Reaches) -> Query | None:
    """The query with its chains as plain clauses; None when one of them finds nothing in between.

    Raises InvalidSearch when one finds too much, InsufficientScope when no scope reaches what stands in between.
    """
    clauses = list(query.clauses)
    for chain in chains:
        reached = [target for target in chain.targets if reaches(target)]
        if not reached:
            raise errors.InsufficientScope(f"patient/{chain.targets[0]}.s")
        names = [name for target in reached for name in _found(records, target, chain)]
        if not names:
            return None
        if len(names) > FOUND_MAX:
            raise InvalidSearch(chain.name, "finds too many records in between")
        clauses.append(Clause(chain.code, tuple(names)))
    return replace(query, clauses=tuple(clauses))


def _found(records: RecordSet, target: str, chain: Chain) -> list[str]:
    page = records.search(Query(target, (chain.clause,), count=FOUND_MAX))
    if page.next is not None:
        raise InvalidSearch(chain.name, "finds too many records in between")
    return [f"{target}/{stored.logical_id}" for stored in page.entries]
