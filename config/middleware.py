"""Programs pass by the pages: an app or a service with a token goes from the first middleware straight to its view.

Sessions, sign-in, forms and languages are for people in a browser (docs/adr/0011-programs-pass-by-the-pages.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from csp.middleware import CSPMiddleware
from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.utils import translation

from gateway import cors

Answer = Callable[[HttpRequest], HttpResponseBase]


class ProgramsMiddleware:
    """What programs call is answered without the middleware that stands after this one in ``settings.MIDDLEWARE``."""

    def __init__(self, get_response: Answer) -> None:
        self._page = get_response
        self._program = _Views().answer
        self._safety = _safety_headers()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not cors.is_called_by_programs(request.path):
            return self._page(request)
        request.get_host()  # raises DisallowedHost
        # Whoever had this thread before may have read Spanish.
        translation.activate(settings.LANGUAGE_CODE)
        response = self._program(request)
        for name, value in self._safety.items():
            response.headers.setdefault(name, value)
        if isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response


class _Views(BaseHandler):
    """Django's way from an address to its view, with no middleware between."""

    def __init__(self) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self.answer: Answer = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined, assignment]


def _safety_headers() -> dict[str, str]:
    """What the middleware of the pages says in every answer, asked once: it is the same for all of them."""
    request = HttpRequest()
    framed = XFrameOptionsMiddleware(lambda _: HttpResponse()).process_response(request, HttpResponse())
    response = CSPMiddleware(lambda _: HttpResponse()).process_response(request, framed)
    return {name: value for name, value in response.items() if name != "Content-Type"}
