"""What a kick-off asks for, from its query or its Parameters body (Bulk Data Access 3.0.0, "Query Parameters").

What is not supported is an error that names it, unless the client sent ``Prefer: handling=lenient``; a ``_typeFilter``
that cannot be kept is always one, because leaving it out would hand over more than was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl

from django.conf import settings

from fhirapi import catalogue, searching
from fhirapi.errors import UnsupportedParameter
from fhirapi.parameters import PAIRS_MAX, Pairs
from records import walking
from records.query import InvalidSearch, Query
from standards.fhir import search_parameters

FORMATS: Final = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})
FILTERS_MAX: Final = 50
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
# Commas also stand inside a query; one that parts two queries is followed by the next type.
_BETWEEN_QUERIES: Final = re.compile(r",(?=[A-Z][A-Za-z]+\?)")


@dataclass
class Order:
    """``types`` and ``patients`` are empty when all are meant; ``filters`` are ``Type?search`` texts."""

    types: list[str] = field(default_factory=list)
    filters: list[str] = field(default_factory=list)
    patients: list[str] = field(default_factory=list)
    since: datetime | None = None


def parse(pairs: Pairs, *, lenient: bool, by_patient: bool) -> Order:
    """``by_patient``: whether ``patient`` may be said. Raises InvalidSearch, UnsupportedParameter."""
    order = Order()
    for name, value in pairs:
        reader = _READERS.get(name)
        if reader is None or (reader is _patient and not by_patient):
            if not lenient:
                raise UnsupportedParameter(name, "is not supported in this export")
        else:
            reader(order, value)
    for text in order.filters:
        if order.types and text.partition("?")[0] not in order.types:
            raise InvalidSearch("_typeFilter", "names a type that _type leaves out")
    return order


def queries(filters: Iterable[str], resource_type: str) -> list[Query]:
    """The searches any one of which a record of this type has to meet."""
    return [_query(text) for text in filters if text.partition("?")[0] == resource_type] or [Query.of(resource_type)]


def _output_format(_order: Order, value: str) -> None:
    # A plus that nobody escaped arrives as a blank.
    if value.replace("fhir ndjson", "fhir+ndjson") not in FORMATS:
        raise InvalidSearch("_outputFormat", "must be application/fhir+ndjson")


def _since(order: Order, value: str) -> None:
    text = value.replace(" ", "+")
    try:
        if not _INSTANT.fullmatch(text):
            raise ValueError
        order.since = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidSearch("_since", "must be an instant with seconds and a time zone") from None


def _type(order: Order, value: str) -> None:
    for resource_type in value.split(","):
        if resource_type not in catalogue.SEARCHED:
            raise InvalidSearch("_type", "names a type that is not exported")
        if resource_type not in order.types:
            order.types.append(resource_type)


def _type_filter(order: Order, value: str) -> None:
    for text in _BETWEEN_QUERIES.split(value):
        resource_type, mark, _ = text.partition("?")
        if not mark or resource_type not in catalogue.SEARCHED:
            raise InvalidSearch("_typeFilter", "must be searches such as Observation?category=laboratory")
        walking.check(_query(text))
        order.filters.append(text)
    if len(order.filters) > FILTERS_MAX:
        raise InvalidSearch("_typeFilter", f"has more than {FILTERS_MAX} searches")


def _query(text: str) -> Query:
    resource_type, _, search = text.partition("?")
    try:
        pairs = parse_qsl(search, keep_blank_values=True, errors="strict", max_num_fields=PAIRS_MAX)
    except ValueError:
        raise InvalidSearch("_typeFilter", "cannot be read") from None
    for name, _value in pairs:
        if name == searching.CURSOR or name.partition(":")[0] in search_parameters.RESULT_PARAMETERS:
            raise UnsupportedParameter("_typeFilter", f"{name} does not choose records")
    parsed = searching.parse(resource_type, pairs, base=settings.FHIR_BASE, strict=True)
    if parsed.chains:
        raise UnsupportedParameter("_typeFilter", "chained parameters are not supported in it")
    return parsed.query


def _patient(order: Order, value: str) -> None:
    relative = value.removeprefix(f"{settings.FHIR_BASE}/")
    if not relative.startswith("Patient/"):
        raise InvalidSearch("patient", "must be references to Patients")
    order.patients.append(relative.removeprefix("Patient/"))


_READERS: Final[dict[str, Callable[[Order, str], None]]] = {
    "_outputFormat": _output_format,
    "_since": _since,
    "_type": _type,
    "_typeFilter": _type_filter,
    "patient": _patient,
}
