"""What opens a link: its manifest, its one file, the places of files, and the page that shows them in any browser."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from gateway import limits
from gateway.errors import TooManyRequests
from gateway.limits import Caller
from sharing import cards, contents, errors, links, openings, wording
from sharing.openings import Opened, Visitor
from standards.fhir import json

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

JOSE: Final = "application/jose"
EMBEDDED_MAX: Final = 4_000_000
"""Longer files are never embedded in a manifest, whatever it is asked for."""
_BODY_MAX: Final = 10_000
_RECIPIENT_MAX: Final = 200
_PASSCODE_MAX: Final = 200


def _told(view: View[P]) -> View[P]:
    """The answers of errors.py, rates counted, and nothing of it kept by a cache on the way."""

    @csrf_exempt
    @wraps(view)
    def page(request: HttpRequest, /, *args: P.args, **options: P.kwargs) -> HttpResponse:
        try:
            limits.spend(Caller.ADDRESS, _origin(request))
            limits.spend(Caller.LINK, str(options["token"]))
            response = view(request, *args, **options)
        except TooManyRequests as error:
            response = _json(429, {"error": "too_many_requests"})
            response["Retry-After"] = str(error.seconds)
        except errors.SharingError as error:
            answer = errors.answer(error)
            response = _json(answer.status, answer.body)
        response["Cache-Control"] = "no-store"
        return response

    return page


@_told
@require_http_methods(["GET", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """POST: the manifest. GET: the file itself, of a link with flag ``U``."""
    at = timezone.now()
    if request.method == "GET":
        visitor = Visitor(_recipient(request.GET.get("recipient")), _origin(request))
        opened = openings.directly(token, visitor, at=at)
        return HttpResponse(opened.file, content_type=JOSE)
    asked = _asked(request)
    visitor = Visitor(_recipient(asked.get("recipient")), _origin(request))
    opened = openings.by_passcode(token, visitor, _passcode(asked.get("passcode")), at=at)
    return _json(200, {"files": [_file(token, opened, visitor, _most(asked.get("embeddedLengthMax")))]})


@_told
@require_safe
def file(request: HttpRequest, token: str, ticket: str) -> HttpResponse:
    """A place that a manifest named; read anew, so a link that was stopped meanwhile gives nothing."""
    opened = openings.by_ticket(token, ticket, _origin(request), at=timezone.now())
    return HttpResponse(opened.file, content_type=JOSE)


@require_safe
@never_cache
def viewer(request: HttpRequest) -> HttpResponse:
    """Ours for any browser, without an account. The link is in the fragment, which no browser sends."""
    response = render(request, "sharing/viewer.html", {"path": links.PATH, "words": wording.words()})
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_safe
def card_keys(request: HttpRequest) -> HttpResponse:
    """The public keys of the issuer of our health cards, for whoever is shown one."""
    return _kept_shortly(_json(200, cards.published(at=timezone.now())))


@require_safe
def cards_taken_back(request: HttpRequest, kid: str) -> HttpResponse:
    """The numbers of the cards of a key that were taken back, for whoever is shown one."""
    listed = cards.taken_back(kid)
    return _json(404, {"error": "not_found"}) if listed is None else _kept_shortly(_json(200, listed))


def _kept_shortly(response: HttpResponse) -> HttpResponse:
    """A card that was taken back is to be known as that soon."""
    response["Cache-Control"] = "public, max-age=300"
    return response


def _file(token: str, opened: Opened, visitor: Visitor, most: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "contentType": contents.CONTENT_TYPE,
        "fhirVersion": "4.0.1",
        "status": "can-change" if opened.live else "finalized",
        "lastUpdated": opened.changed.isoformat(timespec="seconds"),
    }
    if len(opened.file) <= most:
        return {**told, "embedded": opened.file}
    place = f"{settings.PUBLIC_URL}{links.PATH}{token}/{openings.ticket(opened, visitor)}"
    return {**told, "location": place}


def _asked(request: HttpRequest) -> dict[str, Any]:
    """The body of a manifest request. Raises Malformed."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > _BODY_MAX:
        raise errors.Malformed("the body is too large")
    try:
        said = json.loads(request.body)
    except json.MalformedJSON as error:
        raise errors.Malformed("the body is no JSON") from error
    if not isinstance(said, dict):
        raise errors.Malformed("the body is no JSON object")
    return said


def _recipient(said: Any) -> str:
    """As she reads it in her log, without letters that nobody sees and that turn others round. Raises Malformed."""
    visible = "".join(each for each in said if each.isprintable() or each.isspace()) if isinstance(said, str) else ""
    name = " ".join(visible.split())[:_RECIPIENT_MAX]
    if not name:
        raise errors.Malformed("recipient is missing: say who opens the link")
    return name


def _passcode(said: Any) -> str | None:
    """Raises Malformed."""
    if said is not None and (not isinstance(said, str) or len(said) > _PASSCODE_MAX):
        raise errors.Malformed("passcode is no text of this length")
    return said


def _most(said: Any) -> int:
    """Raises Malformed."""
    if said is None:
        return EMBEDDED_MAX
    if not isinstance(said, int) or isinstance(said, bool) or said < 0:
        raise errors.Malformed("embeddedLengthMax is no length")
    return min(said, EMBEDDED_MAX)


def _json(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(json.dumps(body), status=status, content_type="application/json")


def _origin(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
