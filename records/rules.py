"""What a reader may see, as rules that become a predicate in SQL: what no rule admits is never loaded (DESIGN D6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from records import indexing
from records.numbering import TYPE_NUMBER
from standards.fhir import matching, search_parameters


@dataclass(frozen=True, slots=True)
class Rule:
    """Admits the records of one type (None: of every type) that meet all of it.

    ``filters``: (search parameter, value) pairs; only parameters with rows. ``sources``: source ids, None for all.
    ``withheld``: label bits a record must not carry. ``since``/``until``: it overlaps this time, µs since 1970 UTC.
    ``hidden``: ``Type/id`` of single records that are not admitted, nor what belongs to them; the same in all rules of
    one reader.
    """

    resource_type: str | None = None
    filters: tuple[tuple[str, str], ...] = ()
    sources: frozenset[int] | None = None
    withheld: int = 0
    since: int | None = None
    until: int | None = None
    hidden: frozenset[str] = frozenset()

    def hidden_of(self, resource_type: str) -> list[str]:
        """The ids of hidden records of one type."""
        return sorted(text.partition("/")[2] for text in self.hidden if text.partition("/")[0] == resource_type)

    def reaches(self, resource_type: str) -> bool:
        return self.resource_type in (None, resource_type)

    @property
    def windowed(self) -> bool:
        return self.since is not None or self.until is not None

    def admits_opened(self, resource: dict[str, Any], *, labels: int, source_id: int) -> bool:
        """The same answer for a resource already open, as the past versions are that have no rows.

        No where it cannot be told: the category and the time of a past Binary's home are known to rows only.
        """
        known = search_parameters.for_type(resource["resourceType"])
        return (
            not labels & self.withheld
            and (self.sources is None or source_id in self.sources)
            and self._spans(resource)
            and all(code in known and matching.matches(known[code], resource, [v]) for code, v in self.filters)
        )

    def _spans(self, resource: dict[str, Any]) -> bool:
        """Whether it overlaps the window, as ``searching`` asks it of the row."""
        if not self.windowed:
            return True
        low, high = indexing.when(resource)
        return (
            resource["resourceType"] != "Binary"
            and high > (indexing.NEVER if self.since is None else self.since)
            and (self.until is None or low < self.until)
        )


def enforceable(resource_type: str, parameter: str) -> bool:
    """Whether a filter on this parameter can be a rule: it must have rows. ``*`` asks for every type that has it."""
    types = TYPE_NUMBER if resource_type == "*" else (resource_type,)
    return any(parameter == known.code for name in types for known in indexing.row_parameters(name))
