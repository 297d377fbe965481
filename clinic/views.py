"""What a clinician sees in the frame of his EHR: what she shares, and nothing else of anybody."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from audit.models import Action
from clinic import looking, overview, pages, reports, sending, standing
from clinic.looking import Look
from clinic.reports import Report, What
from clinic.sending import Barrier, Fate
from consent import emergencies, gate
from portal import facts, lines, readings, sources, timeline, when
from records.query import InvalidSearch
from smartlaunch import asks, glass, visits
from smartlaunch.visits import Open
from sync import conversations


@visits.needed
@require_safe
def panel(request: HttpRequest, opened: Open) -> HttpResponse:
    """The summary; where nothing is shared, how to ask for it."""
    with looking.at_chart(request, opened, interaction="search") as look:
        if look is None:
            return pages.nothing(request, opened)
        months = readings.USUAL
        shown, seen = readings.shown(look.records, months, zone=look.owner.zone, at=look.at)
        look.saw(seen)
        context = {
            "whose": overview.whose(look),
            "sections": overview.standing(look),
            "shown": shown,
            "gaps": overview.gaps(look, overview.held(look)),
            "unread": conversations.unread_there(look.owner.pk, opened.organization.uid) if look.decision_id else 0,
        }
        return pages.show(request, opened, look, "clinic/panel.html", context)


@visits.needed
@require_safe
def home_and_clinic(request: HttpRequest, opened: Open) -> HttpResponse:
    months = readings.months_asked(request.GET.get("months"))
    with looking.at_chart(request, opened, interaction="search") as look:
        if look is None:
            return pages.nothing(request, opened)
        shown, seen = readings.shown(look.records, months, zone=look.owner.zone, at=look.at)
        look.saw(seen)
        context = {"whose": overview.whose(look), "shown": shown}
        return pages.show(request, opened, look, "clinic/readings.html", context)


@visits.needed
@require_safe
def results(request: HttpRequest, opened: Open) -> HttpResponse:
    with looking.at_chart(request, opened, interaction="search") as look:
        if look is None:
            return pages.nothing(request, opened)
        listings = [overview.results(look, opened.ehr.iss), *overview.listings(look)]
        return pages.show(
            request, opened, look, "clinic/results.html", {"whose": overview.whose(look), "listings": listings}
        )


@visits.needed
@require_safe
def search(request: HttpRequest, opened: Open) -> HttpResponse:
    """``q``: words; ``after`` goes on where a page ended. Without words everything, newest first."""
    wish = timeline.Wish.of(request.GET.dict())
    with looking.at_chart(request, opened, interaction="search") as look:
        if look is None:
            return pages.nothing(request, opened)
        try:
            answer = timeline.read(look.records, wish, overview.held(look), cursor=request.GET.get("after") or None)
        except InvalidSearch:
            return redirect(request.path + wish.address())
        look.saw(answer.entries)
        context = {
            "whose": overview.whose(look),
            "wish": wish,
            "years": answer.years,
            "reached": answer.reached,
            "older": wish.address(after=answer.next) if answer.next else "",
        }
        return pages.show(request, opened, look, "clinic/search.html", context)


@visits.needed
@require_safe
def record(request: HttpRequest, opened: Open, resource_type: str, logical_id: str) -> HttpResponse:
    """One record: what it says, from where, and when it reached us."""
    with looking.at_chart(request, opened, interaction="read") as look:
        if look is None:
            return pages.nothing(request, opened)
        stored = look.records.read(resource_type, logical_id)
        if stored is None or stored.deleted:
            context = {"opened": opened, "stands": standing.word(opened, look.reader)}
            return render(request, "clinic/missing.html", context, status=404)
        look.saw([stored])
        context = {
            "whose": overview.whose(look),
            "title": lines.title(stored.resource),
            "value": lines.value(stored.resource),
            "happened": when.happened(stored.resource),
            "facts": facts.of(stored.resource),
            "narrative": facts.narrative(stored.resource),
            "source": sources.names([stored.source_id]).get(stored.source_id, ""),
            "reached": when.moment(stored.last_updated),
            "flawed": bool(stored.problems),
        }
        return pages.show(request, opened, look, "clinic/record.html", context)


@visits.needed
@require_http_methods(["GET", "HEAD", "POST"])
def send(request: HttpRequest, opened: Open) -> HttpResponse:
    """``what``: which report. GET shows it word for word; POST sends it, once, if it still says what was shown."""
    with looking.at_chart(request, opened, interaction="search") as look:
        if look is None:
            return pages.nothing(request, opened)
        report = reports.write(opened, look, _what(request))
        context = {"whose": overview.whose(look), "report": report}
        barrier = sending.barrier(opened, *(each["resourceType"] for each in report.resources))
        if isinstance(look.reader, gate.InEmergency):
            barrier = Barrier.EMERGENCY
        changed = request.method == "POST" and request.POST.get("digest") != report.digest
        wanted = request.method == "POST" and not changed and barrier is None
        if wanted and sending.claim(opened, request.POST.get("once", "")):
            return _sent(request, opened, look, context)
        kinds = [(each.value, name, each is report.what) for each, name in reports.NAMES.items()]
        context |= {"barrier": barrier.value if barrier else "", "changed": changed, "again": wanted, "kinds": kinds}
        context["once"] = sending.draw()
        return pages.show(request, opened, look, "clinic/send.html", context)


def _what(request: HttpRequest) -> What:
    asked = request.GET.get("what", "")
    return What(asked) if asked in set(What) else What.PRESSURE


def _sent(request: HttpRequest, opened: Open, look: Look, context: dict[str, Any]) -> HttpResponse:
    """Into her log before it leaves, and what became of it after."""
    report: Report = context["report"]
    types = [each["resourceType"] for each in report.resources]
    looking.note(request, opened, look, Action.EXECUTE, "send-report", {"report": report.what, "parts": len(types)})
    outcomes = sending.send(opened, report)
    kept = sum(each.fate is Fate.KEPT for each in outcomes)
    looking.note(request, opened, look, Action.EXECUTE, "report-kept", {"report": report.what, "parts": kept})
    shown = {"outcomes": outcomes, "whole": kept == len(types), "unsent": len(types) - len(outcomes)}
    return pages.show(request, opened, look, "clinic/sent.html", {**context, **shown})


@visits.needed
@require_POST
def ask(request: HttpRequest, opened: Open) -> HttpResponse:
    """He asks her. What he is told is the same whoever she is, and whether she is anybody."""
    asks.ask(opened, request.POST.get("code", "")[:40], at=timezone.now())
    return redirect(f"{reverse('clinic:panel', args=[opened.uid])}?asked=yes")


@visits.needed
@require_http_methods(["GET", "HEAD", "POST"])
def emergency(request: HttpRequest, opened: Open) -> HttpResponse:
    """Only where the organisation switched it on, with a reason; she is told at once."""
    if not opened.ehr.break_glass:
        return pages.nothing(request, opened)
    reason = " ".join(request.POST.get("reason", "").split())[: emergencies.REASON_MAX]
    context = {"opened": opened, "reason": reason, "longest": emergencies.REASON_MAX, "wrong": "", "none": False}
    if request.method == "POST" and len(reason) < emergencies.REASON_MIN:
        context["wrong"] = _("Say why, in at least ten letters.")
    elif request.method == "POST":
        if glass.open_record(opened, reason, at=timezone.now(), origin=request.META.get("REMOTE_ADDR", "")):
            return redirect("clinic:panel", uid=opened.uid)
        context["none"] = True
    return render(request, "clinic/emergency.html", {**context, "stands": standing.of(opened)})


@visits.needed
@require_safe
def still(request: HttpRequest, opened: Open) -> HttpResponse:
    """What the pages stand on now, for those that are open."""
    return HttpResponse(standing.of(opened), content_type="text/plain")


@visits.needed
@require_POST
def end(request: HttpRequest, opened: Open) -> HttpResponse:
    """He closes it: the page is locked, and the EHR's token is forgotten here."""
    visits.end(opened.visit, at=timezone.now())
    return visits.locked(request, status=200)
