"""What a resource holds for a search parameter. Broken shapes never raise; they hold nothing.

Each parameter's paths become closures once. Values found: R4 search.html, the table of each search type.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final, NamedTuple

from standards.fhir import dates as fhir_dates
from standards.fhir import references as fhir_references
from standards.fhir.dates import Interval
from standards.fhir.occurrence import occurred
from standards.fhir.search_parameters import Path, SearchParameter

__all__ = [
    "Quantity",
    "Token",
    "dates",
    "elements",
    "normalise",
    "occurred",
    "quantities",
    "references",
    "strings",
    "texts",
    "tokens",
    "uris",
]

Resource = Mapping[str, Any]
_Nodes = list[Any]


class Token(NamedTuple):
    """A code with the system it belongs to; None where the resource gives no system and none is implied."""

    system: str | None
    code: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number or range with its unit. ``low`` and ``high`` are inclusive; None is open (``<5`` has no low)."""

    low: Decimal | None
    high: Decimal | None
    system: str | None = None
    code: str | None = None
    unit: str | None = None


def elements(parameter: SearchParameter, resource: Resource) -> list[tuple[Any, str | None]]:
    """Every element the parameter points at, with its FHIR type. ``deceased`` is a made-up boolean."""
    return [(element, path.type) for path, walk in _walks(parameter) for element in walk(resource)]


def tokens(parameter: SearchParameter, resource: Resource) -> list[Token]:
    """The codes a token parameter finds, each once, in document order; texts are ``texts``."""
    if parameter.paths[0].type == "?":
        return [Token(None, "true" if _is_present(parameter, resource) else "false")]
    found: list[Token] = []
    for path, walk in _walks(parameter):
        read = _TOKENS.get(path.type, _plain_token)
        for element in walk(resource):
            read(element, path.system, found)
    return list(dict.fromkeys(found)) if len(found) > 1 else found


def texts(parameter: SearchParameter, resource: Resource) -> list[str]:
    """The displays and texts beside a token parameter's codes, for ``:text``."""
    found: list[Any] = []
    for element, _ in elements(parameter, resource):
        if element.__class__ is dict:
            found += [element.get("text"), element.get("display")]
            found += [coding.get("display") for coding in _dicts(element.get("coding"))]
    return [text for text in found if text.__class__ is str and text]


def references(parameter: SearchParameter, resource: Resource) -> list[str]:
    """The references and canonicals found, as written, each once."""
    found: list[str] = []
    for _, walk in _walks(parameter):
        for element in walk(resource):
            text = element.get("reference") if element.__class__ is dict else element
            if text.__class__ is str and text:
                found.append(text)
    return list(dict.fromkeys(found)) if len(found) > 1 else found


def dates(parameter: SearchParameter, resource: Resource) -> list[Interval]:
    """The times a date parameter finds; dates that do not exist are left out."""
    return [
        span
        for _, walk in _walks(parameter)
        for element in walk(resource)
        if (span := fhir_dates.covered(element)) is not None
    ]


def strings(parameter: SearchParameter, resource: Resource) -> list[str]:
    """The texts a string parameter looks into, as written; of names and addresses every part."""
    found: list[str] = []
    for path, walk in _walks(parameter):
        parts = _PARTS.get(path.type)
        for element in walk(resource):
            if element.__class__ is str:
                found.append(element)
            elif element.__class__ is dict and parts:
                found += [text for part in parts for text in _as_list(element.get(part)) if text.__class__ is str]
    return [text for text in found if text]


def quantities(parameter: SearchParameter, resource: Resource) -> list[Quantity]:
    """The quantities, ranges and plain numbers of a quantity or number parameter."""
    return [
        quantity
        for _, walk in _walks(parameter)
        for element in walk(resource)
        if (quantity := _quantity(element)) is not None
    ]


def uris(parameter: SearchParameter, resource: Resource) -> list[str]:
    """The addresses of a uri parameter, as written."""
    return [
        element for _, walk in _walks(parameter) for element in walk(resource) if element.__class__ is str and element
    ]


def normalise(text: str) -> str:
    """The form strings are compared in: no case, no accents, single spaces (R4 search.html#string)."""
    if text.isascii():
        return " ".join(text.casefold().split())
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return " ".join("".join(character for character in apart if not unicodedata.combining(character)).split())


# ---- walking


def _dicts(value: Any) -> Iterable[Mapping[str, Any]]:
    return [item for item in value if item.__class__ is dict] if value.__class__ is list else ()


def _as_list(value: Any) -> _Nodes:
    return value if value.__class__ is list else [] if value is None else [value]


@cache
def _walks(
    parameter: SearchParameter,
) -> tuple[tuple[Path, Callable[[Resource], _Nodes]], ...]:
    return tuple((path, _walk(path.steps)) for path in parameter.paths)


def _walk(steps: tuple[Any, ...]) -> Callable[[Resource], _Nodes]:
    first, rest = steps[0], [_step(step) for step in steps[1:]]

    def walk(resource: Resource) -> _Nodes:
        value = resource.get(first)
        if value is None:
            return []
        nodes = value if value.__class__ is list else [value]
        for step in rest:
            nodes = step(nodes)
        return nodes

    return walk


def _step(step: Any) -> Callable[[_Nodes], _Nodes]:
    if isinstance(step, str):
        return _into(step)
    if isinstance(step, int):
        return lambda nodes: nodes[step : step + 1]
    ((field, wanted),) = step.items()
    if field == "is":
        return lambda nodes: [node for node in nodes if _points_at(node, wanted)]
    return lambda nodes: [node for node in nodes if node.__class__ is dict and node.get(field) == wanted]


def _into(field: str) -> Callable[[_Nodes], _Nodes]:
    def step(nodes: _Nodes) -> _Nodes:
        found: _Nodes = []
        for node in nodes:
            value = node.get(field) if node.__class__ is dict else None
            if value.__class__ is list:
                found += value
            elif value is not None:
                found.append(value)
        return found

    return step


def _points_at(element: Any, type_: str) -> bool:
    """Whether the reference names that type; one that names none (urn:uuid, #contained) does not."""
    if element.__class__ is not dict:
        return False
    text = element.get("reference")
    if text.__class__ is str:
        if text.startswith(type_ + "/"):
            return True
        parsed = fhir_references.parse(text)
        if parsed is not None and parsed.type is not None:
            return parsed.type == type_
    return bool(element.get("type") == type_)


# ---- reading


def _is_present(parameter: SearchParameter, resource: Resource) -> bool:
    return any(element is not False for element, _ in elements(parameter, resource))


def _plain_token(element: Any, system: str | None, found: list[Token]) -> None:
    if element.__class__ is str and element:
        found.append(Token(system, element))


def _boolean_token(element: Any, _system: str | None, found: list[Token]) -> None:
    if element.__class__ is bool:
        found.append(Token(None, "true" if element else "false"))


def _coding_token(element: Any, _system: str | None, found: list[Token]) -> None:
    if element.__class__ is dict:
        system, code = element.get("system"), element.get("code")
        if code.__class__ is str and code:
            found.append(Token(system if system.__class__ is str else None, code))


def _concept_token(element: Any, _system: str | None, found: list[Token]) -> None:
    if element.__class__ is dict:
        for coding in _as_list(element.get("coding")):
            _coding_token(coding, None, found)


def _identifier_token(element: Any, _system: str | None, found: list[Token]) -> None:
    if element.__class__ is dict:
        system, value = element.get("system"), element.get("value")
        if value.__class__ is str and value:
            found.append(Token(system if system.__class__ is str else None, value))


def _contact_token(element: Any, _system: str | None, found: list[Token]) -> None:
    value = element.get("value") if element.__class__ is dict else None
    if value.__class__ is str and value:
        found.append(Token(None, value))


_TOKENS: Final[Mapping[str, Callable[[Any, str | None, list[Token]], None]]] = {
    "Coding": _coding_token,
    "CodeableConcept": _concept_token,
    "Identifier": _identifier_token,
    "ContactPoint": _contact_token,
    "boolean": _boolean_token,
}
_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "HumanName": ("family", "given", "prefix", "suffix", "text"),
    "Address": ("text", "line", "city", "district", "state", "country", "postalCode"),
}


def _number(value: Any) -> Decimal | None:
    if value.__class__ is int:
        return Decimal(value)
    return value if isinstance(value, Decimal) else None


def _text(value: Any) -> str | None:
    return value if value.__class__ is str else None


def _quantity(element: Any) -> Quantity | None:
    if element.__class__ is not dict:
        number = _number(element)
        return None if number is None else Quantity(number, number)
    if "low" in element or "high" in element:
        return _range(element)
    number = _number(element.get("value"))
    if number is None:
        return None
    comparator = element.get("comparator")
    return Quantity(
        low=None if comparator in ("<", "<=") else number,
        high=None if comparator in (">", ">=") else number,
        system="urn:iso:std:iso:4217" if "currency" in element else _text(element.get("system")),
        code=_text(element.get("currency", element.get("code"))),
        unit=_text(element.get("unit")),
    )


def _range(element: Mapping[str, Any]) -> Quantity | None:
    low, high = _quantity(element.get("low")), _quantity(element.get("high"))
    given = low or high
    if given is None:
        return None
    return Quantity(
        low=None if low is None else low.low,
        high=None if high is None else high.high,
        system=given.system,
        code=given.code,
        unit=given.unit,
    )
