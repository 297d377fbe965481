"""Parameters of an OAuth request, read strictly: well-formed, each once, of bounded size (RFC 6749 3.1, 3.2)."""

from __future__ import annotations

import re

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, UnreadablePostError

from gateway.errors import Malformed

LENGTH_MAX = 16_384
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_UNCLEAN = re.compile("[\x00-\x1f\x7f\ufffd]")
"""Control characters, and what stands where there was no UTF-8."""
FORM = "application/x-www-form-urlencoded"


def of_query(request: HttpRequest) -> dict[str, str]:
    """The query's parameters. Raises Malformed."""
    raw = request.META.get("QUERY_STRING", "").encode("latin-1", "replace")
    _refuse_broken(raw)
    return _single({name: request.GET.getlist(name) for name in request.GET})


def of_form(request: HttpRequest) -> dict[str, str]:
    """The form's parameters; a query beside it is refused, and so is any other media type. Raises Malformed."""
    if request.META.get("QUERY_STRING"):
        raise Malformed("parameters in the query of a form request")
    charset = (request.content_params or {}).get("charset", "utf-8")
    if request.content_type != FORM or charset.lower() not in ("utf-8", "utf8"):
        raise Malformed("not a form")
    try:
        _refuse_broken(request.body)
        return _single({name: request.POST.getlist(name) for name in request.POST})
    except (SuspiciousOperation, UnreadablePostError):  # larger than the settings allow, or cut off
        raise Malformed("too large, or cut off") from None


def _refuse_broken(raw: bytes) -> None:
    if len(raw) > LENGTH_MAX:
        raise Malformed("too large")
    if _BROKEN_ESCAPE.search(raw):
        raise Malformed("a broken percent-escape")


def _single(found: dict[str, list[str]]) -> dict[str, str]:
    repeated = sorted(name for name, values in found.items() if len(values) > 1)
    if repeated:
        raise Malformed("a parameter stands more than once")
    parameters = {name: values[0] for name, values in found.items()}
    if any(_UNCLEAN.search(text) for pair in parameters.items() for text in pair):
        raise Malformed("control characters or no UTF-8")
    # RFC 6749 3.1: a parameter without a value counts as left out.
    return {name: value for name, value in parameters.items() if value}
