"""Who calls, where a proxy of ours stands in front: the address it saw, not its own."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class AddressMiddleware:
    """Only with BEHIND_PROXY. The last entry is the proxy's own; whatever stands before it the caller made up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        seen = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        if seen:
            request.META["REMOTE_ADDR"] = seen
        return self.get_response(request)
