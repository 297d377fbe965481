"""What a resource is found by: blind token and reference rows, its place in time, its categories.

Which parameters earn a row is decided by measurement (docs/adr/0003-search-rows.md): those that select among thousands
of records of one person, ``category`` wherever it exists, because scopes and consents speak of it, and ``identifier``
of what an app may write, because each create asks whether it is there already (``If-None-Exist``). Every other
parameter is answered by opening the candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from records import blind, inheriting
from records.models import FAR, Dating
from records.numbering import PARAMETER_NUMBER
from standards.fhir import dates, extraction, occurrence, search_parameters

# Below every possible date: a record that names no time is the last in reading order.
NEVER: Final = -(2**62)
INHERITS: Final = PARAMETER_NUMBER["inherits"]

_CATEGORY: Final = PARAMETER_NUMBER["category"]

ROWS: Final = MappingProxyType(
    {
        "AllergyIntolerance": ("clinical-status", "identifier"),
        "CarePlan": ("category", "status"),
        "CareTeam": ("status",),
        "Condition": ("category", "code", "clinical-status", "encounter", "identifier"),
        "Device": ("identifier",),
        "DiagnosticReport": ("category", "code", "status"),
        "DocumentReference": ("category", "type", "status", "identifier"),
        "Encounter": ("class", "type", "status", "identifier"),
        "FamilyMemberHistory": ("identifier",),
        "Goal": ("lifecycle-status", "identifier"),
        "Immunization": ("status", "identifier"),
        "MedicationDispense": ("status", "type"),
        "MedicationRequest": ("intent", "status", "encounter"),
        "MedicationStatement": ("category", "identifier"),
        # Nearly all of them are final: a row for it would cost an eighth of the record and select nothing.
        "Observation": ("category", "code", "identifier"),
        "Procedure": ("code", "status", "identifier"),
        "Provenance": ("target",),
        "QuestionnaireResponse": ("identifier",),
        "ServiceRequest": ("category", "code", "status"),
    }
)

# The date parameter that asks for ``occurred`` itself; every other date parameter opens the candidates.
MAIN_DATE: Final = MappingProxyType(
    {
        "CarePlan": "date",
        "Condition": "onset-date",
        "DiagnosticReport": "date",
        "DocumentReference": "date",
        "Encounter": "date",
        "Immunization": "date",
        "MedicationRequest": "authoredon",
        "Observation": "date",
        "Procedure": "date",
        "QuestionnaireResponse": "authored",
        "ServiceRequest": "authored",
    }
)


class Indexed(NamedTuple):
    """``rows`` are (parameter number, blind value); ``systems`` (parameter number, code system uri)."""

    occurred: int
    occurred_end: int
    dating: Dating
    rows: Set[tuple[int, int]]
    categories: tuple[int, ...]
    systems: Set[tuple[int, str]]


@cache
def row_parameters(resource_type: str) -> tuple[search_parameters.SearchParameter, ...]:
    """The parameters of this type that earn rows."""
    known = search_parameters.for_type(resource_type)
    codes = ROWS.get(resource_type, ("category",))
    return tuple(known[code] for code in codes if code in known)


def index(resource: dict[str, Any], *, key: bytes) -> Indexed:
    """Everything the store needs to find this resource again. Broken elements yield nothing, never an error."""
    rows: set[tuple[int, int]] = set()
    systems: set[tuple[int, str]] = set()
    for parameter in row_parameters(resource["resourceType"]):
        number = PARAMETER_NUMBER[parameter.code]
        if parameter.type == "token":
            for system, code in extraction.tokens(parameter, resource):
                rows.add((number, blind.token(key, system, code)))
                systems.add((number, system or ""))
        else:
            targets = (inheriting.reference_text(text) for text in extraction.references(parameter, resource))
            rows.update((number, blind.value(key, text)) for text in targets if text)
    rows.update((INHERITS, blind.value(key, text)) for text in inheriting.named(resource))
    occurred, occurred_end, dating = _placed(resource)
    return Indexed(
        occurred=occurred,
        occurred_end=occurred_end,
        dating=dating,
        rows=rows,
        categories=tuple(sorted([value for number, value in rows if number == _CATEGORY])),
        systems=systems,
    )


def when(resource: dict[str, Any]) -> tuple[int, int]:
    """``occurred`` and ``occurred_end``: µs since 1970 UTC, half-open; both NEVER when it names no time."""
    return _placed(resource)[:2]


def length(low: int, high: int) -> int:
    """How long an interval is, in microseconds; 0 for one that has no beginning or no end."""
    return 0 if low == -FAR or high == FAR else high - low


def _placed(resource: dict[str, Any]) -> tuple[int, int, Dating]:
    found, dating = _when(resource)
    if found is None:
        return NEVER, NEVER, dating
    return max(found.low, -FAR), min(found.high, FAR), dating


def _when(resource: dict[str, Any]) -> tuple[dates.Interval | None, Dating]:
    main = _main_date(resource["resourceType"])
    found = main(resource) if main else []
    if len(found) == 1:
        return found[0], Dating.EXACT
    if found:
        return dates.Interval(min(one.low for one in found), max(one.high for one in found)), Dating.SEVERAL
    return occurrence.occurred(resource), Dating.OTHERWISE


@cache
def _main_date(resource_type: str) -> Callable[[dict[str, Any]], list[dates.Interval]] | None:
    parameter = search_parameters.for_type(resource_type).get(MAIN_DATE.get(resource_type, ""))
    return (lambda resource: extraction.dates(parameter, resource)) if parameter else None
