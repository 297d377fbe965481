"""``/oauth/authorize``: proves client and redirect address, keeps the request, and leads to the consent page.

By GET and POST (SMART, app-launch). It is exempt from CSRF protection because it is another site's form that comes in
here; it changes nothing for anybody, and the 303 lets the session cookie arrive at the consent page.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from oauthlib.oauth2.rfc6749.errors import FatalClientError, OAuth2Error

from gateway import limits, parameters, pending, pushed, redirects
from gateway.errors import Malformed, TooManyRequests
from gateway.limits import Caller
from gateway.toolkit.server import server
from gateway.views import answering

READ = frozenset({*pending.KEPT, "client_id", "scope", "launch", "response_mode", "request"})


@csrf_exempt
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    try:
        limits.spend(Caller.ADDRESS, answering.origin(request))
        given = parameters.of_form(request) if request.method == "POST" else parameters.of_query(request)
    except TooManyRequests as error:
        response = refuse_page(
            request, _("There were too many requests from here. Wait a minute, then try again."), 429
        )
        response["Retry-After"] = str(error.seconds)
        return response
    except Malformed:
        return refuse_page(request, _("The app's request could not be read."))
    at = timezone.now()
    if "request_uri" in given:
        # What was pushed is all there is; anything beside it in the browser is not looked at (RFC 9126, 4).
        sent = pushed.take(given["request_uri"], given.get("client_id", ""), at=at)
        if sent is None:
            return refuse_page(request, _("The app's request is not known here, was used before, or is over."))
        given = sent
    params = {name: value for name, value in given.items() if name in READ}
    try:
        return _accept(request, params, at=at)
    except FatalClientError:
        return refuse_page(request, _("The app is not known here, or it wants you sent to an address it did not name."))
    except OAuth2Error as error:
        return _send_back(error.redirect_uri, params, error.error, error.description)


def _accept(request: HttpRequest, params: dict[str, str], *, at: datetime) -> HttpResponse:
    """Raises oauthlib's errors."""
    uri = f"{reverse('gateway:authorize')}?{urlencode(params)}"
    offered, info = server().validate_authorization_request(uri, http_method="GET")
    prompt = params.get("prompt", "").split()
    if "none" in prompt:
        # Nobody is let in without being asked, so a silent request never succeeds (OIDC Core 3.1.2.6).
        if not request.user.is_authenticated:
            return _send_back(info["redirect_uri"], params, "login_required", "Nobody is signed in.")
        return _send_back(info["redirect_uri"], params, "consent_required", "She has to be asked.")
    try:
        kept = pending.keep(info["request"].client, params, offered, at=at)
    except pending.LaunchSpent:
        return _send_back(info["redirect_uri"], params, "invalid_request", "This launch was used before.")
    return answering.see_other(reverse("gateway:consent", args=[kept.pk]))


def _send_back(redirect_uri: str, params: dict[str, str], error: str, description: str) -> HttpResponse:
    state = {"state": params["state"]} if "state" in params else {}
    told = {"error": error, **({"error_description": description} if description else {}), **state}
    return answering.see_other(redirects.answer(redirect_uri, **told))


def refuse_page(request: HttpRequest, why: str, status: int = 400) -> HttpResponse:
    return answering.page(request, "gateway/refused.html", {"why": why}, status)
