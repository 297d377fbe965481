"""The routes of ``/fhir/r4``: parse, ask the gate one question, splice, write the access log, answer."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.http import http_date, parse_http_date_safe
from rest_framework import exceptions
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from consent import gate
from fhirapi import (
    accesslogs,
    bundles,
    capability,
    catalogue,
    chaining,
    charts,
    consents,
    delegates,
    disclosures,
    errors,
    including,
    parameters,
    searching,
)
from fhirapi.disclosures import Disclosure
from fhirapi.negotiation import FhirNegotiation
from gateway import authentication, limits, refusals
from gateway.authentication import SmartAuthentication
from gateway.bearer import Bearer
from gateway.errors import InvalidToken
from gateway.limits import Caller
from records.query import Query
from records.reading import Page, RecordSet, Stored
from standards.fhir import json

VERSION_DIGITS_MAX: Final = 9


class FhirRenderer(BaseRenderer):
    """What negotiation is told we write; the views hand out bytes themselves."""

    media_type = errors.MEDIA_TYPE
    format = "json"


class FhirView(APIView):
    """What all routes share. Nothing here can be reached without a token unless the view says so."""

    http_method_names = ["get", "head", "post"]
    authentication_classes = [SmartAuthentication]
    parser_classes = [parameters.FormParser]
    renderer_classes = [FhirRenderer]
    content_negotiation_class = FhirNegotiation
    format_kwarg = None
    interaction = "read"
    """What the gate is asked."""
    about_patient = False
    """Whether the id in the address is the Patient's, whatever is asked of her."""
    logged_as: str | None = None
    """What the access log calls it, where that is another word."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """First who asks, then in which form: a stranger learns nothing, not even what we would accept."""
        self.disclosure = Disclosure(self.logged_as or self.interaction)
        self.bearer: Bearer | None = None
        limits.spend(Caller.ADDRESS, request.META.get("REMOTE_ADDR", ""))
        bearer = self.authenticated(request)
        if bearer is not None:
            limits.spend(Caller.APP, bearer.client_id)
            limits.spend(Caller.PERSON, str(bearer.authorization_id))
        self.bearer = bearer
        if self.bearer is not None and self.bearer.staff:
            self.bearer = charts.turned(self.bearer, request, kwargs, about_patient=self.about_patient)
        # The rest of what the framework does here is for versions, permissions and throttles, of which it has none.
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)

    @property
    def default_response_headers(self) -> dict[str, str]:
        """None: which methods there are need not be said to whoever reads and is answered (RFC 9110 10.2.1)."""
        return {}

    def authenticated(self, request: Request) -> Bearer | None:
        bearer = request.auth
        if not isinstance(bearer, Bearer):
            raise exceptions.NotAuthenticated
        if bearer.context.get("patient", bearer.patient_id) != bearer.patient_id:
            holder = bearer.holder
            error = InvalidToken("the launch was for another patient", holder=holder)
            refusals.of_token(
                error, interaction=self.disclosure.interaction, origin=request.META.get("REMOTE_ADDR", "")
            )
            raise error
        return bearer

    def get_exception_handler(self) -> Any:
        return errors.answer

    def records(self, resource_type: str) -> RecordSet:
        """What the gate lets this token see with this interaction. Raises InsufficientScope, ConsentMissing."""
        assert self.bearer is not None
        if not self.reaches(resource_type):
            raise errors.InsufficientScope(f"patient/{resource_type}.{gate.LETTER[self.interaction]}")
        at, reader = timezone.now(), self.reader()
        found = gate.readable(owner_id=self.bearer.owner_id, reader=reader, interaction=self.interaction, at=at)
        if resource_type == gate.CONSENT and isinstance(reader, gate.App):
            return consents.among(found, reader, interaction=self.interaction, at=at)
        if resource_type == gate.AUDIT_EVENT and isinstance(reader, gate.App):
            return accesslogs.among(found, reader, interaction=self.interaction, at=at)
        if resource_type == gate.RELATED_PERSON and isinstance(reader, gate.DelegateApp):
            return delegates.among(found, reader, interaction=self.interaction)
        return found

    def reaches(self, resource_type: str) -> bool:
        return gate.reaches(self.reader(), resource_type, self.interaction)

    def reader(self) -> gate.App | gate.ClinicianApp | gate.DelegateApp | gate.Service:
        assert self.bearer is not None
        return charts.reader(self.bearer)

    def finalize_response(  # type: ignore[override]
        self, request: Request, response: HttpResponse, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Nothing leaves before the access log has it; if the log cannot be written, nothing leaves."""
        try:
            self._note(request, response.status_code)
        except DatabaseError as error:
            response = errors.answer(error)
        if response.status_code >= 400 or request.method not in ("GET", "HEAD"):
            response["Allow"] = ", ".join(self.allowed_methods)
        if request.method == "HEAD":
            response["Content-Length"] = str(len(response.content))
            response.content = b""
        return super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]

    def note_withheld(self) -> None:
        """Her access log tells her what the reader is not told: that there is such a record, and it was kept back."""
        assert self.bearer is not None
        name = (self.kwargs["resource_type"], self.kwargs["logical_id"])
        self.disclosure.withheld = gate.withholds(self.bearer.owner_id, name)

    def _note(self, request: Request, status: int) -> None:
        origin = request.META.get("REMOTE_ADDR", "")
        if self.bearer is not None:
            disclosures.record(self.disclosure, to=self.bearer, status=status, origin=origin)
        elif (refused := authentication.refused(request)) is not None:
            refusals.of_token(refused, interaction=self.disclosure.interaction, origin=origin)

    def answered(self, body: bytes, *, status: int = 200) -> HttpResponse:
        """Bytes in the media type agreed on. A person's record is in no cache but the app's own."""
        response = HttpResponse(body, status=status, content_type=self.request.accepted_media_type)
        response["Cache-Control"] = "no-store"
        return response


class MetadataView(FhirView):
    """``GET /metadata``, for anyone (R4 http.html#capabilities)."""

    authentication_classes = []

    def authenticated(self, request: Request) -> Bearer | None:
        return None

    def get(self, request: Request) -> HttpResponse:
        body, tag = capability.document()
        fresh = _names_tag(request, tag)
        response = HttpResponse(
            b"" if fresh else body, status=304 if fresh else 200, content_type=request.accepted_media_type
        )
        response["ETag"] = tag
        response["Cache-Control"] = "public, max-age=300"
        return response


class InstanceView(FhirView):
    """``GET /[type]/[id]``: read (R4 http.html#read)."""

    def get(self, request: Request, resource_type: str, logical_id: str) -> HttpResponse:
        catalogue.require(resource_type)
        self.disclosure.asked = resource_type
        return self.instance(request, self.records(resource_type).read(resource_type, logical_id))

    def instance(self, request: Request, stored: Stored | None) -> HttpResponse:
        if stored is None:
            self.note_withheld()
            raise errors.UnknownResource
        if stored.deleted:
            raise errors.ResourceGone
        tag = f'W/"{stored.version_id}"'
        if _is_fresh(request, tag, stored.last_updated):
            response = self.answered(b"", status=304)
        else:
            self.disclosure.add([stored])
            self.disclosure.record = f"{stored.resource_type}/{stored.logical_id}"
            response = self.answered(self.cut(request, stored))
        response["ETag"] = tag
        response["Last-Modified"] = _http_date(int(stored.last_updated.timestamp()))
        return response

    def cut(self, request: Request, stored: Stored) -> bytes:
        """The body, or what ``_summary`` or ``_elements`` asks of it."""
        pairs = parameters.of_query(request)
        subset = searching.subset(stored.resource_type, pairs, strict=is_strict(request)) if pairs else None
        return stored.body if subset is None else json.dumps(subset(stored.resource))


class VersionView(InstanceView):
    """``GET /[type]/[id]/_history/[vid]``: vread (R4 http.html#vread)."""

    interaction = "vread"

    def get(  # type: ignore[override]
        self, request: Request, resource_type: str, logical_id: str, version_id: str
    ) -> HttpResponse:
        catalogue.require(resource_type)
        self.disclosure.asked = resource_type
        records = self.records(resource_type)
        if not version_id.isdecimal() or len(version_id) > VERSION_DIGITS_MAX:
            raise errors.UnknownResource
        return self.instance(request, records.read_version(resource_type, logical_id, int(version_id)))


class SearchView(FhirView):
    """``GET /[type]?…`` (R4 http.html#search)."""

    interaction = "search"

    def get(self, request: Request, resource_type: str) -> HttpResponse:
        return self.found(request, resource_type, parameters.of_query(request))

    def found(self, request: Request, resource_type: str, pairs: parameters.Pairs) -> HttpResponse:
        catalogue.require(resource_type, catalogue.SEARCHED)
        self.disclosure.asked = resource_type
        records = self.records(resource_type)
        search = searching.parse(resource_type, pairs, base=settings.FHIR_BASE, strict=is_strict(request))
        self.disclosure.parameters = search.names
        return self.answered(self.bundle(records, self.bounded(search), self.path(resource_type)))

    def bounded(self, search: searching.Search) -> searching.Search:
        """The search within the compartment of the route, where there is one."""
        return search

    def path(self, resource_type: str) -> str:
        """What stands between the base and the ``?``."""
        return resource_type

    def bundle(self, records: RecordSet, search: searching.Search, path: str) -> bytes:
        base, at = settings.FHIR_BASE, timezone.now()
        links = [("self", bundles.address(base, path, search.used))]
        query = chaining.resolved(records, search.query, search.chains, self.reaches)
        if query is None or search.count_only:
            total = 0 if query is None else records.count(query)
            return bundles.searchset(base, [], at=at, links=links, total=total)
        page = records.search(query)
        company = including.along(
            records,
            page.entries,
            included=search.includes,
            revincluded=search.revincludes,
            reaches=self.reaches,
        )
        self.disclosure.add([*page.entries, *company.records])
        self.note_category(search)
        if page.next is not None:
            pairs = [pair for pair in search.used if pair[0] != searching.CURSOR]
            links.append(("next", bundles.address(base, path, [*pairs, (searching.CURSOR, page.next)])))
        return bundles.searchset(
            base,
            search.cut(page.entries),
            at=at,
            links=links,
            total=_total(records, search, query, page),
            included=company.records,
            outcome=None if company.complete else including.INCOMPLETE,
        )

    def note_category(self, search: searching.Search) -> None:
        category = disclosures.category_of(search.query, self.reader().scopes, letter=gate.LETTER[self.interaction])
        self.disclosure.add_category(search.query.resource_type, category)


class FormSearchView(SearchView):
    """``POST /[type]/_search``: the same as GET, its parameters in a form (R4 http.html#search)."""

    http_method_names = ["post"]

    def post(self, request: Request, resource_type: str) -> HttpResponse:
        return self.found(request, resource_type, [*parameters.of_query(request), *parameters.of_body(request)])


class NowhereView(FhirView):
    """Every other path below ``/fhir/r4``, so that a stray client still gets an OperationOutcome."""

    def get(self, request: Request, path: str) -> HttpResponse:
        raise errors.UnknownResource

    post = get


def _total(records: RecordSet, search: searching.Search, query: Query, page: Page) -> int | None:
    """Counted when asked for; known for nothing when all matches are on this page."""
    if query.cursor is None and page.next is None:
        return len(page.entries)
    return None if search.page_only else records.count(query)


def is_strict(request: Request) -> bool:
    """``Prefer: handling=strict`` (R4 http.html, search.html#errors; RFC 7240)."""
    words = request.META.get("HTTP_PREFER", "").lower().replace(" ", "")
    return "handling=strict" in words.replace(";", ",").split(",")


@lru_cache(maxsize=4096)
def _http_date(seconds: int) -> str:
    """Kept, because the records of one page of a sync were all changed at the same moment."""
    return http_date(seconds)


def _names_tag(request: Request, tag: str) -> bool:
    """Weak comparison of If-None-Match (RFC 9110 13.1.2)."""
    asked = request.META.get("HTTP_IF_NONE_MATCH")
    bare = tag.removeprefix("W/")
    return asked is not None and (
        asked.strip() == "*" or bare in (part.strip().removeprefix("W/") for part in asked.split(","))
    )


def _is_fresh(request: Request, tag: str, last_updated: datetime) -> bool:
    """Whether the client's copy is the current one; If-Modified-Since counts only without If-None-Match."""
    if "HTTP_IF_NONE_MATCH" in request.META:
        return _names_tag(request, tag)
    if "HTTP_IF_MODIFIED_SINCE" not in request.META:
        return False
    since = parse_http_date_safe(request.META["HTTP_IF_MODIFIED_SINCE"])
    return since is not None and int(last_updated.timestamp()) <= since
