"""``/oauth/register`` (RFC 7591) and ``/oauth/register/<client_id>`` (RFC 7592): JSON in, JSON out."""

from __future__ import annotations

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts import stepup
from developers import dynamic, pages, registrations
from gateway import bearer, errors, throttle
from gateway.errors import GatewayError, InvalidRegistration
from gateway.views import answering

BYTES_MAX = 50_000
_NAME = "registration"


@csrf_exempt
@require_POST
def register(request: HttpRequest) -> HttpResponse:
    at, origin = timezone.now(), answering.origin(request)
    try:
        throttle.check(_NAME, origin)
        throttle.count_failure(_NAME, origin)  # a registration costs as much as a failure: rows that stay
        by = dynamic.developer_of(bearer.presented(request), at=at)
        return answering.in_json(dynamic.register(_metadata(request), by=by, at=at).body, 201)
    except GatewayError as error:
        return _refusal(error)


@csrf_exempt
@require_http_methods(["GET", "PUT", "DELETE"])
def registration(request: HttpRequest, client_id: str) -> HttpResponse:
    origin = answering.origin(request)
    try:
        throttle.check(_NAME, origin)
        application = dynamic.managed(client_id, bearer.presented(request))
        if request.method == "DELETE":
            dynamic.delete(application)
            return HttpResponse(status=204, headers=answering.NO_STORE)
        if request.method == "PUT":
            return answering.in_json(dynamic.update(application, _metadata(request), at=timezone.now()))
        return answering.in_json(dynamic.read(application))
    except GatewayError as error:
        throttle.count_failure(_NAME, origin)
        return _refusal(error)


@require_POST
@pages.of_developer
@stepup.required
@sensitive_variables("token")
def initial_token(request: HttpRequest) -> HttpResponse:
    token = dynamic.issue_initial_token(pages.person(request), at=timezone.now())
    apps = registrations.of(pages.person(request))
    return render(request, "developers/home.html", {"apps": apps, "initial_token": token})


def _metadata(request: HttpRequest) -> object:
    """Raises InvalidRegistration for what is no JSON."""
    if request.content_type != "application/json" or len(request.body) > BYTES_MAX:
        raise InvalidRegistration("the metadata must be JSON of at most 50 kB")
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise InvalidRegistration("the metadata is no JSON") from error


def _refusal(error: GatewayError) -> HttpResponse:
    """The shape of RFC 7591 3.2.2; what to change is in the message, which holds nothing secret."""
    if not isinstance(error, InvalidRegistration):
        return answering.refusal(error)
    return answering.in_json({"error": errors.answer(error).error, "error_description": str(error)}, 400)
