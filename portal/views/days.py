"""Her devices: connect the maker of one, and a day as they saw it."""

from __future__ import annotations

from datetime import date, timedelta

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal import days, hospitals, looking, pages
from sync import device_orders
from sync.models import Hospital
from sync.sources.wearables import makers


@require_safe
@pages.of_person
def devices(request: HttpRequest) -> HttpResponse:
    """The makers she is connected to, and those she can connect."""
    listed = list(Hospital.objects.active().filter(vendor__in=makers.MAKERS).exclude(client_id=""))
    slugs = {each.slug for each in listed}
    connections = [each for each in hospitals.of(pages.person(request)) if each.slug in slugs]
    connected = {each.slug for each in connections if each.active}
    found = [(each, each.slug in connected) for each in listed]
    return render(request, "portal/devices.html", {"connections": connections, "makers": found})


@require_safe
@pages.of_person
def latest(request: HttpRequest) -> HttpResponse:
    """The newest day that a device tells of."""
    with looking.at_records(request, interaction="search") as look:
        day = days.newest(look.records)
    if day is None:
        return render(request, "portal/day.html", {"day": None})
    return redirect("portal:day", day=day.isoformat())


@require_safe
@pages.of_person
def one(request: HttpRequest, day: str) -> HttpResponse:
    try:
        on = date.fromisoformat(day)
        around = on - timedelta(days=1), on + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise Http404 from error
    with looking.at_records(request, interaction="search") as look:
        entries = days.near(look.records, on)
        look.saw(entries)
    shown = {"day": on, "before": around[0].isoformat(), "after": around[1].isoformat()}
    return render(
        request, "portal/day.html", {**shown, "measures": days.told(entries, on, device_orders.of(look.owner.pk))}
    )


@require_POST
@pages.of_person
def ask_first(request: HttpRequest, day: str) -> HttpResponse:
    """``device`` is asked before her others for ``metric``, on every day."""
    metric, device = request.POST.get("metric", ""), request.POST.get("device", "")
    with looking.at_records(request, interaction="read") as look:
        known = days.knows(look.records, metric, device)
    if not known:
        raise Http404
    device_orders.ask_first(pages.person(request), metric, device)
    messages.success(request, _("Your order is kept."))
    return redirect("portal:day", day=day)
