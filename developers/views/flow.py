"""``/developers/try/``: a real flow, with every request and answer shown."""

from __future__ import annotations

from dataclasses import asdict

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from developers import flow, pages
from developers.flow import Begun
from gateway.views import answering

_KEY = "flow"


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_developer
@sensitive_variables("begun")
def start(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "developers/flow.html", {"scope": request.GET.get("scope", flow.USUAL)})
    address, begun = flow.begin(" ".join(request.POST.get("scope", "").split()) or flow.USUAL)
    request.session[_KEY] = asdict(begun)
    return answering.see_other(address.removeprefix(settings.PUBLIC_URL))


@require_safe
@pages.of_developer
@sensitive_variables("begun")
def back(request: HttpRequest) -> HttpResponse:
    """Where the built-in app is led back to. What was remembered is good for one return."""
    begun = request.session.pop(_KEY, None)
    if begun is None:
        return redirect("developers:flow")
    exchanges = flow.finish(Begun(**begun), request.GET.dict())
    # The code is spent; the page's own links need not repeat it.
    request.META["QUERY_STRING"] = ""
    return answering.page(request, "developers/flow_shown.html", {"exchanges": exchanges})
