"""``/oauth/logout``: an app asks to sign her out here (OpenID Connect RP-Initiated Logout 1.0).

By GET and POST from the app's page. With her own id_token it is done at once; without it she is asked first, on a page
of ours with a form of ours, so that no stranger's link signs anybody out. What she let apps have is not touched.
"""

from __future__ import annotations

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Person
from gateway import departures, parameters
from gateway.departures import Departure
from gateway.errors import Malformed
from gateway.views import answering
from gateway.views.authorize import refuse_page


@csrf_exempt
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def leave(request: HttpRequest) -> HttpResponse:
    try:
        params = parameters.of_form(request) if request.method == "POST" else parameters.of_query(request)
        departure = departures.read(params, at=timezone.now())
    except Malformed:
        return _refused(request)
    if not isinstance(request.user, Person):
        return _gone(request, departure)
    if departure.subject == str(request.user.subject):
        logout(request)
        return _gone(request, departure)
    return _ask(request, request.user, departure)


@require_POST
def confirm(request: HttpRequest) -> HttpResponse:
    """Her own answer to our question; the address is checked again, as it came back through her browser."""
    named = ("client_id", "post_logout_redirect_uri", "state")
    try:
        departure = departures.read(
            {name: value for name in named if (value := request.POST.get(name))}, at=timezone.now()
        )
    except Malformed:
        return _refused(request)
    logout(request)
    return _gone(request, departure)


def _ask(request: HttpRequest, person: Person, departure: Departure) -> HttpResponse:
    response = answering.page(request, "gateway/leave.html", {"departure": departure, "person": person})
    if departure.redirect_uri:
        answering.let_forms_reach(response, [departure.redirect_uri])
    return response


def _gone(request: HttpRequest, departure: Departure) -> HttpResponse:
    return answering.see_other(departure.leads or reverse("account_login"))


def _refused(request: HttpRequest) -> HttpResponse:
    return refuse_page(request, _("The app's request to sign you out could not be read. You are still signed in."))
