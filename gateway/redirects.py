"""Redirect URIs: which may be registered, and which registered one a request names (RFC 9700 2.1, RFC 8252)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlencode, urlsplit

from django.conf import settings

LOOPBACK = frozenset({"127.0.0.1", "::1"})
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?((?:[/?][\x21-\x7e]*)?)")


def problem(uri: str) -> str | None:
    """Why this URI may not be registered, or None.

    Allowed: https; http on a loopback address; a private-use scheme that contains a dot (RFC 8252 7.1). Never a
    fragment, credentials, wildcards, blanks or control characters.
    """
    if not uri.isascii() or not uri.isprintable() or any(letter in uri for letter in ' #*\\"<>^`{|}'):
        return "it has characters that a redirect address may not have"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is not a well-formed address"
    if not parts.scheme or not uri.startswith(parts.scheme):
        return "it has no scheme in lower case"
    if "@" in parts.netloc:
        return "it carries credentials"
    if parts.scheme == "https":
        return None if host else "it names no host"
    if parts.scheme == "http":
        return None if host in LOOPBACK else "http is only for 127.0.0.1 and [::1]"
    return None if "." in parts.scheme else "a scheme of its own must contain a dot, like com.example.app"


def launch_problem(uri: str) -> str | None:
    """Why an app may not be opened at this address, or None: a page of its own, on https or a loopback address."""
    if urlsplit(uri).scheme not in ("http", "https"):
        return "it must begin with https"
    return problem(uri)


def is_registered(uri: str, registered: Iterable[str]) -> bool:
    """Whether the URI equals a registered one, character for character; on loopback any port does (RFC 8252 7.3)."""
    return any(uri == known or _same_loopback(uri, known) for known in registered)


def _same_loopback(uri: str, known: str) -> bool:
    asked, expected = _LOOPBACK.fullmatch(uri), _LOOPBACK.fullmatch(known)
    return asked is not None and expected is not None and asked.groups() == expected.groups()


def schemes(registered: Iterable[str]) -> list[str]:
    return sorted({urlsplit(uri).scheme for uri in registered})


def form_action(uri: str) -> str:
    """The CSP source that lets a form's answer be redirected to this URI: its origin, or its private-use scheme."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return f"{parts.scheme}:"
    return f"{parts.scheme}://{parts.netloc}"


def with_query(uri: str, parameters: dict[str, str]) -> str:
    """The address with these in its query; what it has there stays as it is."""
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(parameters)}" if parameters else uri


def answer(uri: str, **parameters: str) -> str:
    """The address with the answer in its query, and ours as the issuer (RFC 6749 4.1.2, RFC 9207).

    What the registered address has in its query stays as it is.
    """
    return with_query(uri, {**parameters, "iss": settings.PUBLIC_URL})
