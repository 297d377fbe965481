"""Every address of a site, with something in the place of what varies."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, reverse

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


@dataclass(frozen=True)
class Route:
    """One address of a site that varies; ``groups`` are the parts that do. ``name`` is as ``reverse`` takes it."""

    name: str
    groups: frozenset[str]

    @property
    def room(self) -> str:
        """Its namespace; empty for those of the library that signs people in."""
        return self.name.rpartition(":")[0]

    def path(self, values: Mapping[str, Any]) -> str:
        return reverse(self.name, kwargs={group: values[group] for group in self.groups})


def varying(site: str = "config.urls") -> list[Route]:
    """Every route of a site with something in it that varies, each once."""
    return sorted(set(_routes(importlib.import_module(site).urlpatterns, "", frozenset())), key=lambda one: one.name)


def _routes(patterns: list[Any], namespace: str, before: frozenset[str]) -> Iterator[Route]:
    for one in patterns:
        groups = before | frozenset(one.pattern.converters) | frozenset(one.pattern.regex.groupindex)
        if isinstance(one, URLResolver):
            inner = f"{namespace}{one.namespace}:" if one.namespace else namespace
            yield from _routes(one.url_patterns, inner, groups)
        elif groups:
            assert one.name, f"{one.pattern} varies and has no name"
            yield Route(f"{namespace}{one.name}", groups)
