"""The parameters of a request as it sent them: name and value pairs in order, from the query string or a form.

REST framework's own reading replaces what is no UTF-8 and believes any ``charset``; ours refuses both.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import parse_qsl

from django.http import HttpRequest
from rest_framework import exceptions
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from records.query import InvalidSearch

PAIRS_MAX: Final = 100
NAME_LENGTH_MAX: Final = 200
VALUE_LENGTH_MAX: Final = 20_000
"""Enough for 500 ids; more is no search but an attack."""

_CONTROL: Final = re.compile("[\x00-\x1f]")

Pairs = list[tuple[str, str]]


class FormParser(BaseParser):
    """``POST [type]/_search``. The view has read the body already, so that its size is bounded."""

    media_type = "application/x-www-form-urlencoded"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """The form's Pairs."""
        return _parse(stream.read())


def of_query(request: HttpRequest | Request) -> Pairs:
    """What stands behind the ``?``. Raises ParseError, InvalidSearch."""
    query: str = request.META.get("QUERY_STRING", "")
    return _parse(query.encode("latin-1")) if query else []


def of_body(request: Request) -> Pairs:
    """What the form says; raises RequestDataTooBig before reading too much, UnsupportedMediaType for no form."""
    return request.data if request.body and isinstance(request.data, list) else []


def of_text(text: str) -> Pairs:
    """What a header or a Bundle's entry says in the form of a query. Raises ParseError, InvalidSearch."""
    return _parse(text.encode())


def _parse(raw: bytes) -> Pairs:
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=PAIRS_MAX)
    except ValueError:  # no UTF-8, or too many of them
        raise exceptions.ParseError from None
    return checked(pairs)


def checked(pairs: Pairs) -> Pairs:
    """The same pairs. Raises InvalidSearch for a name or a value that no parameter of ours could have."""
    for name, value in pairs:
        if len(name) > NAME_LENGTH_MAX or not name.isprintable():
            raise InvalidSearch(name, "is no name of a parameter")
        if len(value) > VALUE_LENGTH_MAX:
            raise InvalidSearch(name, "is too long")
        if _CONTROL.search(value):
            raise InvalidSearch(name, "holds a control character")
    return pairs
