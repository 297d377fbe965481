"""Sharing by links: what is open, making one, showing it again, renewing and stopping it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import languages, stepup
from consent import ledger, texts
from portal import pages, pictures, shares, when
from portal.shares import LinkForm
from sharing import links
from sharing.errors import LinkClosed
from sharing.links import Standing, State


@require_safe
@pages.of_person
def overview(request: HttpRequest) -> HttpResponse:
    held = shares.all_of(links.of(pages.person(request), at=timezone.now()))
    context = {"open": [each for each in held if each.open], "past": [each for each in held if not each.open]}
    return render(request, "portal/share.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
@stepup.required
def make(request: HttpRequest) -> HttpResponse:
    """``answer=count`` only counts again."""
    person, at = pages.person(request), timezone.now()
    form = LinkForm(request.POST or None, owner=person, at=at)
    if request.method == "POST" and request.POST.get("answer") == "count":
        form.counted()
    elif request.method == "POST" and form.is_valid():
        try:
            link = links.make(person, form.wish(), read=_reading(), at=at, origin=_origin(request))
        except links.TooManyLinks:
            form.add_error(None, _("As many links as you may have are open. Stop one first."))
        except LinkClosed:
            form.add_error("content", shares.NAMELESS)
        else:
            messages.success(request, _("The link is ready. Give it only to whom you mean."))
            return redirect("portal:show_link", uid=link.uid)
    text = texts.read(texts.LINKING, languages.current())
    return render(request, "portal/make_link.html", {"form": form, "text": text})


@require_safe
@pages.of_person
@stepup.required
def show(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The link itself with its QR code, while it is open, and who opened it."""
    standing = _hers(request, uid)
    looks, opened = shares.looks(standing.link)
    context = {"share": shares.of(standing), "looks": looks, "times": opened}
    if standing.state is State.OPEN:
        address = links.address(standing)
        context |= {"address": address, "picture": pictures.of_text(address.viewer)}
    return render(request, "portal/link.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def stop(request: HttpRequest, uid: UUID) -> HttpResponse:
    standing = _hers(request, uid)
    if standing.state is State.STOPPED:
        raise Http404
    if request.method != "POST":
        return render(request, "portal/stop_link.html", {"share": shares.of(standing)})
    try:
        links.stop(standing.link, at=timezone.now(), origin=_origin(request))
    except ledger.NothingToWithdraw as error:
        raise Http404 from error
    messages.success(request, _("The link opens nothing any more."))
    return redirect("portal:share")


@require_POST
@pages.of_person
@stepup.required
def renew(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One tap: as long again, at the same address."""
    standing, at = _hers(request, uid), timezone.now()
    if not shares.of(standing).renewable:
        raise Http404
    ends = shares.renewed_end(standing, at=at)
    try:
        links.renew(standing.link, ends=ends, read=_reading(), at=at, origin=_origin(request))
    except ledger.NothingToResume as error:
        raise Http404 from error
    messages.success(request, _("The link is open until %(moment)s.") % {"moment": when.moment(ends)})
    return redirect("portal:share")


def _hers(request: HttpRequest, uid: UUID) -> Standing:
    standing = links.one(pages.person(request), uid, at=timezone.now())
    if standing is None:
        raise Http404
    return standing


def _reading() -> ledger.Reading:
    text = texts.read(texts.LINKING, languages.current())
    return ledger.Reading(text.version, text.language, text.digest)


def _origin(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
