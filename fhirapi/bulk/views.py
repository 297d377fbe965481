"""The routes of bulk export: kick-off, status, files. Only a backend service gets in, and only to what it asked for."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterator
from typing import Any, Final

import orjson
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.http import http_date
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request

from audit import events
from audit.models import Action, Agent, Outcome
from consent import gate
from fhirapi import asking, disclosures, errors, parameters
from fhirapi.bulk import exports, manifests, orders
from fhirapi.bulk.orders import Order
from fhirapi.models import OPEN_STATES, Export, ExportPart, ExportState, PartState
from fhirapi.views import FhirView
from gateway import limits
from gateway.authentication import BackendAuthentication
from gateway.bearer import BackendBearer, Bearer
from gateway.limits import Caller
from gateway.models import Application
from standards.smart import scopes as grammar

NDJSON: Final = "application/fhir+ndjson"
GZIP_LEVEL: Final = 5
_GZIP_FORMAT: Final = 31  # zlib's number for a gzip frame with the largest window


class AnyForm(BaseContentNegotiation):
    """Manifests are JSON and files are lines of it, whatever ``Accept`` says (RFC 9110 12.5.1 allows that)."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        return renderers[0], errors.MEDIA_TYPE


class BulkView(FhirView):
    """What these routes share: a token of a backend service, and a line in the log of orders."""

    http_method_names = ["get"]
    authentication_classes = [BackendAuthentication]
    interaction = "export"
    on_record = False

    def authenticated(self, request: Request) -> Bearer | None:
        service = request.auth
        if not isinstance(service, BackendBearer):
            raise exceptions.NotAuthenticated
        limits.spend(Caller.APP, service.client_id)
        self.service = service
        return None

    def finalize_response(  # type: ignore[override]
        self, request: Request, response: HttpResponse, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """An order and its end are in the log before the answer leaves."""
        if self.on_record and hasattr(self, "service"):
            try:
                self._log(request, response.status_code)
            except DatabaseError as error:
                response = errors.answer(error)
        return super().finalize_response(request, response, *args, **kwargs)

    def _log(self, request: Request, status: int) -> None:
        events.append(
            owner_id=events.chain_of_app(self.service.application_id),
            action=Action.EXECUTE,
            interaction="export" if request.method != "DELETE" else "export-delete",
            outcome=Outcome.SUCCESS if status < 400 else Outcome.REFUSED if status < 500 else Outcome.FAILED,
            agent_kind=Agent.APP,
            agent=self.service.client_id,
            agent_name=self.service.application_name,
            origin=origin(request),
            detail={"status": status},
        )

    def found(self, uid: uuid.UUID) -> Export:
        return exports.find(uid, service=self.service, at=timezone.now())


class KickOffView(BulkView):
    """``GET|POST /$export``, ``/Patient/$export``: all people who let this service read."""

    http_method_names = ["get", "post"]
    parser_classes = [asking.ParametersParser, asking.PlainParametersParser]
    on_record = True
    by_patient = False

    def get(self, request: Request, **kwargs: str) -> HttpResponse:
        return self.kicked_off(request, parameters.of_query(request))

    def post(self, request: Request, **kwargs: str) -> HttpResponse:
        said = request.data if request.body and isinstance(request.data, list) else []
        return self.kicked_off(request, [*parameters.of_query(request), *said])

    def kicked_off(self, request: Request, pairs: parameters.Pairs) -> HttpResponse:
        if not any(gate.exports([scope], reached(scope)) for scope in self.service.scopes):
            raise errors.InsufficientScope("system/*.rs")
        by_patient = self.by_patient and request.method == "POST"
        order = orders.parse(pairs, lenient=_is_lenient(request), by_patient=by_patient)
        self._check_scopes(order)
        asked = settings.PUBLIC_URL + request.get_full_path()
        export = exports.begin(order, service=self.service, request=asked, at=timezone.now())
        response = HttpResponse(status=202, content_type=errors.MEDIA_TYPE)
        response["Content-Location"] = manifests.address(export.uid)
        response["Cache-Control"] = "no-store"
        return response

    def _check_scopes(self, order: Order) -> None:
        for resource_type in order.types:
            if not gate.exports(self.service.scopes, resource_type):
                raise errors.InsufficientScope(f"system/{resource_type}.rs")


class PatientKickOffView(KickOffView):
    by_patient = True


class GroupKickOffView(PatientKickOffView):
    """``/Group/[id]/$export``: the one group a service has is of the people who let it read."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        own = Application.objects.values_list("uid", flat=True).get(pk=self.service.application_id)
        if kwargs["group_id"] != str(own):
            raise errors.UnknownResource


class StatusView(BulkView):
    """The address of a kick-off's Content-Location: how far it is, the manifest, or its end."""

    http_method_names = ["get", "delete"]
    content_negotiation_class = AnyForm  # type: ignore[assignment]

    def get(self, request: Request, uid: uuid.UUID) -> HttpResponse:
        export, at = self.found(uid), timezone.now()
        if export.state == ExportState.FAILED:
            raise exports.ExportFailed
        if export.state in OPEN_STATES:
            exports.note_poll(export, at=at)
            response = HttpResponse(status=202, content_type=errors.MEDIA_TYPE)
            response["X-Progress"] = _progress(export)
            response["Retry-After"] = str(exports.RETRY_SECONDS)
        else:
            body = orjson.dumps(manifests.of(export, at=at))
            response = HttpResponse(body, content_type="application/json")
            assert export.expires is not None
            response["Expires"] = http_date(export.expires.timestamp())
        response["Cache-Control"] = "no-store"
        return response

    def delete(self, request: Request, uid: uuid.UUID) -> HttpResponse:
        self.on_record = True
        exports.cancel(self.found(uid), at=timezone.now())
        return HttpResponse(status=202, content_type=errors.MEDIA_TYPE, headers={"Cache-Control": "no-store"})


class FileView(BulkView):
    """A file of the manifest, streamed: consent asked and the access log written person by person."""

    content_negotiation_class = AnyForm  # type: ignore[assignment]

    def get(self, request: Request, uid: uuid.UUID, name: str) -> HttpResponseBase:
        export = self.found(uid)
        if export.state != ExportState.COMPLETE:
            raise errors.UnknownResource
        self._check_scopes(export, name)
        lines = manifests.lines(export, name, service=self.service, origin=origin(request), at=timezone.now())
        if lines is None:
            raise errors.UnknownResource
        zipped = _takes_gzip(request)
        response = StreamingHttpResponse(_zipped(lines) if zipped else lines, content_type=NDJSON)
        response["Cache-Control"] = "no-store"
        patch_vary_headers(response, ["Accept-Encoding"])
        if zipped:
            response["Content-Encoding"] = "gzip"
        return response

    def _check_scopes(self, export: Export, name: str) -> None:
        """A token fetches only what it could have ordered: it must cover the scopes that filled the file."""
        ordered = [grammar.parse(text) for text in export.scopes]
        if name == manifests.ERRORS:
            return
        filled = ordered if name == manifests.DELETED else [one for one in ordered if gate.exports([one], name)]
        if not all(any(grammar.covers(held, one) for held in self.service.scopes) for one in filled):
            raise errors.InsufficientScope(" ".join(str(one) for one in filled))


def reached(scope: grammar.Scope) -> str:
    """A type that the scope speaks of."""
    named = scope.resource if isinstance(scope, grammar.ResourceScope) else ""
    return "Patient" if named == "*" else named


def origin(request: Request) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))[: disclosures.ORIGIN_LENGTH_MAX]


def _is_lenient(request: Request) -> bool:
    words = request.META.get("HTTP_PREFER", "").lower().replace(" ", "")
    return "handling=lenient" in words.replace(";", ",").split(",")


def _progress(export: Export) -> str:
    parts = ExportPart.objects.filter(export=export)
    done = parts.exclude(state=PartState.WAITING).count()
    return f"{done} of {parts.count()} parts written" if export.planned else "looking at what there is"


def _takes_gzip(request: Request) -> bool:
    for part in request.META.get("HTTP_ACCEPT_ENCODING", "").lower().split(","):
        coding, _, quality = part.replace(" ", "").partition(";")
        if coding == "gzip":
            return quality.removeprefix("q=").rstrip("0") not in {"0.", "."} and quality != "q=0"
    return False


def _zipped(lines: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
    for portion in lines:
        if packed := packer.compress(portion):
            yield packed
    yield packer.flush()
