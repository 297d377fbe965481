"""Where makers of devices tell us that there is something new at somebody's account."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from sync import notices
from sync.models import Hospital
from sync.sources.wearables import notices as told


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def notice(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Answered at once and alike, whether or not we know the account; a wrong address or signature is 404.

    A maker that makes sure of our address asks by GET, and gets back what it asked.
    """
    maker = get_object_or_404(Hospital.objects.active(), slug=slug)
    how = notices.of(maker)
    asks = request.method != "POST"
    genuine = notices.is_here(maker, key) if asks else notices.is_genuine(maker, key, request.headers, request.body)
    if how is None or not genuine:
        return HttpResponse(status=404)
    if not asks:
        return HttpResponse(status=200 if notices.ring(maker, request.body) else 503)
    answer = told.challenged(how, request.GET.dict()) or b""
    return HttpResponse(answer, content_type="application/json" if how.answered_as else "text/plain")
