"""Messages: with which clinics she can write, and what she and one of them wrote each other."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.contrib import messages as flashes
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from consent import gate
from portal import follow_ups, looking, messages, pages
from portal.looking import Look
from portal.messages import MessageForm
from records.query import InvalidSearch
from smartlaunch import correspondence
from smartlaunch.correspondence import Correspondent
from sync import conversations
from sync.conversations import Letter


@require_safe
@pages.of_person
def listing(request: HttpRequest, uid: UUID | None = None) -> HttpResponse:
    """Her own, and of somebody she acts for those she may read. No message is opened for it."""
    if uid is None:
        everybody = correspondence.everybody(pages.person(request), at=timezone.now())
        return render(request, "portal/messages.html", {"conversations": messages.listed(everybody), "acting": None})
    with looking.at_records(request, interaction="search", uid=uid) as look:
        context = {"conversations": messages.readable(look.records), "acting": look.acting}
        return render(request, "portal/messages.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def one(request: HttpRequest, organization: UUID, uid: UUID | None = None) -> HttpResponse:
    """``after`` goes on towards the past. Only she herself writes; what is on the page counts as opened by her then."""
    at = timezone.now()
    whom = correspondence.one(pages.person(request), organization, at=at) if uid is None else None
    if request.method == "POST":
        return _sent(request, whom)
    if uid is None and whom is None:
        raise Http404
    with looking.at_records(request, interaction="search", told=gate.READ_MESSAGES, uid=uid) as look:
        return _thread(request, look, organization, whom, MessageForm())


def _thread(
    request: HttpRequest, look: Look, organization: UUID, whom: Correspondent | None, form: MessageForm
) -> HttpResponse:
    at, reader = timezone.now(), look.acting.reader if look.acting else gate.Owner(look.owner.pk)
    records = gate.conversation(owner_id=look.owner.pk, reader=reader, organization=organization, at=at)
    try:
        thread = conversations.thread(records, count=messages.PAGE, after=request.GET.get("after") or None)
    except InvalidSearch:
        return redirect(request.path)
    if whom is None and not thread.letters:
        raise Http404  # nothing of it that she may read for him, whether or not there is any
    look.saw(each.stored for each in thread.letters)
    if look.acting is None and request.method != "HEAD":
        conversations.mark_seen(look.owner.pk, thread.letters, by_her=True, at=at)
    context = {
        "acting": look.acting,
        "name": whom.partner.name if whom else messages.named(organization),
        "whom": whom,
        "letters": messages.shown(
            thread.letters,
            her=look.acting.name if look.acting else "",
            by_her=True,
            pages={} if look.acting else _pages(look.owner.pk, thread.letters),
        ),
        "earlier": thread.earlier,
        "further": "after" in request.GET,
        "form": form,
    }
    return render(request, "portal/conversation.html", context)


def _pages(owner_id: int, letters: Iterable[Letter]) -> dict[str, str]:
    found = follow_ups.told_of(owner_id, letters)
    return {letter: reverse("portal:asked", args=[each.pk]) for letter, each in found.items()}


def _sent(request: HttpRequest, whom: Correspondent | None) -> HttpResponse:
    if whom is None:
        raise Http404
    person, form = pages.person(request), MessageForm(request.POST)
    if whom.holder is not None and form.is_valid():
        try:
            conversations.write(
                person,
                whom.partner,
                form.said(),
                holder=whom.holder,
                once=form.cleaned_data["once"],
                at=timezone.now(),
                origin=request.META.get("REMOTE_ADDR", ""),
            )
        except conversations.TooMany:
            form.refuse_for_today()
        except gate.ConsentMissing:  # she stopped it between the two
            whom = None
        else:
            flashes.success(request, _("Your message is sent."))
            return redirect("portal:conversation", organization=whom.partner.uid)
    if whom is None or whom.holder is None:
        flashes.error(request, _("Nothing was sent: you share nothing with this clinic now."))
        return redirect("portal:messages")
    with looking.at_records(request, interaction="search", told=gate.READ_MESSAGES) as look:
        return _thread(request, look, whom.partner.uid, whom, form)
