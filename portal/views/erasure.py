"""Erasing everything: what it means, asking for it, and calling it off."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import stepup
from custody import erasures
from custody.models import ErasureState
from portal import pages, when


@require_http_methods(["GET", "HEAD", "POST"])
@stepup.required
@pages.of_person
def erase(request: HttpRequest) -> HttpResponse:
    """Only after she has just proved again who she is; the days until then are hers to call it off."""
    person = pages.person(request)
    if request.method == "POST":
        erasures.confirm(erasures.ask(person, at=timezone.now()))
        return redirect("portal:erase")
    waiting = erasures.of(person)
    return render(
        request,
        "portal/erase.html",
        {
            "day": when.moment(waiting.due) if waiting else "",
            "too_late": waiting is not None and waiting.state != ErasureState.ASKED,
            "days": settings.ERASURE_COOLING.days,
        },
    )


@require_POST
@pages.of_person
def call_off(request: HttpRequest) -> HttpResponse:
    if erasures.call_off(pages.person(request)):
        messages.success(request, _("Nothing will be erased. Your record stays as it is."))
    else:
        messages.warning(request, _("There is nothing to call off."))
    return redirect("portal:account")
