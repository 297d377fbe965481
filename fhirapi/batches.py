"""``POST`` on the base: a batch, each entry for itself, or a transaction, all or nothing (R4 http.html#transaction).

Every entry that reads, and in a batch every entry, is a request of its own through the same routes with the same
token: it is authorised, gated and logged as if it had come alone.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import Any, Final
from urllib.parse import quote, unquote

import orjson
from django.core.handlers.wsgi import WSGIRequest
from django.db import transaction
from django.http import HttpResponse
from django.urls import Resolver404, resolve
from rest_framework import exceptions
from rest_framework.request import Request

from fhirapi import errors, views, writing
from fhirapi.errors import TooManyEntries, UnreadableBody
from standards.fhir import json
from sync.changes import CREATE, DELETE, PATCH, UPDATE, Change, Done

ENTRIES_MAX: Final = 200
ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024
"""Once the answers so far are this large, the rest of a batch is refused."""
READ_ROUTES: Final = frozenset({"instance", "version", "history", "type-history", "search", "compartment"})
WRITE_ROUTES: Final = frozenset({"instance", "search"})
_ORDER: Final = (DELETE, CREATE, UPDATE, PATCH)
_WORDS: Final = {200: "OK", 201: "Created", 204: "No Content", 304: "Not Modified"}


class EntryFailed(Exception):
    """An entry of a transaction that could not be answered; with it the whole transaction fails."""

    def __init__(self, answer: HttpResponse) -> None:
        super().__init__(str(answer.status_code))
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``Bundle.entry`` that asks something. ``wanted`` are the conditions of its ``request``, by header."""

    where: str
    method: str
    path: str
    query: str
    content: Any
    full_url: str
    wanted: dict[str, str]

    @property
    def reads(self) -> bool:
        return self.method in ("GET", "HEAD")


class BaseView(views.FhirView):
    """``/fhir/r4`` itself."""

    http_method_names = ["post"]
    interaction = "batch"

    def post(self, request: Request) -> HttpResponse:
        bundle = writing.bundle_of(request)
        kind = bundle.get("type")
        if kind == "transaction":
            self.interaction = self.disclosure.interaction = "transaction"
            return self.all_or_nothing(request, _listed(bundle))
        if kind == "batch":
            return self.each_alone(request, _listed(bundle))
        raise UnreadableBody("Bundle.type is neither batch nor transaction")

    def each_alone(self, request: Request, raw: list[Any]) -> HttpResponse:
        answers, size = [], 0
        for index, entry in enumerate(raw):
            answers.append(
                _alone(request, entry, index) if size < ANSWER_BYTES_MAX else errors.answer(TooManyEntries())
            )
            size += len(answers[-1].content)
        self.disclosure.told = True  # each entry has been, by its own route
        return self.answered(answers_bundle("batch-response", [told(answer) for answer in answers]))

    def all_or_nothing(self, request: Request, raw: list[Any]) -> HttpResponse:
        entries = [_entry(one, index) for index, one in enumerate(raw)]
        try:
            answers = self.together(request, entries)
        except EntryFailed as failed:
            return failed.answer
        self.disclosure.told = True
        return self.answered(answers_bundle("transaction-response", [told(answer) for answer in answers]))

    @transaction.atomic
    def together(self, request: Request, entries: list[Entry]) -> list[HttpResponse]:
        """Deletes, creates, updates, and then what reads: it sees what was written."""
        assert self.bearer is not None
        changes = {entry.where: _change(entry) for entry in entries if not entry.reads}
        by = writing.author(self.bearer, origin=request.META.get("REMOTE_ADDR", ""))
        ordered = sorted(changes.values(), key=lambda change: _ORDER.index(change.interaction))
        done: dict[str, Done] = {}
        if ordered:
            done = {one.change.where: one for one in writing.submit(by, ordered, interaction="transaction")}
        prefer = writing.returned(request.META)
        answers, size = [], 0
        for entry in entries:
            if entry.reads:
                answer = _ask(request, entry)
            else:
                answer = writing.answer(done[entry.where], prefer=prefer, media_type=errors.MEDIA_TYPE)
            size += len(answer.content)
            if answer.status_code >= 400 or size > ANSWER_BYTES_MAX:
                raise EntryFailed(answer if answer.status_code >= 400 else errors.answer(TooManyEntries()))
            answers.append(answer)
        return answers


def _listed(bundle: dict[str, Any]) -> list[Any]:
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise UnreadableBody("Bundle.entry is an array")
    if len(entries) > ENTRIES_MAX:
        raise TooManyEntries
    return entries


def _alone(request: Request, raw: Any, index: int) -> HttpResponse:
    try:
        return _ask(request, _entry(raw, index))
    except UnreadableBody as error:
        return errors.answer(error)


def _entry(raw: Any, index: int) -> Entry:
    """Raises UnreadableBody."""
    where = f"Bundle.entry[{index}]"
    asked = raw.get("request") if isinstance(raw, dict) else None
    if not isinstance(asked, dict):
        raise UnreadableBody(f"{where}.request is required")
    method, url, full_url = asked.get("method"), asked.get("url"), raw.get("fullUrl", "")
    if method not in ("GET", "HEAD", *writing.INTERACTION) or not isinstance(url, str) or not isinstance(full_url, str):
        raise UnreadableBody(f"{where}.request needs a method and a url")
    wanted = {}
    for name, header in _CONDITIONS.items():
        if name in asked:
            if not isinstance(asked[name], str):
                raise UnreadableBody(f"{where}.request.{name} is a string")
            wanted[header] = asked[name]
    path, query = writing.address(url)
    return Entry(where, method, path, query, raw.get("resource"), full_url, wanted)


_CONDITIONS: Final = {
    "ifMatch": "HTTP_IF_MATCH",
    "ifNoneExist": "HTTP_IF_NONE_EXIST",
    "ifNoneMatch": "HTTP_IF_NONE_MATCH",
    "ifModifiedSince": "HTTP_IF_MODIFIED_SINCE",
}


def _route(entry: Entry) -> tuple[Callable[..., HttpResponse], dict[str, str]]:
    """The view of an entry. Raises UnreadableBody for what is not done inside a Bundle."""
    try:
        found = resolve(f"/{unquote(entry.path)}", "fhirapi.urls")
    except Resolver404:
        raise UnreadableBody(f"{entry.where}.request.url is no address of this server") from None
    if found.url_name not in (READ_ROUTES if entry.reads else WRITE_ROUTES) or (entry.query and not entry.reads):
        raise UnreadableBody(f"{entry.where}.request.url is not answered inside a Bundle")
    return found.func, found.kwargs


def _ask(request: Request, entry: Entry) -> HttpResponse:
    """The entry as a request of its own."""
    view, kwargs = _route(entry)
    body, kind = _body(entry)
    outer = request.META
    environment: dict[str, Any] = {
        **{name: value for name, value in outer.items() if name in _PASSED_ON},
        **entry.wanted,
        "REQUEST_METHOD": entry.method,
        "PATH_INFO": f"/{quote(entry.path)}",
        "QUERY_STRING": quote(entry.query, safe="%/?:@!$&'()*+,;=|~-._[]"),
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
    }
    return view(WSGIRequest(environment), **kwargs)


_PASSED_ON: Final = (
    "HTTP_AUTHORIZATION",
    "HTTP_PREFER",
    "REMOTE_ADDR",
    "SERVER_NAME",
    "SERVER_PORT",
    "HTTP_HOST",
    "wsgi.url_scheme",
)


def _body(entry: Entry) -> tuple[bytes, str]:
    if entry.method in ("POST", "PUT"):
        return json.dumps(entry.content), errors.MEDIA_TYPE
    return (json.dumps(_patch(entry)), writing.JSON_PATCH) if entry.method == "PATCH" else (b"", "")


def _patch(entry: Entry) -> Any:
    """The patch in a Binary, as R4 http.html#patch has it inside a Bundle. Raises UnreadableBody."""
    binary = entry.content if isinstance(entry.content, dict) else {}
    if binary.get("resourceType") != "Binary" or binary.get("contentType") != writing.JSON_PATCH:
        raise UnreadableBody(f"{entry.where}.resource is a Binary of {writing.JSON_PATCH}")
    try:
        return writing.decoded(base64.b64decode(binary.get("data", ""), validate=True))
    except (binascii.Error, TypeError, ValueError):
        raise UnreadableBody(f"{entry.where}.resource.data is no base64") from None


def _change(entry: Entry) -> Change:
    """An entry of a transaction as a change. Raises UnreadableBody, MethodNotAllowed, InvalidSearch."""
    _, kwargs = _route(entry)
    resource_type, logical_id = kwargs["resource_type"], kwargs.get("logical_id", "")
    if bool(logical_id) == (entry.method == "POST"):
        raise exceptions.MethodNotAllowed(entry.method)
    content = None
    if entry.method in ("POST", "PUT"):
        content = writing.checked(entry.content, resource_type, logical_id=logical_id)
    elif entry.method == "PATCH":
        content = _patch(entry)
    return Change(
        writing.INTERACTION[entry.method],
        resource_type,
        logical_id,
        content=content,
        expected=writing.expected(entry.wanted.get("HTTP_IF_MATCH")),
        unless=writing.unless(resource_type, entry.wanted.get("HTTP_IF_NONE_EXIST")) if not logical_id else None,
        placeholder=entry.full_url if entry.full_url.lower().startswith("urn:") else "",
        where=entry.where,
    )


def told(answer: HttpResponse) -> bytes:
    """One entry of the response: what was answered, and the resource or outcome spliced in as it is."""
    response: dict[str, Any] = {
        "status": f"{answer.status_code} {_WORDS.get(answer.status_code, answer.reason_phrase)}"
    }
    for header, name in (("Location", "location"), ("ETag", "etag")):
        if header in answer:
            response[name] = answer[header]
    if "Last-Modified" in answer:
        response["lastModified"] = _instant(parsedate_to_datetime(answer["Last-Modified"]))
    body = answer.content
    if not body:
        return orjson.dumps({"response": response})
    if body.startswith(b'{"resourceType":"OperationOutcome"'):
        return orjson.dumps({"response": {**response, "outcome": orjson.Fragment(body)}})
    return orjson.dumps({"resource": orjson.Fragment(body), "response": response})


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def answers_bundle(kind: str, entries: list[bytes]) -> bytes:
    head = orjson.dumps({"resourceType": "Bundle", "type": kind})
    return b"".join((head[:-1], b',"entry":[', b",".join(entries), b"]}")) if entries else head
