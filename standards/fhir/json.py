"""FHIR JSON in and out without losing a digit: a decimal keeps the text it was written with.

FHIR R4 json.html and datatypes.html#decimal: "the precision of the decimal value has significance: 0.010 is
regarded as different to 0.01". Python's floats, and ``orjson.loads``, would make them the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Self

import orjson

MAX_DEPTH: Final = 120
"""Objects and arrays inside each other; orjson writes at most 254 levels, real resources use fewer than 30."""

DIGITS_MAX: Final = 4000
"""Of a number, written out. One of few characters (``1e999999999``) can have more than any machine calculates with."""

_BEYOND: Final = "a number beyond what a decimal can hold"
_INT64: Final = range(-(2**63), 2**63)
_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class MalformedJSON(ValueError):
    """The text is no JSON we accept. The message names the line and column, or the key, and quotes no value."""


class ExactDecimal(Decimal):
    """A JSON number with the ``literal`` it was written as; compares, hashes and calculates as its Decimal."""

    __slots__ = ("literal",)
    literal: str

    def __new__(cls, literal: str) -> Self:
        self = super().__new__(cls, literal)
        self.literal = literal
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.literal,)


def loads(data: bytes | str) -> Any:
    """Parse one JSON text strictly. Numbers with a fraction or exponent, beyond 64 bits, or ``-0``: ExactDecimal.

    Raises MalformedJSON for invalid UTF-8, NaN and Infinity, a key given twice, a lone surrogate, nesting past
    MAX_DEPTH, a number of more than DIGITS_MAX digits, and everything that is not JSON.
    """
    text = _decode(data)
    value = _parse(_STRICT, text)
    if _SURROGATE_ESCAPE.search(text):
        for where, _ in _lone_surrogates(value):
            raise MalformedJSON(f"lone surrogate in {where}")
    return value


def approximate(data: bytes) -> Any:
    """The same with binary floating point in place of decimals, ten times as fast: for pictures, which have no digits.

    Of bytes that ``loads`` read before. Raises MalformedJSON for an integer beyond 64 bits.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise MalformedJSON("no number that a picture could show") from error


def loads_lenient(data: bytes | str) -> tuple[Any, list[str]]:
    """Parse what a careless sender wrote: the value, and in words what was wrong with the text.

    The last of two equal keys wins, lone surrogates and bytes that are no UTF-8 become U+FFFD, raw control
    characters in strings stay, NaN and Infinity become strings. Raises MalformedJSON if it is no JSON at all.
    """
    wrong: list[str] = []
    text = _decode_lenient(data, wrong)
    try:
        value = _parse(_lenient_decoder(wrong, strict=True), text)
    except MalformedJSON as error:
        if "control character" not in str(error):
            raise
        wrong[:] = [
            *(note for note in wrong if note.startswith("invalid UTF-8")),
            "raw control character in a string",
        ]
        value = _parse(_lenient_decoder(wrong, strict=False), text)
    if _SURROGATE_ESCAPE.search(text):
        value = _mend_surrogates(value, wrong)
    return value, wrong


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON; every ExactDecimal as its literal. Raises TypeError for what JSON cannot say."""
    return orjson.dumps(value, default=_number)


def indented(value: Any) -> str:
    """The same over several lines, for people."""
    return orjson.dumps(value, default=_number, option=orjson.OPT_INDENT_2).decode()


def _number(value: Any) -> orjson.Fragment:
    if isinstance(value, ExactDecimal):
        return orjson.Fragment(value.literal)
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _decode(data: bytes | str) -> str:
    if isinstance(data, str):
        if _SURROGATE.search(data):
            raise MalformedJSON("lone surrogate in the text")
        return data.removeprefix("\ufeff")
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise MalformedJSON(f"invalid UTF-8 at byte {error.start}") from None


def _decode_lenient(data: bytes | str, wrong: list[str]) -> str:
    try:
        return _decode(data)
    except MalformedJSON as error:
        wrong.append(f"{error}, replaced")
    if isinstance(data, str):
        return _SURROGATE.sub("\ufffd", data).removeprefix("\ufeff")
    return data.decode(errors="replace").removeprefix("\ufeff")


def _parse(decoder: json.JSONDecoder, text: str) -> Any:
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError as error:
        raise MalformedJSON(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise MalformedJSON(f"nested deeper than {MAX_DEPTH} levels") from None
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _refuse_depth(value)
    return value


def _refuse_depth(value: Any) -> None:
    level, depth = [value], 0
    while level := [
        child
        for node in level
        for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
        if isinstance(child, (dict, list))
    ]:
        depth += 1
        if depth >= MAX_DEPTH:
            raise MalformedJSON(f"nested deeper than {MAX_DEPTH} levels")


def _read_decimal(literal: str) -> ExactDecimal:
    try:
        number = ExactDecimal(literal)
    except InvalidOperation:
        raise MalformedJSON(_BEYOND) from None
    if len(literal) > DIGITS_MAX or abs(number.adjusted()) > DIGITS_MAX:
        raise MalformedJSON(_BEYOND)
    return number


def _read_int(literal: str) -> int | ExactDecimal:
    if literal == "-0":
        return ExactDecimal(literal)
    if len(literal) < 19 or (len(literal) < 21 and int(literal) in _INT64):
        return int(literal)
    return _read_decimal(literal)


def _refuse_constant(name: str) -> Any:
    raise MalformedJSON(f"{name} is no JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJSON(f"duplicate key {json.dumps(_first_repeated(pairs))}")
    return members


def _first_repeated(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    return next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]


_STRICT: Final = json.JSONDecoder(
    parse_float=_read_decimal,
    parse_int=_read_int,
    parse_constant=_refuse_constant,
    object_pairs_hook=_unique,
)


def _lenient_decoder(wrong: list[str], *, strict: bool) -> json.JSONDecoder:
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        last = dict(pairs)
        if len(last) != len(pairs):
            wrong.append(f"duplicate key {json.dumps(_first_repeated(pairs))}, the last value kept")
        return last

    def constant(name: str) -> str:
        wrong.append(f"{name} is no JSON number, kept as text")
        return name

    def number(literal: str) -> int | ExactDecimal | str:
        try:
            return _read_int(literal) if literal.removeprefix("-").isdecimal() else _read_decimal(literal)
        except MalformedJSON as error:
            wrong.append(f"{error}, kept as text")
            return literal

    return json.JSONDecoder(
        parse_float=number,
        parse_int=number,
        parse_constant=constant,
        object_pairs_hook=members,
        strict=strict,
    )


def _lone_surrogates(value: Any) -> Iterator[tuple[str, str]]:
    """(name of the place, text) of each string or key holding half a character."""
    stack: list[tuple[str, Any]] = [("the value", value)]
    while stack:
        where, node = stack.pop()
        if isinstance(node, str):
            if _SURROGATE.search(node):
                yield where, node
        elif isinstance(node, list):
            stack.extend((where, child) for child in node)
        elif isinstance(node, dict):
            stack.extend(("a key", key) for key in node)
            stack.extend((f"key {json.dumps(key)}", child) for key, child in node.items())


def _mend_surrogates(value: Any, wrong: list[str]) -> Any:
    places = [where for where, _ in _lone_surrogates(value)]
    if not places:
        return value
    wrong.extend(f"lone surrogate in {where}, replaced" for where in places)
    return _without_surrogates(value)


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(child) for child in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(child) for key, child in value.items()}
    return value
