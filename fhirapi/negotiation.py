"""Which form of answer a client takes: we have one, FHIR JSON, so the question is only whether it will do."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request

from fhirapi import parameters
from fhirapi.errors import MEDIA_TYPE

PLAIN: Final = "application/json"
_TAKEN: Final = {MEDIA_TYPE: MEDIA_TYPE, PLAIN: PLAIN, "application/*": MEDIA_TYPE, "*/*": MEDIA_TYPE}
_FORMATS: Final = {"json": MEDIA_TYPE, MEDIA_TYPE: MEDIA_TYPE, PLAIN: PLAIN}
ACCEPT_LENGTH_MAX: Final = 2000


class FhirNegotiation(BaseContentNegotiation):
    """``_format`` counts for more than ``Accept`` (R4 http.html#parameters)."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        kind = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        """Raises NotAcceptable for what we cannot give."""
        wanted = request.META.get("QUERY_STRING", "")
        if "_format" in wanted:
            asked = [value for name, value in parameters.of_query(request) if name == "_format"]
            if asked:
                return renderers[0], media_type_of_format(asked[-1])
        return renderers[0], media_type_of_accept(request.META.get("HTTP_ACCEPT", ""))


def media_type_of_format(text: str) -> str:
    """The media type ``_format`` asks for; a ``+`` may have arrived as a blank. Raises NotAcceptable."""
    return _of_range(text.replace("fhir json", "fhir+json"), _FORMATS) or _refuse()


def media_type_of_accept(header: str) -> str:
    """The first media type of the header that we have, ``q=0`` left out. Raises NotAcceptable."""
    if not header or header == "*/*":
        return MEDIA_TYPE
    if len(header) > ACCEPT_LENGTH_MAX:
        _refuse()
    taken = (_of_range(part, _TAKEN) for part in header.split(","))
    return next((media_type for media_type in taken if media_type), None) or _refuse()


def _of_range(text: str, known: dict[str, str]) -> str | None:
    kind, *rest = (part.strip().lower() for part in text.split(";"))
    for name, _, value in (part.partition("=") for part in rest):
        if name == "fhirversion" and value.strip('"') not in {"4.0", "4.0.1"}:
            return None
        if name == "q" and value.rstrip("0") in {"", "."}:
            return None
    return known.get(kind)


def _refuse() -> str:
    raise exceptions.NotAcceptable
