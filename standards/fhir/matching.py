"""One search clause against one opened resource (R4 search.html): the slow, obvious meaning of a query."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from standards.fhir import extraction, references
from standards.fhir.dates import InvalidDate, SearchDate
from standards.fhir.extraction import Quantity, normalise
from standards.fhir.search_parameters import SearchParameter

Resource = Mapping[str, Any]

_ESCAPE: Final = re.compile(r"\\([\\$,|])")
_NUMBER: Final = re.compile(
    r"(eq|ne|gt|ge|lt|le|sa|eb|ap)?(-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?)",
    re.ASCII,
)
_TYPE: Final = re.compile(r"[A-Z][A-Za-z]+", re.ASCII)
_APPROXIMATELY: Final = Decimal("0.1")

_MODIFIERS: Final[Mapping[str, frozenset[str]]] = {
    "token": frozenset({"not", "text"}),
    "string": frozenset({"exact", "contains"}),
    "uri": frozenset({"below", "above"}),
}


class InvalidValue(ValueError):
    """A search value or modifier that means nothing for its parameter. The message names the parameter."""


class Token(NamedTuple):
    """What is asked of a token: None means any, for the system also ``""`` for none at all."""

    system: str | None
    code: str | None


def split(text: str, separator: str = ",") -> list[str]:
    """The alternatives of one value, cut at commas that no backslash escapes; escapes stay for ``matches``."""
    if separator not in text:
        return [text]
    cuts, escaped = [-1], False
    for position, character in enumerate(text):
        if character == separator and not escaped:
            cuts.append(position)
        escaped = character == "\\" and not escaped
    return [text[start + 1 : end] for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]


def unescape(text: str) -> str:
    """Take the backslashes before ``\\ $ , |`` away (R4 search.html#escaping)."""
    return _ESCAPE.sub(r"\1", text)


def matches(
    parameter: SearchParameter,
    resource: Resource,
    values: list[str],
    *,
    modifier: str | None = None,
) -> bool:
    """Whether the resource answers ``parameter[:modifier]=values[0],values[1],…``; any one value is enough.

    References on the own base are to be given relative. Raises InvalidValue, whatever the resource holds.
    """
    return compile_clause(parameter, values, modifier=modifier)(resource)


def compile_clause(
    parameter: SearchParameter, values: Iterable[str], *, modifier: str | None = None
) -> Callable[[Resource], bool]:
    """The clause as a test for many resources. Raises InvalidValue at once."""
    values = list(values)
    if modifier == "missing":
        wanted = _is_missing(parameter, values)
        return lambda resource: wanted == (not extraction.elements(parameter, resource))
    _check_modifier(parameter, modifier)
    if parameter.type == "reference":
        return _test_references(parameter, values, modifier)
    tests = [_test(parameter, value, modifier) for value in values]
    if modifier == "not":
        return lambda resource: not any(test(resource) for test in tests)
    return lambda resource: any(test(resource) for test in tests)


def _is_missing(parameter: SearchParameter, values: list[str]) -> bool:
    if values not in (["true"], ["false"]):
        raise InvalidValue(f"{parameter.code}:missing takes true or false")
    return values == ["true"]


def _check_modifier(parameter: SearchParameter, modifier: str | None) -> None:
    if modifier is None or modifier in _MODIFIERS.get(parameter.type, ()):
        return
    names_type = parameter.type == "reference" and _TYPE.fullmatch(modifier)
    if not names_type or (parameter.targets and modifier not in parameter.targets):
        raise InvalidValue(f"{parameter.code} knows no such modifier")


def _test(parameter: SearchParameter, value: str, modifier: str | None) -> Callable[[Resource], bool]:
    if not value:
        raise InvalidValue(f"{parameter.code} has an empty value")
    return _TESTS[parameter.type](parameter, value, modifier)


# ---- token


def parse_token(value: str) -> Token:
    """``code``, ``system|code``, ``|code`` (no system) or ``system|``."""
    parts = split(value, "|")
    if len(parts) == 1:
        return Token(None, unescape(value))
    return Token(unescape(parts[0]), unescape("|".join(parts[1:])) or None)


def _test_token(parameter: SearchParameter, value: str, modifier: str | None) -> Callable[[Resource], bool]:
    if modifier == "text":
        start = normalise(unescape(value))
        return lambda resource: any(normalise(t).startswith(start) for t in extraction.texts(parameter, resource))
    asked = parse_token(value)
    if not asked.system and not asked.code:
        raise InvalidValue(f"{parameter.code} needs a system or a code")

    def test(resource: Resource) -> bool:
        return any(
            (asked.code is None or asked.code == held.code)
            and (asked.system is None or asked.system == (held.system or ""))
            for held in extraction.tokens(parameter, resource)
        )

    return test


# ---- date, number, quantity


def _test_date(parameter: SearchParameter, value: str, _modifier: str | None) -> Callable[[Resource], bool]:
    try:
        asked = SearchDate.parse(value)
    except InvalidDate as error:
        raise InvalidValue(f"{parameter.code}: {error}") from None
    return lambda resource: any(asked.matches(held) for held in extraction.dates(parameter, resource))


def _test_quantity(parameter: SearchParameter, value: str, _modifier: str | None) -> Callable[[Resource], bool]:
    number, *unit = split(value, "|")
    written = _NUMBER.fullmatch(number)
    if written is None or len(unit) not in (0, 2) or (unit and parameter.type == "number"):
        raise InvalidValue(f"{parameter.code} is a number, a quantity may add |system|code")
    compare = _compare_number(written[1] or "eq", written[2])
    system, code = (unescape(part) for part in unit) if unit else ("", "")

    def test(resource: Resource) -> bool:
        return any(_has_unit(q, system, code) and compare(q) for q in extraction.quantities(parameter, resource))

    return test


def _has_unit(held: Quantity, system: str, code: str) -> bool:
    """``|system|code`` is that coded unit, ``||code`` the code or the unit as written (R4 search.html#quantity)."""
    if system and system != held.system:
        return False
    return not code or code == held.code or (not system and code == held.unit)


def _compare_number(prefix: str, literal: str) -> Callable[[Quantity], bool]:
    """eq and ne go by the digits written (``5.4`` is 5.35 to 5.45), ``ap`` by a tenth, the rest by the exact number."""
    try:
        number = Decimal(literal)
        half = Decimal((0, (5,), int(number.as_tuple().exponent) - 1))
        margin = max(abs(number) * _APPROXIMATELY, half)
    except (InvalidOperation, OverflowError):
        raise InvalidValue("a number out of range") from None

    def low(held: Quantity) -> Decimal:
        return Decimal("-Infinity") if held.low is None else held.low

    def high(held: Quantity) -> Decimal:
        return Decimal("Infinity") if held.high is None else held.high

    def equal(held: Quantity) -> bool:
        return number - half <= low(held) and (high(held) < number + half or high(held) == number)

    tests: dict[str, Callable[[Quantity], bool]] = {
        "eq": equal,
        "ne": lambda held: not equal(held),
        "gt": lambda held: high(held) > number,
        "ge": lambda held: high(held) >= number,
        "lt": lambda held: low(held) < number,
        "le": lambda held: low(held) <= number,
        "sa": lambda held: low(held) > number,
        "eb": lambda held: high(held) < number,
        "ap": lambda held: low(held) <= number + margin and high(held) >= number - margin,
    }
    return tests[prefix]


# ---- string, uri, reference


def _test_string(parameter: SearchParameter, value: str, modifier: str | None) -> Callable[[Resource], bool]:
    asked = unescape(value)
    if modifier == "exact":
        return lambda resource: asked in extraction.strings(parameter, resource)
    plain = normalise(asked)
    if modifier == "contains":
        return lambda resource: any(plain in normalise(held) for held in extraction.strings(parameter, resource))
    return lambda resource: any(normalise(held).startswith(plain) for held in extraction.strings(parameter, resource))


def _test_uri(parameter: SearchParameter, value: str, modifier: str | None) -> Callable[[Resource], bool]:
    asked = unescape(value)
    if modifier == "below":
        return lambda resource: any(_is_below(held, asked) for held in extraction.uris(parameter, resource))
    if modifier == "above":
        return lambda resource: any(_is_below(asked, held) for held in extraction.uris(parameter, resource))
    return lambda resource: asked in extraction.uris(parameter, resource)


def _is_below(lower: str, upper: str) -> bool:
    return lower == upper or lower.startswith(upper.rstrip("/") + "/")


def _test_references(
    parameter: SearchParameter, values: Iterable[str], modifier: str | None
) -> Callable[[Resource], bool]:
    """By id alone, ``Type/id`` (or ``:Type=id``), or the whole address; a version in the resource does not matter.

    One look-up for each reference of the resource, however many are asked for.
    """
    asked = frozenset(_asked_reference(parameter, value, modifier) for value in values)
    bare = any("/" not in text for text in asked)

    def test(resource: Resource) -> bool:
        return any(_is_reference(held, asked, bare=bare) for held in extraction.references(parameter, resource))

    return test


def _asked_reference(parameter: SearchParameter, value: str, modifier: str | None) -> str:
    if not value:
        raise InvalidValue(f"{parameter.code} has an empty value")
    asked = unescape(value)
    if modifier is not None and "/" in asked and not asked.startswith(modifier + "/"):
        raise InvalidValue(f"{parameter.code}:{modifier} names another type")
    return asked if modifier is None or "/" in asked else f"{modifier}/{asked}"


def _is_reference(held: str, asked: frozenset[str], *, bare: bool) -> bool:
    if held in asked or held.partition("/_history/")[0] in asked:
        return True
    parsed = references.parse(held) if bare else None
    return parsed is not None and parsed.kind is references.Kind.RELATIVE and parsed.id in asked


_TESTS: Final[Mapping[str, Callable[[SearchParameter, str, str | None], Callable[[Resource], bool]]]] = {
    "token": _test_token,
    "date": _test_date,
    "quantity": _test_quantity,
    "number": _test_quantity,
    "string": _test_string,
    "uri": _test_uri,
}
