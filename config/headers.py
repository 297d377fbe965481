"""What every answer tells the browser beside its policy of contents: no devices, and no page of others' may hold it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

from gateway import cors

FEATURES: Final = (
    "accelerometer",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "usb",
)
# Passkeys are ours alone; everything else is nobody's.
PERMISSIONS: Final = ", ".join(
    [*(f"{name}=()" for name in FEATURES), "publickey-credentials-create=(self)", "publickey-credentials-get=(self)"]
)


class SafetyHeadersMiddleware:
    """Outermost but for the proxy's, so that files, errors and refusals say it too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        # What apps call from pages of their own is let through by CORS, where it is.
        shared = cors.is_called_by_programs(request.path)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin" if shared else "same-origin")
        # What says nothing else of itself is a page, and pages are nobody's to keep.
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response
