"""From a request that writes to a change, and from what became of it to an answer (R4 http.html#create and below)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse
from django.utils.http import http_date
from rest_framework import exceptions
from rest_framework.request import Request

from consent import gate
from fhirapi import catalogue, negotiation, parameters, searching
from fhirapi.errors import MEDIA_TYPE, UnreadableBody, UnsupportedParameter, outcome
from gateway.bearer import Bearer
from records.query import InvalidSearch, Query
from records.reading import Stored
from standards.fhir import json
from sync import submissions
from sync.changes import CREATE, DELETE, PATCH, UPDATE, Author, Change, Done

JSON_PATCH: Final = "application/json-patch+json"
INTERACTION: Final = {"POST": CREATE, "PUT": UPDATE, "PATCH": PATCH, "DELETE": DELETE}
_TAG: Final = re.compile(r'(?:W/)?"(\d{1,9})"', re.ASCII)


def author(bearer: Bearer, *, origin: str) -> Author:
    """The app with this token, as one who writes."""
    reader = gate.App(bearer.client_id, bearer.decision_id, bearer.scopes)
    return Author(bearer.owner_id, bearer.patient_id, reader, bearer.application_name, origin)


def resource_of(request: Request, resource_type: str, *, logical_id: str = "") -> dict[str, Any]:
    """The resource in the body. Raises UnsupportedMediaType, RequestDataTooBig, UnreadableBody."""
    content = _json(request, (MEDIA_TYPE, negotiation.PLAIN))
    return checked(content, resource_type, logical_id=logical_id)


def patch_of(request: Request) -> Any:
    """The operations in the body. Raises UnsupportedMediaType, RequestDataTooBig, UnreadableBody."""
    return _json(request, (JSON_PATCH,))


def points_of(request: Request) -> Any:
    """The JSON of data points. Raises UnsupportedMediaType, RequestDataTooBig, UnreadableBody."""
    return _json(request, (negotiation.PLAIN,))


def checked(content: Any, resource_type: str, *, logical_id: str = "") -> dict[str, Any]:
    """The resource, if it is what the address says. Raises UnreadableBody."""
    if not isinstance(content, dict):
        raise UnreadableBody("a resource is a JSON object")
    if content.get("resourceType") != resource_type:
        raise UnreadableBody(f"resourceType is not {resource_type}, as the address says")
    if logical_id and content.get("id") != logical_id:
        raise UnreadableBody("the id of the resource is not that of the address")
    return content


def expected(tag: str | None) -> frozenset[int] | None:
    """The versions that ``If-Match`` takes, None for any; what is no tag of ours takes none (RFC 9110 13.1.1)."""
    if tag is None or tag.strip() == "*":
        return None
    found = (_TAG.fullmatch(part.strip()) for part in tag.split(","))
    return frozenset(int(one[1]) for one in found if one)


def unless(resource_type: str, criteria: str | None) -> Query | None:
    """The search of ``If-None-Exist``. Every parameter counts, or too much would match.

    Raises InvalidSearch, UnsupportedParameter.
    """
    if criteria is None:
        return None
    catalogue.require(resource_type)
    pairs = parameters.of_text(criteria.strip().removeprefix(f"{resource_type}?").removeprefix("?"))
    search = searching.parse(resource_type, pairs, base=settings.FHIR_BASE, strict=True)
    if search.chains:
        raise UnsupportedParameter("If-None-Exist", "takes no chained parameters")
    if not search.query.clauses:
        raise InvalidSearch("If-None-Exist", "names no search parameter")
    return Query(resource_type, search.query.clauses)


def answer(done: Done, *, prefer: str, media_type: str) -> HttpResponse:
    """201, 200 or 204, with the version that now stands in the headers (R4 http.html#ops)."""
    stored = done.stored
    if done.change.interaction == DELETE:
        response = HttpResponse(status=204)
        del response["Content-Type"]
    else:
        body = _body(done, prefer)
        response = HttpResponse(body, status=201 if done.created else 200, content_type=media_type)
        if done.change.interaction == CREATE:
            response["Location"] = location(stored)
        response["Last-Modified"] = http_date(stored.last_updated.timestamp())
    response["ETag"] = f'W/"{stored.version_id}"'
    response["Cache-Control"] = "no-store"
    return response


def location(stored: Stored) -> str:
    """The address of one version."""
    return f"{settings.FHIR_BASE}/{stored.resource_type}/{stored.logical_id}/_history/{stored.version_id}"


def returned(headers: Mapping[str, str]) -> str:
    """``Prefer: return=…`` in small letters; what nobody asked for is the whole resource."""
    words = headers.get("HTTP_PREFER", "").lower().replace(" ", "").replace(";", ",").split(",")
    asked = next((word.removeprefix("return=") for word in words if word.startswith("return=")), "")
    return asked if asked in ("minimal", "operationoutcome") else "representation"


def _body(done: Done, prefer: str) -> bytes:
    """The resource is shown again only to an app that may read it."""
    if prefer == "minimal":
        return b""
    if prefer == "representation" and done.readable:
        return done.stored.body
    text = {CREATE: "Created."}.get(done.change.interaction, "Changed.") if done.written else "It stands as it was."
    if prefer == "representation":
        text += " The app's scopes do not let it be read."
    return outcome_bytes(text)


def outcome_bytes(text: str) -> bytes:
    """An OperationOutcome that tells of nothing wrong."""
    return json.dumps(outcome("informational", text, severity="information"))


def _json(request: Request, taken: tuple[str, ...]) -> Any:
    kind, *rest = (part.strip().lower() for part in request.META.get("CONTENT_TYPE", "").split(";"))
    if kind not in taken or not all(_is_plain(part) for part in rest):
        raise exceptions.UnsupportedMediaType(kind)
    return decoded(request.body)


def _is_plain(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    known = {"charset": {"utf-8", "utf8"}, "fhirversion": {"4.0", "4.0.1"}}
    return value.strip('"') in known.get(name, {value.strip('"')})


def decoded(body: bytes) -> Any:
    """The JSON of a body. Raises UnreadableBody."""
    try:
        return json.loads(body)
    except json.MalformedJSON as error:
        raise UnreadableBody(str(error)) from error


def submit(by: Author, changes: list[Change], *, interaction: str = "") -> list[Done]:
    """Do all of it or nothing."""
    return submissions.submit(by, changes, base=settings.FHIR_BASE, interaction=interaction)


def address(url: str) -> tuple[str, str]:
    """Path and query of an address below our base, relative or absolute. Raises UnreadableBody."""
    try:
        parts = urlsplit(url.removeprefix(f"{settings.FHIR_BASE}/"))
    except ValueError:
        raise UnreadableBody("request.url is no address") from None
    if parts.scheme or parts.netloc or parts.fragment:
        raise UnreadableBody("request.url is no address of this server")
    return parts.path.strip("/"), parts.query


def bundle_of(request: Request) -> dict[str, Any]:
    """The Bundle in the body. Raises UnsupportedMediaType, RequestDataTooBig, UnreadableBody."""
    return resource_of(request, "Bundle")
