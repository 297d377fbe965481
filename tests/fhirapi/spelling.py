"""What to search for so that a resource is found: values of every spelling that a parameter takes."""

from __future__ import annotations

import re
from typing import Any

from standards.fhir import extraction, search_parameters
from standards.fhir.search_parameters import SearchParameter

__all__ = ["extraction", "search_parameters", "spread", "values"]

Resource = dict[str, Any]


def values(parameter: SearchParameter, resource: Resource) -> list[str]:
    """Values that find this resource; of a date also with prefixes, and then not all of them do."""
    if parameter.code == "_id":
        return [resource["id"]]
    reader = _SPELLINGS.get(parameter.type)
    return list(dict.fromkeys(reader(parameter, resource))) if reader else []


def spread(parameter: SearchParameter, resources: list[Resource], *, each: int) -> list[str]:
    """About ``each`` values over all resources, and one that finds nothing."""
    found: dict[str, None] = {}
    for resource in resources:
        found |= dict.fromkeys(values(parameter, resource))
    nothing = {"date": "1900-01-01", "number": "0"}.get(parameter.type, "nothing-has-this")
    return [*list(found)[:: max(1, len(found) // each)][:each], nothing]


def _plain(text: str) -> bool:
    """No character of it means anything in a search value."""
    return not set(text) & set(",|$\\")


def _tokens(parameter: SearchParameter, resource: Resource) -> list[str]:
    coded = [one for one in extraction.tokens(parameter, resource) if one.code and _plain(one.code)]
    return [text for one in coded for text in (one.code, *([f"{one.system}|{one.code}"] if one.system else []))]


def _dates(parameter: SearchParameter, resource: Resource) -> list[str]:
    held = [element for element, _ in extraction.elements(parameter, resource)]
    texts = [one.get("start") if isinstance(one, dict) else one for one in held]
    cut = [text[:length] for text in texts if isinstance(text, str) for length in (4, 10)]
    return [f"{prefix}{text}" for text in cut for prefix in ("", "ge", "lt", "le", "gt")]


def _strings(parameter: SearchParameter, resource: Resource) -> list[str]:
    return [text[:4] for text in extraction.strings(parameter, resource) if _plain(text) and text[:4].strip()]


def _uris(parameter: SearchParameter, resource: Resource) -> list[str]:
    return [text for text in extraction.uris(parameter, resource) if _plain(text)]


def _references(parameter: SearchParameter, resource: Resource) -> list[str]:
    """Those into a record; a ``urn:uuid`` has been made one before it is stored."""
    return [text for text in extraction.references(parameter, resource) if _RELATIVE.fullmatch(text)]


_RELATIVE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]+")
_SPELLINGS: dict[str, Any] = {
    "token": _tokens,
    "date": _dates,
    "string": _strings,
    "reference": _references,
    "uri": _uris,
}
