"""``…/faults/``: what goes wrong next, for an app on trial."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from developers import faults, pages, registrations
from developers.models import FaultKind


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_developer
def switches(request: HttpRequest, uid: uuid.UUID) -> HttpResponse:
    mine = registrations.of(pages.person(request)).filter(active=True, on_trial=True)
    application = get_object_or_404(mine, uid=uid)
    if request.method == "POST":
        kind, times = request.POST.get("kind", ""), request.POST.get("times", "1")
        if kind == "none":
            faults.clear(application)
            messages.success(request, _("All faults are off."))
        elif kind in FaultKind.values and times.isascii() and times.isdigit():
            faults.switch_on(application, kind, times=min(int(times[:4]), faults.TIMES_MAX))
            messages.success(request, _("Switched on. It takes effect within two seconds."))
        return redirect("developers:faults", uid)
    context = {"app": application, "on": faults.of(application), "kinds": FaultKind.choices, "most": faults.TIMES_MAX}
    return render(request, "developers/faults.html", context)
