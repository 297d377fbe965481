"""Every address of a site, with something in the place of what varies."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver

UID = "00000000-0000-4000-8000-000000000000"
VALUES = {"str": "x", "int": "1", "slug": "laboratory", "uuid": UID, "path": "x"}


def every(site: str = "config.urls") -> list[str]:
    """Paths; what varies is made up, so most of the records they would lead to are not there."""
    return sorted({f"/{path}" for path in _below(importlib.import_module(site).urlpatterns, "")})


def _below(patterns: list[Any], before: str) -> Iterator[str]:
    for one in patterns:
        here = before + _filled(one)
        if isinstance(one, URLResolver):
            yield from _below(one.url_patterns, here)
        else:
            assert isinstance(one, URLPattern)
            yield here


def _filled(pattern: URLPattern | URLResolver) -> str:
    text = str(pattern.pattern)
    if not hasattr(pattern.pattern, "_route"):
        text = re.sub(r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", "1", text).replace("\\Z", "").replace("\\", "")
        return text.strip("^$")
    return re.sub(r"<(\w+):(\w+)>", lambda found: VALUES.get(found[1], "x"), re.sub(r"<(\w+)>", "x", text))
