"""Where makers of devices tell us that there is something new at somebody's account, or hand it over."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from sync import notices, pieces
from sync.models import Hospital
from sync.sources.wearables import makers, pushes
from sync.sources.wearables import notices as told
from sync.sources.wearables.pushes import Push


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def notice(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Answered at once and alike, whether or not we know the account; a wrong address or signature is 404.

    A maker that makes sure of our address asks by GET, and gets back what it asked.
    """
    maker = get_object_or_404(Hospital.objects.active(), slug=slug)
    if (push := notices.handing(maker)) is not None:
        return _handed(request, maker, push, key)
    how = notices.of(maker)
    asks = request.method != "POST"
    genuine = notices.is_here(maker, key) if asks else notices.is_genuine(maker, key, request.headers, request.body)
    if how is None or not genuine:
        return HttpResponse(status=404)
    if not asks:
        return HttpResponse(status=200 if notices.ring(maker, request.body) else 503)
    answer = told.challenged(how, request.GET.dict()) or b""
    return HttpResponse(answer, content_type="application/json" if how.answered_as else "text/plain")


def _handed(request: HttpRequest, maker: Hospital, push: Push, key: str) -> HttpResponse:
    """What is handed over is on the disk before it is answered; what cannot be kept now is handed over again.

    Too large is 413, and what is not as the maker says it is 400.
    """
    addressed = request.headers.get(push.addressed_to, maker.client_id)
    if not notices.is_here(maker, key) or addressed != maker.client_id:
        return HttpResponse(status=404)
    if request.method != "POST":
        return HttpResponse(content_type="text/plain")
    body = request.read(pushes.BYTES_MAX + 1)
    if len(body) > pushes.BYTES_MAX:
        return HttpResponse(status=413)
    profile = makers.MAKERS[maker.vendor]
    try:
        handed = pushes.read(push, body, [feed.name for feed in profile.feeds])
    except pushes.Unreadable:
        return HttpResponse(status=400)
    news = pieces.take(maker, handed, at=timezone.now())
    return HttpResponse(status=200 if notices.bring(maker, news) else 503)
