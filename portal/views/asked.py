"""A questionnaire that a clinic asks her to answer: answered, corrected, taken back, or not answered. Hers alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import Person
from consent import gate
from portal import elements, looking, pages, questionnaires
from portal import follow_ups as listings
from portal.follow_ups import State
from portal.questionnaires import AnswerForm, Asked
from portal.views.entries import NOT_KEPT, origin, version
from records.reading import Stored
from smartlaunch import correspondence, follow_ups
from smartlaunch.correspondence import Correspondent
from smartlaunch.follow_ups import Told
from smartlaunch.models import FollowUp
from sync import conversations


@dataclass(frozen=True)
class Opened:
    """``to``: the clinic that asks, ``who`` of it, in which ``words``; ``given``: what she answered, if she did."""

    follow_up: FollowUp
    to: Correspondent
    who: str
    words: str
    asked: Asked
    given: Stored | None

    @property
    def state(self) -> State:
        return listings.state(self.follow_up, standing=self.to.holder is not None)


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def one(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The form, empty or with what she answered; ``version`` is the one she saw. Without the clinic, what was said."""
    opened = _opened(request, uid)
    given = AnswerForm.filled(opened.asked, opened.given.resource) if opened.given and opened.asked.can else {}
    spoken = questionnaires.in_words(opened.asked)
    writable = opened.to.holder is not None and opened.state is not State.TAKEN_BACK and spoken.can
    form = AnswerForm(spoken, request.POST if request.method == "POST" else None, initial=given) if writable else None
    if form is not None and form.is_valid() and _said(request, opened, form):
        return redirect("portal:own_answers")
    context = {
        "opened": opened,
        "asked": spoken,
        "form": form,
        "told": questionnaires.told(opened.asked, opened.given.resource) if opened.given else [],
        "wanted": formats.date_format(opened.follow_up.wanted, "DATE_FORMAT") if opened.follow_up.wanted else "",
    }
    return render(request, "portal/asked.html", context)


@require_POST
@pages.of_person
def decline(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Nobody is told."""
    if not follow_ups.decline(pages.person(request), uid, at=timezone.now(), origin=origin(request)):
        raise Http404
    messages.success(request, _("You need not answer. Nobody is told of it."))
    return redirect("portal:own_answers")


@require_POST
@pages.of_person
def take_back(request: HttpRequest, uid: UUID) -> HttpResponse:
    opened = _opened(request, uid)
    words = _("I took back my answers: %(title)s.") % {"title": opened.asked.title}
    if opened.given is None:
        raise Http404

    def done(owner: Person, at: datetime) -> None:
        follow_ups.take_back(owner, uid, opened.to, words, version=version(request), at=at, origin=origin(request))

    if not _tried(request, done, _("Taken back. It stays in your record, marked as entered in error.")):
        return redirect("portal:asked", uid=uid)
    return redirect("portal:own_answers")


def _opened(request: HttpRequest, uid: UUID) -> Opened:
    """Raises Http404."""
    owner, at = pages.person(request), timezone.now()
    found = follow_ups.of_person(owner.pk).filter(pk=uid).first()
    to = correspondence.one(owner, found.organization.uid, at=at) if found else None
    if found is None or to is None:
        raise Http404
    with looking.at_records(request, interaction="read", told=gate.READ_MESSAGES) as look:
        stored, given = follow_ups.questionnaire(look.records, found), follow_ups.response(look.records, found)
        ask = look.records.read(conversations.KIND, found.ask)
        if stored is None or ask is None:
            raise Http404
        look.saw([ask, stored, *([given] if given else [])])
    if request.method != "HEAD":
        conversations.open_one(owner.pk, found.ask, by_her=True, at=at)
    who, words = (
        elements.text(ask.resource, "sender", "display"),
        elements.text(ask.resource, "payload", "contentString"),
    )
    asked = questionnaires.asked(stored.resource, name=stored.logical_id)
    return Opened(found, to, who, words, asked, given)


def _said(request: HttpRequest, opened: Opened, form: AnswerForm) -> bool:
    """Whether it was sent; why not is told."""
    uid, title = opened.follow_up.pk, {"title": opened.asked.title}

    def send(owner: Person, at: datetime) -> None:
        more: dict[str, Any] = {"at": at, "origin": origin(request)}
        if opened.given is None:
            told = Told(form.said(), _("I answered: %(title)s.") % title)
            follow_ups.answer(owner, uid, opened.to, told, **more)
        else:
            told = Told(form.said(), _("I corrected my answers: %(title)s.") % title)
            follow_ups.correct(owner, uid, opened.to, told, version=version(request), **more)

    return _tried(request, send, _("Your answers are with %(name)s.") % {"name": opened.to.partner.name})


def _tried(request: HttpRequest, act: Callable[[Person, datetime], None], done: str) -> bool:
    try:
        act(pages.person(request), timezone.now())
    except follow_ups.Changed:
        messages.error(request, _("It has changed meanwhile. Look at it again."))
    except conversations.Malformed:
        messages.error(request, NOT_KEPT)
    except conversations.TooMany:
        messages.error(request, _("You have written to this clinic as often as you may within a day. Try it tomorrow."))
    except (follow_ups.Closed, gate.ConsentMissing):
        messages.error(request, _("It cannot be answered any more. Nothing was sent."))
    else:
        messages.success(request, done)
        return True
    return False
