"""The language a browser reads us in: a cookie for visitors, and the person's own choice once she is signed in."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse
from django.utils import translation

A_YEAR = 365 * 24 * 3600


def known(code: str) -> bool:
    return code in dict(settings.LANGUAGES)


def current() -> str:
    """The code of the language of this request, one of ``settings.LANGUAGES``."""
    code = (translation.get_language() or settings.LANGUAGE_CODE).split("-")[0]
    return code if known(code) else settings.LANGUAGE_CODE


def remember(response: HttpResponse, code: str) -> None:
    """Sets the language cookie; it holds nothing but two letters."""
    if known(code):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            code,
            max_age=A_YEAR,
            secure=settings.SECURE_COOKIES,
            httponly=True,
            samesite="Lax",
        )
