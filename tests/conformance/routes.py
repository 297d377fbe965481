"""The routes of the FHIR API as the URL map has them, and a path of each for any record: nothing is listed by hand."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, reverse

SITES = ("config.urls", "sandbox.urls")
WRITES = frozenset({"put", "patch", "delete"})


@dataclass(frozen=True)
class Route:
    """One address of the URL map; ``groups`` are the parts of it that vary."""

    name: str
    groups: frozenset[str]
    view: Any

    @property
    def methods(self) -> tuple[str, ...]:
        """What the view answers."""
        return tuple(method for method in self.view.http_method_names if hasattr(self.view, method))

    def path(self, values: Mapping[str, str]) -> str:
        """Below ``/fhir/r4``."""
        filled = {group: values[group] for group in self.groups}
        return reverse(f"fhirapi:{self.name}", kwargs=filled).removeprefix("/fhir/r4")


def every() -> list[Route]:
    """The routes under ``fhir/r4/`` of a site; raises AssertionError where the sites differ."""
    maps = [list(_below(importlib.import_module(site).urlpatterns, site)) for site in SITES]
    names = [{route.name for route in one} for one in maps]
    assert names[0] == names[1], "the sites serve different APIs"
    return maps[0]


def _below(patterns: list[Any], site: str) -> Iterator[Route]:
    for one in patterns:
        if isinstance(one, URLResolver) and one.app_name == "fhirapi":
            yield from (_route(pattern) for pattern in _flat(one.url_patterns))


def _flat(patterns: list[Any]) -> Iterator[URLPattern]:
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from _flat(one.url_patterns)
        else:
            yield one


def _route(pattern: URLPattern) -> Route:
    view = getattr(pattern.callback, "cls", None) or pattern.callback.view_class
    groups = getattr(pattern.pattern, "converters", None) or pattern.pattern.regex.groupindex
    assert pattern.name, f"{pattern.pattern} has no name"
    return Route(pattern.name, frozenset(groups), view)
