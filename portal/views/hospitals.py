"""Hospitals: find and connect one, watch a pull, see what is complete, update, reconnect, stop."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal import hospitals, pages
from sync import connections
from sync.models import Connection


@require_safe
@pages.of_person
def listing(request: HttpRequest) -> HttpResponse:
    """Her connections, and the directory; ``q`` are words of a name or place."""
    text = request.GET.get("q", "")[:100]
    standing = hospitals.of(pages.person(request))
    return render(
        request,
        "portal/hospitals.html",
        {
            "connections": standing,
            "connected": {each.slug for each in standing if each.active},
            "found": hospitals.directory(text),
            "q": text,
        },
    )


@require_safe
@pages.of_person
def one(request: HttpRequest, connection_id: int) -> HttpResponse:
    """One connection; with ``part`` only the piece of the page that changes while records arrive."""
    standing = hospitals.of_connection(pages.person(request), connection_id)
    if standing is None:
        raise Http404
    template = "components/arrivals.html" if "part" in request.GET else "portal/hospital.html"
    return render(request, template, {"connection": standing})


@require_POST
@pages.of_person
def sync_now(request: HttpRequest, connection_id: int) -> HttpResponse:
    if connections.update(_hers(request, connection_id), at=timezone.now()) is None:
        messages.warning(request, _("Connect the hospital again first."))
    return redirect("portal:hospital", connection_id=connection_id)


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def stop(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Asks once more; what has arrived stays."""
    connection = _hers(request, connection_id)
    if request.method != "POST":
        return render(request, "portal/stop_hospital.html", {"connection": connection})
    connections.stop(connection, at=timezone.now(), origin=request.META.get("REMOTE_ADDR", ""))
    messages.success(
        request, _("No more updates from %(hospital)s. Your records stay.") % {"hospital": connection.hospital.name}
    )
    return redirect("portal:hospitals")


def _hers(request: HttpRequest, connection_id: int) -> Connection:
    return get_object_or_404(connections.of(pages.person(request)), pk=connection_id)
