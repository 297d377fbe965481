"""What operations and histories are asked with: from the pairs of a request to values (R4 operations.html#executing).

A name that is given twice counts once, its last value; a name that is not known is left out, or refused when the
client asked for strictness.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from rest_framework import exceptions
from rest_framework.parsers import BaseParser

from fhirapi import negotiation, parameters
from fhirapi.errors import MEDIA_TYPE, UnsupportedParameter
from fhirapi.parameters import Pairs
from records.query import InvalidSearch
from standards.fhir import dates, json

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHAPE: Final = frozenset({"_format", "_pretty"})


class ParametersParser(BaseParser):
    """``POST …/$operation`` with a Parameters resource. Its parameters become pairs, as in a query string."""

    media_type = MEDIA_TYPE

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            resource = json.loads(stream.read())
        except json.MalformedJSON:
            raise exceptions.ParseError from None
        given = resource.get("parameter", []) if isinstance(resource, dict) else None
        if not isinstance(given, list) or resource.get("resourceType") != "Parameters":
            raise exceptions.ParseError
        if len(given) > parameters.PAIRS_MAX:
            raise exceptions.ParseError
        return parameters.checked([_pair(one) for one in given])


class PlainParametersParser(ParametersParser):
    media_type = negotiation.PLAIN


def _pair(given: Any) -> tuple[str, str]:
    name = given.get("name") if isinstance(given, dict) else None
    values = [value for key, value in given.items() if key.startswith("value")] if isinstance(name, str) else []
    if not isinstance(name, str) or len(values) != 1:
        raise exceptions.ParseError
    value = values[0]
    if isinstance(value, bool):
        return name, "true" if value else "false"
    if isinstance(value, dict) and isinstance(value.get("reference"), str):
        value = value["reference"]
    if isinstance(value, dict):  # an Identifier or a Coding
        value = f"{value.get('system', '')}|{value.get('value', value.get('code', ''))}"
    if not isinstance(value, (str, int)):
        raise exceptions.ParseError
    return name, str(value)


def known(pairs: Pairs, names: Collection[str], *, strict: bool) -> dict[str, str]:
    """The parameters that take part. Raises UnsupportedParameter for any other one when strict."""
    for name, _ in pairs:
        if strict and name not in names and name not in _SHAPE:
            raise UnsupportedParameter(name, "is not supported here")
    for name, value in pairs:
        if name == "_format":
            negotiation.media_type_of_format(value)
    return {name: value for name, value in pairs if name in names}


def count(given: dict[str, str], *, default: int, most: int) -> int:
    """``_count`` from 1; larger than we give is not wrong (R4 search.html#count). Raises InvalidSearch."""
    text = given.get("_count")
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise InvalidSearch("_count", "is a whole number from 1")
    return min(int(text), most)


def interval(given: dict[str, str], name: str) -> dates.Interval | None:
    """What a date parameter covers. Raises InvalidSearch."""
    if name not in given:
        return None
    try:
        return dates.interval(given[name])
    except dates.InvalidDate as error:
        raise InvalidSearch(name, str(error)) from error


def instant(given: dict[str, str], name: str) -> datetime | None:
    """The first moment of what a date parameter covers. Raises InvalidSearch."""
    asked = interval(given, name)
    if asked is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=asked.low)
    except OverflowError:
        raise InvalidSearch(name, "is beyond the calendar") from None


def truth(given: dict[str, str], name: str) -> bool:
    """A boolean, false by default. Raises InvalidSearch."""
    text = given.get(name, "false")
    if text not in ("true", "false"):
        raise InvalidSearch(name, "is true or false")
    return text == "true"
