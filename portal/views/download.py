"""A copy of everything: asked for, waited for, fetched; each only after she has just proved again who she is."""

from __future__ import annotations

from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts import stepup
from custody import downloads, zips
from custody.models import UNFINISHED, DownloadState
from portal import pages, when


@require_http_methods(["GET", "HEAD", "POST"])
@stepup.required
@pages.of_person
def everything(request: HttpRequest) -> HttpResponse:
    person, at = pages.person(request), timezone.now()
    if request.method == "POST":
        downloads.ask(person, at=at, origin=_origin(request))
        return redirect("portal:download")
    newest = downloads.of(person)
    ready = downloads.is_ready(newest, at=at)
    return render(
        request,
        "portal/download.html",
        {
            "waiting": newest is not None and newest.state in UNFINISHED,
            "failed": newest is not None and newest.state == DownloadState.FAILED,
            "day": when.moment(newest.expires) if newest is not None and ready else "",
        },
    )


@require_safe
@stepup.required
@pages.of_person
def file(request: HttpRequest) -> HttpResponse:
    newest = downloads.of(pages.person(request))
    if newest is None or not downloads.is_ready(newest, at=timezone.now()):
        raise Http404
    if request.method == "GET":
        downloads.note_fetched(newest, origin=_origin(request))
    body = zips.stream(newest) if request.method == "GET" else iter(())
    answer: Any = StreamingHttpResponse(  # whoever wraps a page knows only the common answer
        body,
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="record-{newest.asked:%Y-%m-%d}.zip"'},
    )
    return cast("HttpResponse", answer)


def _origin(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
