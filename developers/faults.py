"""Faults on demand for an app on trial: what its developer wants to see it survive, for the next few requests.

Wherever it can, the real thing happens and the real answer is given: the code is expired, the authorization is revoked,
the request names another ``aud``. Only apps on trial can meet a fault, and only at the data of made-up people.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from developers.models import Fault, FaultKind
from gateway import authorizations, bearer, parameters, tokens
from gateway.errors import Malformed
from gateway.models import AccessToken, Application, Grant
from gateway.views import answering
from gateway.views.token import named_client
from standards.fhir import json

TIMES_MAX: Final = 20
SLOW_SECONDS: Final = 5
RETRY_SECONDS: Final = 5
_ON: Final = "developer-faults"
_ON_SECONDS: Final = 3600
_LOOK_EVERY_SECONDS: Final = 2
_AUTHORIZE, _TOKEN, _FHIR = "/oauth/authorize", "/oauth/token", "/fhir/r4/"
_READ: Final = re.compile(r"/fhir/r4/[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")

Answer = Callable[[HttpRequest], HttpResponseBase]
Way = Callable[[HttpRequest, Application, Answer], HttpResponseBase]


class _Known:
    """Whether any fault is switched on, asked of the cache every two seconds: requests pay nothing for it otherwise."""

    on = False
    looked = -1e9


def switch_on(application: Application, kind: str, *, times: int) -> None:
    """The app's next fitting requests fail this way; at other processes within two seconds."""
    times = max(1, min(times, TIMES_MAX))
    Fault.objects.update_or_create(application=application, kind=FaultKind(kind), defaults={"remaining": times})
    cache.set(_ON, 1, timeout=_ON_SECONDS)
    _Known.looked = -1e9


def of(application: Application) -> QuerySet[Fault]:
    return Fault.objects.filter(application=application, remaining__gt=0).order_by("kind")


def clear(application: Application) -> None:
    Fault.objects.filter(application=application).delete()


class FaultMiddleware:
    def __init__(self, get_response: Answer) -> None:
        self._answer = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith((_TOKEN, _FHIR, _AUTHORIZE)) or not _any_on():
            return self._answer(request)
        application = _application(request)
        if application is None:
            return self._answer(request)
        for kind, (fits, way) in _WAYS.items():
            if fits(request) and _take(application, kind):
                return way(request, application, self._answer)
        return self._answer(request)


def _any_on() -> bool:
    now = time.monotonic()
    if now - _Known.looked > _LOOK_EVERY_SECONDS:
        _Known.on, _Known.looked = cache.get(_ON) is not None, now
    return _Known.on


def _take(application: Application, kind: FaultKind) -> bool:
    """Counts one down; of two requests at once, each takes one of its own."""
    waiting = Fault.objects.filter(application=application, kind=kind, remaining__gt=0)
    return bool(waiting.update(remaining=F("remaining") - 1))


def _application(request: HttpRequest) -> Application | None:
    """The app on trial that sent this, by what it says of itself."""
    trials = Application.objects.filter(active=True, on_trial=True)
    if request.path.startswith(_FHIR):
        token = bearer.presented(request) or ""
        # An app that was changed after its approval is on trial again; people who let it in before meet no fault.
        held = AccessToken.objects.filter(token_checksum=tokens.digest(token)).exclude(
            authorization__person__is_synthetic=False
        )
        trials = trials.filter(pk__in=held.values("application_id"))
    else:
        client_id = named_client(request, _form(request))
        trials = trials.filter(client_id=client_id.replace("\x00", ""))
    found: Application | None = trials.first()
    return found


def _form(request: HttpRequest) -> dict[str, str]:
    try:
        return parameters.of_form(request) if request.method == "POST" else parameters.of_query(request)
    except Malformed:
        return {}


def _is_authorize(request: HttpRequest) -> bool:
    return request.path == _AUTHORIZE


def _is_redemption(request: HttpRequest) -> bool:
    return request.path == _TOKEN and _form(request).get("grant_type") == "authorization_code"


def _is_data(request: HttpRequest) -> bool:
    return request.path.startswith(_FHIR)


def _is_call(request: HttpRequest) -> bool:
    return request.path == _TOKEN or _is_data(request)


def _code_expired(request: HttpRequest, application: Application, answer: Answer) -> HttpResponseBase:
    code = tokens.digest(_form(request).get("code", ""))
    Grant.objects.filter(code=code, application=application).update(expires=timezone.now())
    return answer(request)


def _revoked(request: HttpRequest, application: Application, answer: Answer) -> HttpResponseBase:
    digest = tokens.digest(bearer.presented(request) or "")
    held = AccessToken.objects.select_related("authorization").filter(token_checksum=digest).first()
    if held is not None and held.authorization is not None:
        authorizations.revoke(held.authorization, at=timezone.now())
    return answer(request)


def _too_many(request: HttpRequest, application: Application, answer: Answer) -> HttpResponseBase:
    """In the shape of what was called."""
    said: dict[str, Any] = {"error": "temporarily_unavailable", "error_description": "Too many requests."}
    if _is_data(request):
        issue = {"severity": "error", "code": "throttled", "diagnostics": "Too many requests."}
        said = {"resourceType": "OperationOutcome", "issue": [issue]}
    response = answering.in_json(said, 429, **{"Retry-After": str(RETRY_SECONDS)})
    if _is_data(request):
        response["Content-Type"] = "application/fhir+json"
    return response


def _slow(request: HttpRequest, application: Application, answer: Answer) -> HttpResponseBase:
    time.sleep(SLOW_SECONDS)
    return answer(request)


def _wrong_aud(request: HttpRequest, application: Application, answer: Answer) -> HttpResponseBase:
    name = "POST" if request.method == "POST" else "GET"
    changed = getattr(request, name).copy()
    changed["aud"] = f"{settings.FHIR_BASE}/another"
    setattr(request, name, changed)
    return answer(request)


def _withheld(request: HttpRequest, application: Application, answer: Answer) -> HttpResponseBase:
    """A search finds nothing and a read finds nothing there, as they do where she withheld it."""
    if _READ.fullmatch(request.path):
        request.path = request.path_info = f"{request.path.rpartition('/')[0]}/{uuid.uuid4()}"
        return answer(request)
    response = answer(request)
    if isinstance(response, HttpResponse) and response.status_code == 200:
        response.content = _emptied(response.content)
    return response


def _emptied(content: bytes) -> bytes:
    try:
        found = json.loads(content)
    except ValueError:
        return content
    if not isinstance(found, dict) or found.get("resourceType") != "Bundle":
        return content
    links = [link for link in found.get("link", []) if link.get("relation") == "self"]
    return json.dumps({**{name: value for name, value in found.items() if name != "entry"}, "link": links, "total": 0})


_WAYS: Final[dict[FaultKind, tuple[Callable[[HttpRequest], bool], Way]]] = {
    FaultKind.WRONG_AUD: (_is_authorize, _wrong_aud),
    FaultKind.TOO_MANY: (_is_call, _too_many),
    FaultKind.CODE_EXPIRED: (_is_redemption, _code_expired),
    FaultKind.TOKEN_REVOKED: (_is_data, _revoked),
    FaultKind.WITHHELD: (_is_data, _withheld),
    FaultKind.SLOW: (_is_call, _slow),
}
