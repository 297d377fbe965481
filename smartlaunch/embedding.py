"""Pages inside a frame of another site: who may hold them, and cookies that arrive there.

A browser gives a cookie to a frame of another site only if it says ``SameSite=None; Secure``, and where third-party
cookies are blocked only if it is ``Partitioned`` too: kept apart for each site that holds the frame (CHIPS).
"""

from __future__ import annotations

from collections.abc import Sequence
from http.cookies import Morsel
from typing import Any

from django.http import HttpResponse


def held_by(response: HttpResponse, origins: Sequence[str]) -> HttpResponse:
    """Let pages of these origins hold this one in a frame, and nobody else; without any, nobody at all."""
    if origins:
        policy = {**getattr(response, "_csp_replace", {}), "frame-ancestors": list(origins)}
        response._csp_replace = policy  # type: ignore[attr-defined]
        # The older header knows no list of origins, and browsers that know the newer one do not look at it.
        response.xframe_options_exempt = True
    return response


class _Partitioned(Morsel[str]):
    """The attribute that http.cookies knows from Python 3.14 on."""

    def OutputString(self, attrs: Any = None) -> str:  # noqa: N802 - its name in http.cookies
        return f"{super().OutputString(attrs)}; Partitioned"


def set_cookie(response: HttpResponse, name: str, value: str, *, seconds: int, path: str) -> None:
    morsel = _Partitioned()
    morsel.set(name, value, value)
    attributes = {"path": path, "max-age": seconds, "secure": True, "httponly": True, "samesite": "None"}
    for key, said in attributes.items():
        morsel[key] = said
    response.cookies[name] = morsel
