"""Faults of a sandbox hospital, switched on and off: for tests, for the demo, and for those who write apps.

They sit in front of the whole site, so that what fails is an honest answer that is then spoilt on the wire.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from gateway import authorizations, bearer, tokens
from gateway.models import AccessToken
from sandbox.models import Fault, FaultKind
from standards.fhir import json

STRANGER_ID: Final = "00000000-0000-4000-8000-00000000beef"
"""The Patient a stranger's record is about; nobody has this id."""
HEALTH: Final = ("/livez", "/readyz")
AGAIN: Final = "_again"
"""The parameter by which a page that is sent twice is told from its second time."""
MORE: Final = 3
"""By how much another total is too high."""

Answer = Callable[[HttpRequest], HttpResponseBase]
Way = Callable[[Fault, HttpRequest, Answer], HttpResponseBase]


class ConnectionDropped(Exception):
    """Raised inside a half-sent answer: the server can then only close the connection."""


def switch_on(
    kind: str,
    *,
    path: str = "/fhir/r4/",
    patient: str = "",
    after: int = 0,
    times: int | None = None,
    seconds: int = 1,
) -> Fault:
    """From now on, requests under ``path`` fail this way, once the first ``after`` have passed; ``times`` of them.

    ``patient``: only those with a token for this Patient, so that one connection fails and the others do not.
    """
    return Fault.objects.create(
        kind=FaultKind(kind), path=path, patient=patient, after=after, remaining=times, seconds=seconds
    )


def clear() -> int:
    """Switch everything off; how many faults there were."""
    return Fault.objects.all().delete()[0]


def due(request: HttpRequest) -> Fault | None:
    """The fault that this request meets, counted down; None if it passes. Two requests never take the same count."""
    for fault in [fault for fault in Fault.objects.order_by("pk") if request.path.startswith(fault.path)]:
        if fault.patient and fault.patient != _patient(request):
            continue
        mine = Fault.objects.filter(pk=fault.pk)
        if mine.filter(after__gt=0).update(after=F("after") - 1):
            continue
        if fault.remaining is None or mine.filter(remaining__gt=0).update(remaining=F("remaining") - 1):
            return fault
    return None


def _token(request: HttpRequest) -> AccessToken | None:
    presented = tokens.digest(bearer.presented(request) or "")
    held: AccessToken | None = (
        AccessToken.objects.select_related("authorization__person").filter(token_checksum=presented).first()
    )
    return held


def _patient(request: HttpRequest) -> str:
    """The Patient that the request's token is for; empty without one."""
    held = _token(request)
    return held.authorization.person.patient_id if held is not None and held.authorization is not None else ""


class FaultMiddleware:
    """Only at a sandbox hospital of a sandbox; at the person's site, and anywhere else, it does not exist."""

    def __init__(self, get_response: Answer) -> None:
        if settings.SITE != "hospital" or not settings.SANDBOX:
            raise MiddlewareNotUsed
        self._answer = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        fault = None if request.path in HEALTH else due(request)
        if fault is None:
            return self._answer(request)
        return _WAYS[FaultKind(fault.kind)](fault, request, self._answer)


def _error(_fault: Fault, _request: HttpRequest, _answer: Answer) -> HttpResponseBase:
    return HttpResponse("<h1>Internal Server Error</h1>", status=500)


def _unavailable(fault: Fault, _request: HttpRequest, _answer: Answer) -> HttpResponseBase:
    status = 503 if fault.kind == FaultKind.UNAVAILABLE else 429
    return HttpResponse("come again later", status=status, headers={"Retry-After": str(fault.seconds)})


def _until(fault: Fault, _request: HttpRequest, _answer: Answer) -> HttpResponseBase:
    again = formatdate(time.time() + fault.seconds, usegmt=True)
    return HttpResponse("come again later", status=429, headers={"Retry-After": again})


def _truncated(_fault: Fault, request: HttpRequest, answer: Answer) -> HttpResponseBase:
    response = answer(request)
    if isinstance(response, HttpResponse):
        response.content = response.content[: len(response.content) // 2]
        _recount(response)
    return response


def _slow(fault: Fault, request: HttpRequest, answer: Answer) -> HttpResponseBase:
    time.sleep(fault.seconds)
    return answer(request)


def _expired(_fault: Fault, _request: HttpRequest, _answer: Answer) -> HttpResponseBase:
    challenge = 'Bearer error="invalid_token", error_description="The access token expired"'
    return HttpResponse(status=401, headers={"WWW-Authenticate": challenge})


def _revoked(_fault: Fault, request: HttpRequest, answer: Answer) -> HttpResponseBase:
    """The real thing: what she allowed is revoked, and the request meets that."""
    held = _token(request)
    if held is not None and held.authorization is not None:
        authorizations.revoke(held.authorization, at=timezone.now())
    return answer(request)


def _edited(change: Callable[[Any], Any]) -> Way:
    """A way that changes the resource of a good answer."""

    def edit(_fault: Fault, request: HttpRequest, answer: Answer) -> HttpResponseBase:
        response = answer(request)
        if isinstance(response, HttpResponse) and response.status_code == 200:
            response.content = json.dumps(change(json.loads(response.content)))
            _recount(response)
        return response

    return edit


def _repeated(_fault: Fault, request: HttpRequest, answer: Answer) -> HttpResponseBase:
    if AGAIN in request.GET:
        return answer(request)
    address = request.build_absolute_uri()
    second = f"{address}{'&' if '?' in address else '?'}{urlencode({AGAIN: 1})}"
    return _edited(lambda bundle: with_next(bundle, second))(_fault, request, answer)


def with_next(bundle: Any, address: str) -> Any:
    """The page with another next one. What is no page stays as it is."""
    if not _is_page(bundle):
        return bundle
    links = [link for link in bundle.get("link", []) if link.get("relation") != "next"]
    return {**bundle, "link": [*links, {"relation": "next", "url": address}]}


def with_other_order(bundle: Any) -> Any:
    """The page from its end. What is no page stays as it is."""
    return {**bundle, "entry": bundle["entry"][::-1]} if _is_page(bundle) else bundle


def with_other_total(bundle: Any) -> Any:
    """The page with a total that is too high. What is no page, or states none, stays as it is."""
    return {**bundle, "total": bundle["total"] + MORE} if _is_page(bundle) and "total" in bundle else bundle


def _is_page(bundle: Any) -> bool:
    return isinstance(bundle, dict) and bundle.get("resourceType") == "Bundle" and bool(bundle.get("entry"))


def with_stranger(bundle: Any) -> Any:
    """The page with one more entry: its first one again, about somebody else. What is no page stays as it is."""
    entries = bundle.get("entry") if isinstance(bundle, dict) else None
    if not entries:
        return bundle
    entry = copy.deepcopy(entries[0])
    resource = entry["resource"]
    resource["id"] = STRANGER_ID
    for name in ("subject", "patient", "beneficiary"):
        if name in resource:
            resource[name] = {"reference": f"Patient/{STRANGER_ID}"}
    if "fullUrl" in entry:
        entry["fullUrl"] = f"{entry['fullUrl'].rpartition('/')[0]}/{STRANGER_ID}"
    return {**bundle, "entry": [*entries, entry]}


def _dropped(_fault: Fault, request: HttpRequest, answer: Answer) -> HttpResponseBase:
    response = answer(request)
    content = response.content if isinstance(response, HttpResponse) else b""
    headers = {name: value for name, value in response.items() if name != "Content-Length"}
    headers["Content-Length"] = str(len(content) + 1)
    return StreamingHttpResponse(_half(content), status=response.status_code, headers=headers)


def _half(content: bytes) -> Iterator[bytes]:
    yield content[: len(content) // 2]
    raise ConnectionDropped("a switched fault closes this connection")


def _recount(response: HttpResponse) -> None:
    if "Content-Length" in response:
        response["Content-Length"] = str(len(response.content))


_WAYS: Final[dict[FaultKind, Way]] = {
    FaultKind.ERROR: _error,
    FaultKind.UNAVAILABLE: _unavailable,
    FaultKind.THROTTLED: _unavailable,
    FaultKind.TRUNCATED: _truncated,
    FaultKind.SLOW: _slow,
    FaultKind.EXPIRED: _expired,
    FaultKind.STRANGER: _edited(with_stranger),
    FaultKind.DROPPED: _dropped,
    FaultKind.UNTIL: _until,
    FaultKind.REPEATED: _repeated,
    FaultKind.REORDERED: _edited(with_other_order),
    FaultKind.TOTAL: _edited(with_other_total),
    FaultKind.REVOKED: _revoked,
}
