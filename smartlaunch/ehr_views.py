"""The way of a launch through a browser: opened by the EHR, on to its authorization server, and back."""

from __future__ import annotations

import hashlib
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from accounts import binding
from gateway import limits
from gateway.errors import TooManyRequests
from gateway.limits import Caller
from gateway.views import answering
from gateway.views.token import answered
from smartlaunch import arrivals, ehrs, embedding, exchanges, refusals, styles, visits
from smartlaunch.models import Arrival, Ehr
from smartlaunch.refusals import ArrivalRefused, Reason
from smartlaunch.visits import Open

STYLE_SECONDS: Final = 600


@never_cache
@require_GET
def launch(request: HttpRequest) -> HttpResponse:
    """``?iss&launch``: from an EHR in the list, letter by letter; nothing is fetched from any other."""
    _as_nobody(request)
    try:
        limits.spend(Caller.ADDRESS, answering.origin(request))
    except TooManyRequests as error:
        response = _explain(request, Reason.BUSY, status=429)
        response["Retry-After"] = str(error.seconds)
        return response
    at, ehr = timezone.now(), ehrs.known(request.GET.get("iss", ""))
    if ehr is None:
        return _explain(request, Reason.UNKNOWN_EHR)
    token = request.GET.get("launch", "")
    if not token:
        return _explain(request, Reason.NO_LAUNCH, ehr)
    arrival, secret = arrivals.begin(ehr, token, at=at)
    response = HttpResponseRedirect(reverse("ehr:go", args=[arrival.uid]))
    return visits.secure(arrival.uid, secret, response, ends=arrival.expires, at=at)


@never_cache
@require_GET
def go(request: HttpRequest, uid: UUID) -> HttpResponse:
    """On to the EHR, if the cookie came back; else a window of our own is offered, with the launch still unspent."""
    _as_nobody(request)
    arrival = arrivals.waiting(uid, at=timezone.now())
    if arrival is None:
        return _explain(request, Reason.EXPIRED)
    if not visits.is_bound(uid, request, bytes(arrival.secret_hash)):
        return _refused_cookie(request, arrival)
    try:
        return HttpResponseRedirect(arrivals.leave(arrival))
    except ArrivalRefused as refused:
        return _explain(request, refused.reason, arrival.ehr)


@never_cache
@require_GET
def callback(request: HttpRequest, slug: str) -> HttpResponse:
    _as_nobody(request)
    at, ehr = timezone.now(), ehrs.of_slug(slug)
    if ehr is None:
        return _explain(request, Reason.UNKNOWN_EHR)
    try:
        visit, secret = arrivals.finish(ehr, request.GET.dict(), request=request, at=at)
    except ArrivalRefused as refused:
        return _explain(request, refused.reason, ehr)
    response = HttpResponseRedirect(reverse("clinic:panel", args=[visit.uid]))
    return visits.secure(visit.uid, secret, response, ends=visit.ends, at=at)


@visits.needed
@require_GET
def style(request: HttpRequest, opened: Open) -> HttpResponse:
    """The EHR's colours for this visit; kept for a while here, and by no browser."""
    key = f"ehr-style:{hashlib.sha256(opened.visit.smart_style_url.encode()).hexdigest()}"
    sheet = cache.get(key)
    if sheet is None:
        sheet = styles.fetched(opened.visit.smart_style_url) if opened.visit.smart_style_url else ""
        cache.set(key, sheet, STYLE_SECONDS)
    return HttpResponse(sheet, content_type="text/css")


@csrf_exempt
@sensitive_post_parameters()
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """An EHR's token for a short one of ours (RFC 8693)."""
    _as_nobody(request)
    return answered(request, lambda asked: answering.in_json(exchanges.exchange(asked)))


def _as_nobody(request: HttpRequest) -> None:
    """Who is signed in here as a person is nobody to an EHR."""
    request.user = AnonymousUser()
    binding.bind(None)


def _refused_cookie(request: HttpRequest, arrival: Arrival) -> HttpResponse:
    """The launch can begin anew in a window of its own, where the cookie is no other site's."""
    arrivals.note_no_cookie(arrival)
    again = {"iss": arrival.ehr.iss, "launch": arrivals.launch_of(arrival)}
    context = {"address": f"{reverse('ehr:launch')}?{urlencode(again)}"}
    response = render(request, "smartlaunch/new_window.html", context, status=403)
    return embedding.held_by(response, arrival.ehr.frame_ancestors)


def _explain(request: HttpRequest, reason: Reason, ehr: Ehr | None = None, *, status: int = 400) -> HttpResponse:
    says, do = refusals.WORDS[reason]
    context = {"says": says, "do": do, "code": reason.value}
    response = render(request, "smartlaunch/not_opened.html", context, status=status)
    return embedding.held_by(response, ehr.frame_ancestors if ehr else [])
