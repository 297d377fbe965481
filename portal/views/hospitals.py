"""Hospitals: find and connect one, watch a pull, see what is complete, update, reconnect, stop."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal import hospitals, pages, questions
from sync import connections, letters, recognition, removals, schedules
from sync.models import Connection, ConnectionState, Schedule


@require_safe
@pages.of_person
def listing(request: HttpRequest) -> HttpResponse:
    """Her connections, and the directory; ``q`` are words of a name, place or portal. With ``part`` only what is found,
    as she types."""
    text = request.GET.get("q", "")[:100]
    standing = hospitals.of(pages.person(request))
    context = {"connections": standing, "found": hospitals.found(text, standing=standing), "q": text}
    return render(request, "components/found.html" if "part" in request.GET else "portal/hospitals.html", context)


@require_safe
@pages.of_person
def one(request: HttpRequest, connection_id: int) -> HttpResponse:
    """One connection; with ``part`` only the piece of the page that changes while records arrive."""
    standing = hospitals.of_connection(pages.person(request), connection_id)
    if standing is None:
        raise Http404
    if "part" in request.GET:
        return render(request, "components/arrivals.html", {"connection": standing})
    connection = _hers(request, connection_id)
    told = recognition.subject(connection)
    context = {
        "connection": standing,
        "question": questions.of(told) if told else None,
        "letter": letters.to_clinic(connection),
        "schedules": hospitals.schedules(),
    }
    return render(request, "portal/hospital.html", context)


@require_POST
@pages.of_person
def recognize(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Her word on an account that seems to be somebody else's; ``mine``: yes or no, which also ends the connection."""
    connection, said = _hers(request, connection_id), request.POST.get("mine")
    origin = request.META.get("REMOTE_ADDR", "")
    if said not in ("yes", "no"):
        raise Http404
    if connection.state != ConnectionState.HELD:
        messages.warning(request, _("You have answered this already."))
    elif said == "yes":
        connections.confirm(connection, at=timezone.now(), origin=origin)
    else:
        connections.stop(connection, at=timezone.now(), origin=origin)
        messages.success(request, _("Nothing was taken from there, and we no longer have access."))
    return redirect("portal:hospital", connection_id=connection_id)


@require_POST
@pages.of_person
def sync_now(request: HttpRequest, connection_id: int) -> HttpResponse:
    if connections.update(_hers(request, connection_id), at=timezone.now()) is None:
        messages.warning(request, _("Connect again first."))
    return redirect("portal:hospital", connection_id=connection_id)


@require_POST
@pages.of_person
def retry(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Fetches what failed, of one type or of all, and nothing else."""
    resource_type = request.POST.get("type", "")
    if connections.retry(_hers(request, connection_id), at=timezone.now(), resource_type=resource_type) is None:
        messages.warning(request, _("Connect again first."))
    return redirect("portal:hospital", connection_id=connection_id)


@require_POST
@pages.of_person
def schedule(request: HttpRequest, connection_id: int) -> HttpResponse:
    connection, chosen = _hers(request, connection_id), request.POST.get("schedule", "")
    if chosen not in Schedule.values:
        return HttpResponseBadRequest()
    schedules.choose(connection, chosen, at=timezone.now())
    messages.success(request, _("Updates now come as you chose."))
    return redirect("portal:hospital", connection_id=connection_id)


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def stop(request: HttpRequest, connection_id: int) -> HttpResponse:
    """Asks once more, and tells how many records are at stake: stop and keep them, or stop and delete them."""
    connection = _hers(request, connection_id)
    if request.method != "POST":
        context = {"connection": connection, "preview": removals.preview(connection)}
        return render(request, "portal/stop_hospital.html", context)
    origin = request.META.get("REMOTE_ADDR", "")
    if request.POST.get("records") == "delete":
        return _stop_and_delete(request, connection, origin)
    connections.stop(connection, at=timezone.now(), origin=origin)
    messages.success(
        request, _("No more updates from %(hospital)s. Your records stay.") % {"hospital": connection.hospital.name}
    )
    return redirect("portal:hospitals")


def _stop_and_delete(request: HttpRequest, connection: Connection, origin: str) -> HttpResponse:
    try:
        removals.ask(connection, at=timezone.now(), origin=origin)
    except removals.Shared:
        return redirect("portal:stop_hospital", connection_id=connection.pk)
    messages.success(
        request,
        _("No more updates from %(hospital)s. What it had brought is being deleted.")
        % {"hospital": connection.hospital.name},
    )
    return redirect("portal:hospitals")


def _hers(request: HttpRequest, connection_id: int) -> Connection:
    return get_object_or_404(connections.of(pages.person(request)), pk=connection_id)
