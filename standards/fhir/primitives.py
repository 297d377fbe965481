"""R4's primitive types in JSON: a test for each, None if the value is well formed (R4 datatypes.html)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from standards.fhir.json import ExactDecimal


class Finding(NamedTuple):
    """What is wrong with a value; ``severity`` is error or warning, as OperationOutcome spells them."""

    severity: str
    message: str


Test = Callable[[Any], Finding | None]

MAX_STRING: Final = 1024 * 1024
"""Characters; R4 says 1 MB."""

_INT32: Final = range(-(2**31), 2**31)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_YEAR: Final = r"(?!0000)(\d{4})"
_DAY: Final = rf"{_YEAR}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_CLOCK: Final = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?"
_ZONE: Final = r"(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))"
_DATE: Final = re.compile(rf"{_DAY}|{_YEAR}(?:-(?:0[1-9]|1[0-2]))?", re.ASCII)
_DATETIME: Final = re.compile(rf"{_DAY}(?:T{_CLOCK}{_ZONE})?|{_YEAR}(?:-(?:0[1-9]|1[0-2]))?", re.ASCII)
_INSTANT: Final = re.compile(rf"{_DAY}T{_CLOCK}{_ZONE}", re.ASCII)
_BASE64: Final = re.compile(r"[0-9A-Za-z+/=\s]+", re.ASCII)
_TAGS: Final = (
    "a|abbr|acronym|b|big|blockquote|br|caption|cite|code|col|colgroup|dd|dfn|div|dl|dt|em|h[1-6]|hr|i|img|li|ol|p"
    "|pre|q|samp|small|span|strong|sub|sup|table|tbody|td|tfoot|th|thead|tr|tt|ul|var|kbd|bdo|address|del|ins"
)
_ACTIVE: Final = re.compile(
    rf"<(?!/?(?:{_TAGS})[\s/>]|!--)|<[^>]*\s(?:on\w+|formaction)\s*=|javascript:", re.IGNORECASE
)

_BLANK_START: Final = frozenset({"", " "})

NULL: Final = Finding("error", "null is not allowed")
EMPTY: Final = Finding("error", "an empty string is not allowed")
_BLANK: Final = Finding("warning", "nothing but white space")
_LONG: Final = Finding("error", "longer than 1 MB")
_CONTROLS: Final = Finding("warning", "control characters in the text")
_NO_SUCH_DAY: Final = Finding("error", "no such day in the calendar")


def _expected(what: str) -> Finding:
    return Finding("error", f"{what} is expected")


_NO_STRING, _NO_BOOLEAN = _expected("a string"), _expected("true or false")


def test_string(value: Any) -> Finding | None:
    """Any text that says something."""
    if value.__class__ is not str:
        return NULL if value is None else _NO_STRING
    if value.isprintable() and value[:1] not in _BLANK_START and len(value) < MAX_STRING:
        return None
    if not value:
        return EMPTY
    if len(value) > MAX_STRING:
        return _LONG
    if value.isspace():
        return _BLANK
    return _CONTROLS if _CONTROL.search(value) else None


def test_boolean(value: Any) -> Finding | None:
    if value.__class__ is bool:
        return None
    return NULL if value is None else _NO_BOOLEAN


def _matching(pattern: re.Pattern[str] | str, what: str) -> Test:
    fullmatch = re.compile(pattern, re.ASCII).fullmatch
    wrong = _expected(what)

    def test(value: Any) -> Finding | None:
        if value.__class__ is str:
            return None if fullmatch(value) else (wrong if value else EMPTY)
        return NULL if value is None else _NO_STRING

    return test


def _unspaced(pattern: str, what: str) -> Test:
    """A pattern that every text without white space fulfils: the usual case, and much quicker to see."""
    matches = _matching(pattern, what)

    def test(value: Any) -> Finding | None:
        if value.__class__ is str and value and value.isprintable() and " " not in value:
            return None
        return matches(value)

    return test


def _dated(pattern: re.Pattern[str], what: str) -> Test:
    fullmatch, wrong = pattern.fullmatch, _expected(what)

    def test(value: Any) -> Finding | None:
        if value.__class__ is not str:
            return NULL if value is None else _NO_STRING
        written = fullmatch(value)
        if written is None:
            return wrong if value else EMPTY
        if written[3] is not None and written[3] > "28" and not _exists(written[1], written[2], written[3]):
            return _NO_SUCH_DAY
        return None

    return test


def _exists(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _whole(low: int, what: str) -> Test:
    wrong = _expected(what)

    def test(value: Any) -> Finding | None:
        if value.__class__ is int:
            return None if value in _INT32 and value >= low else wrong
        if value.__class__ is ExactDecimal and value.literal == "-0" and low <= 0:
            return None
        return NULL if value is None else wrong

    return test


def test_decimal(value: Any) -> Finding | None:
    """A JSON number, never text."""
    if value.__class__ is int or (isinstance(value, Decimal) and value.is_finite()) or value.__class__ is float:
        return None
    return NULL if value is None else _NO_NUMBER


_NO_NUMBER: Final = _expected("a number")


def test_base64(value: Any) -> Finding | None:
    if value.__class__ is not str:
        return NULL if value is None else _NO_STRING
    if not value:
        return EMPTY
    if not _BASE64.fullmatch(value) or (len(value) - sum(map(value.count, " \r\n\t"))) % 4:
        return _NO_BASE64
    return None


_NO_BASE64: Final = _expected("base64")


def test_xhtml(value: Any) -> Finding | None:
    """A ``div`` of the basic HTML that narratives may use, nothing active (R4 narrative.html, txt-1)."""
    if value.__class__ is not str:
        return NULL if value is None else _NO_STRING
    if not value.lstrip().startswith("<div"):
        return _NO_DIV
    return _ACTIVE_HTML if _ACTIVE.search(value) else None


_NO_DIV: Final = _expected("a div element")
_ACTIVE_HTML: Final = Finding("error", "HTML that a narrative may not have (txt-1)")

_URI: Final = _unspaced(r"\S+", "an address without white space")

TESTS: Final[Mapping[str, Test]] = {
    "string": test_string,
    "markdown": test_string,
    "boolean": test_boolean,
    "code": _unspaced(r"[^\s]+(?: [^\s]+)*", "a code without stray white space"),
    "id": _matching(r"[A-Za-z0-9\-.]{1,64}", "an id of 1 to 64 letters, digits, - and ."),
    "uri": _URI,
    "url": _URI,
    "canonical": _URI,
    "oid": _matching(r"urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+", "urn:oid:…"),
    "uuid": _matching(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "urn:uuid:…"),
    "date": _dated(_DATE, "a date (2019, 2019-03 or 2019-03-31)"),
    "dateTime": _dated(_DATETIME, "a date, or a date with time to the second and zone"),
    "instant": _dated(_INSTANT, "a date with time to the second and zone"),
    "time": _matching(_CLOCK, "a time hh:mm:ss"),
    "decimal": test_decimal,
    "integer": _whole(-(2**31), "a whole number of 32 bits"),
    "unsignedInt": _whole(0, "a whole number from 0"),
    "positiveInt": _whole(1, "a whole number from 1"),
    "base64Binary": test_base64,
    "xhtml": test_xhtml,
}
