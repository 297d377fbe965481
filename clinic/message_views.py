"""Messages in the frame of the EHR: what the patient and the organization wrote each other."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from clinic import looking, overview, pages
from clinic.looking import Look
from consent import gate
from portal import follow_ups, messages
from portal.messages import MessageForm
from records.query import InvalidSearch
from smartlaunch import correspondence, visits
from smartlaunch.visits import Open
from sync import conversations
from sync.conversations import Thread


@visits.needed
@require_http_methods(["GET", "HEAD", "POST"])
def thread(request: HttpRequest, opened: Open) -> HttpResponse:
    """``after`` goes on towards the past. In an emergency nothing of it is there."""
    with looking.at_chart(request, opened, interaction="search", told=gate.READ_MESSAGES) as look:
        if look is None:
            return pages.nothing(request, opened)
        context: dict[str, Any] = {"whose": overview.whose(look), "writes": correspondence.writes(opened)}
        if not isinstance(look.reader, gate.Holder):
            return pages.show(request, opened, look, "clinic/messages.html", context)
        form = MessageForm(request.POST if request.method == "POST" else None)
        wanted = request.method == "POST" and context["writes"] and form.is_valid()
        if wanted and _sent(request, opened, look, look.reader, form):
            return redirect(f"{request.path}?sent=yes")
        found = _read(request, opened, look, look.reader)
        if found is None:
            return redirect(request.path)
        context |= {"form": form, "earlier": found.earlier, "sent": "sent" in request.GET}
        context["letters"] = messages.shown(
            found.letters, her=context["whose"].name, by_her=False, pages=_pages(opened, look, found)
        )
        return pages.show(request, opened, look, "clinic/messages.html", context)


def _pages(opened: Open, look: Look, found: Thread) -> dict[str, str]:
    asked = follow_ups.told_of(look.owner.pk, found.letters)
    return {
        letter: reverse("clinic:follow_up", args=[opened.uid, each.pk])
        if each.answered and not each.taken_back
        else reverse("clinic:follow_ups", args=[opened.uid])
        for letter, each in asked.items()
    }


def _sent(request: HttpRequest, opened: Open, look: Look, holder: gate.Holder, form: MessageForm) -> bool:
    once, origin = form.cleaned_data["once"], request.META.get("REMOTE_ADDR", "")
    try:
        correspondence.answer(opened, look.owner, holder, form.said(), once=once, at=look.at, origin=origin)
    except conversations.TooMany:
        form.refuse_for_today()
        return False
    except gate.ConsentMissing:  # she stopped it between the two: the next page shows nothing
        return True
    return True


def _read(request: HttpRequest, opened: Open, look: Look, holder: gate.Holder) -> Thread | None:
    """Opened, and so seen by the organization; None for a place that is none."""
    organization = opened.organization.uid
    records = gate.conversation(owner_id=look.owner.pk, reader=holder, organization=organization, at=look.at)
    try:
        found = conversations.thread(records, count=messages.PAGE, after=request.GET.get("after") or None)
    except InvalidSearch:
        return None
    look.saw(each.stored for each in found.letters)
    if request.method != "HEAD":
        conversations.mark_seen(look.owner.pk, found.letters, by_her=False, at=look.at)
    return found
