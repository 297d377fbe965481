"""Files: giving some, the account of each, answering what is asked about one, taking one back."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal import files, pages, receiving
from standards.smart import health_links
from sync import staging, uploads
from sync.models import Upload, UploadedDocument
from sync.sources.links import source as links

FIELD = "files"
LINK_MAX = 4000
PASSCODE_MAX = 200


# Exempt only until the handler is in place: looking for the token reads the body, and with it the files.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def listing(request: HttpRequest) -> HttpResponse:
    """Her files; a POST brings more of them."""
    handler = receiving.Handler(request, pages.person(request).pk)
    if request.method == "POST":
        request.upload_handlers = [handler]
    try:
        return _listing(request, handler)
    finally:
        handler.upload_interrupted()


@csrf_protect
def _listing(request: HttpRequest, handler: receiving.Handler) -> HttpResponse:
    if request.method == "POST":
        return _received(request, handler)
    return render(
        request,
        "portal/files.html",
        {
            "files": files.of(pages.person(request)),
            "megabytes": settings.UPLOAD_BYTES_MAX // 1_000_000,
            "gigabytes": f"{settings.HEALTH_EXPORT_BYTES_MAX / 1e9:g}",
        },
    )


def _received(request: HttpRequest, handler: receiving.Handler) -> HttpResponse:
    person, at = pages.person(request), timezone.now()
    received: list[uploads.Received] = []
    arrived = cast("list[receiving.Arrived]", request.FILES.getlist(FIELD))
    try:
        for each in arrived:
            staged = handler.taken(each)
            received += [uploads.receive(person, staged, name=each.name, at=at, origin=_origin(request))]
    except uploads.TooManyWaiting:
        messages.warning(request, _("Many of your files still wait to be read. Please try again in a while."))
    known = [uploads.name(each.upload) for each in received if each.known]
    if known:
        messages.info(
            request,
            _("You gave us this before, so nothing was added: %(names)s") % {"names": ", ".join(known)},
        )
    if handler.too_large:
        messages.warning(
            request,
            _("Too large, not taken: %(names)s") % {"names": ", ".join(handler.too_large)},
        )
    if not received and not handler.too_large:
        messages.warning(request, _("Choose a file first."))
    if len(received) == 1:
        return redirect("portal:file", uid=received[0].upload.uid)
    return redirect("portal:files")


@require_POST
@pages.of_person
def link(request: HttpRequest) -> HttpResponse:
    """A SMART Health Link, with its passcode if it has one, instead of a file."""
    text, passcode = request.POST.get("link", "")[:LINK_MAX], request.POST.get("passcode", "")[:PASSCODE_MAX]
    try:
        health_links.parse(text)
    except health_links.Malformed:
        messages.warning(request, _("This is no health link. It begins with shlink:/ or holds that."))
        return redirect("portal:files")
    person = pages.person(request)
    staged = staging.Writer(person.pk)
    staged.write(links.written(text, passcode))
    staged.close()
    try:
        received = uploads.receive(person, staged, name=_("Health link"), at=timezone.now(), origin=_origin(request))
    except uploads.TooManyWaiting:
        staging.remove(staged.uid)
        messages.warning(request, _("Many of your files still wait to be read. Please try again in a while."))
        return redirect("portal:files")
    if received.known:
        messages.info(request, _("You gave us this link before. Take it back first to read it anew."))
    return redirect("portal:file", uid=received.upload.uid)


@require_safe
@pages.of_person
def one(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One file and what became of every document in it."""
    upload = _hers(request, uid)
    return render(request, "portal/file.html", {"file": files.file(upload), "documents": files.documents(upload)})


@require_safe
@pages.of_person
def account(request: HttpRequest, uid: UUID, number: int) -> HttpResponse:
    """The account of one document as a FHIR OperationOutcome."""
    document = get_object_or_404(UploadedDocument, upload=_hers(request, uid), number=number)
    outcome = uploads.account(document)
    if outcome is None:
        raise Http404
    return JsonResponse(outcome, content_type="application/fhir+json", json_dumps_params={"indent": 2})


@require_POST
@pages.of_person
def answer(request: HttpRequest, uid: UUID, number: int) -> HttpResponse:
    """``mine``: yes or no."""
    said = request.POST.get("mine")
    if said not in ("yes", "no"):
        raise Http404
    if not uploads.answer(_hers(request, uid), number, hers=said == "yes", at=timezone.now()):
        messages.warning(request, _("You have answered this already."))
    return redirect("portal:file", uid=uid)


@require_http_methods(["GET", "HEAD", "POST"])
@pages.of_person
def take_back(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Asks once more, with the number of records that go."""
    upload = _hers(request, uid)
    if request.method != "POST":
        return render(request, "portal/take_back_file.html", {"file": files.file(upload)})
    removed = uploads.take_back(upload, at=timezone.now(), origin=_origin(request))
    messages.success(
        request,
        ngettext("Taken back, with %(count)s record.", "Taken back, with %(count)s records.", removed)
        % {"count": removed},
    )
    return redirect("portal:files")


def _hers(request: HttpRequest, uid: UUID) -> Upload:
    return get_object_or_404(uploads.of(pages.person(request)).select_related("source", "owner"), uid=uid)


def _origin(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
