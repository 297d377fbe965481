"""Every page of a person's portal and of a clinician's visit, from the URL maps: asked by GET, with what it cost.

A page that is added is walked by itself; one whose address has something in it that is not in ``Estate.values`` is told
of as not walked. Statements count wherever they are made, by the ORM or on the cursor of ``audit.cursors``.
"""

from __future__ import annotations

import gzip
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, reverse

from audit import cursors
from benchmarks.estates import Estate
from clinic import urls as clinic_urls
from portal import urls as portal_urls

TURNS: Final = 1
MAPS: Final = (portal_urls, clinic_urls)
# What hands over a file or the whole record is no page.
NO_PAGES: Final = frozenset(
    {"trend_points", "for_trend_points", "download_file", "access_file", "receipt_file", "file_account", "still"}
)
_WISHES: Final = {
    "timeline": ("", "?q=hemoglobin", "?q=nothing-like-it", "?kind=laboratory", "?from=2019-01-01&to=2019-12-31"),
    "results": ("", "?q=hemoglobin"),
    "trend": ("", "?over=all"),
    "clinic:search": ("", "?q=hemoglobin"),
}


@dataclass(frozen=True)
class Cost:
    """``milliseconds`` of the server; ``size`` in bytes as the page is, ``packed`` as gzip makes it."""

    status: int
    queries: int
    milliseconds: float
    size: int
    packed: int


def pages() -> list[str]:
    """The names of the pages, as the URL maps have them: ``home``, ``clinic:panel``."""
    hers, his = ({one.name for one in each.urlpatterns if isinstance(one, URLPattern) and one.name} for each in MAPS)
    return sorted(hers - NO_PAGES) + sorted(f"{clinic_urls.app_name}:{name}" for name in his - NO_PAGES)


def addresses(held: Estate, name: str) -> list[str]:
    """The addresses of a page; none where something in it is not known."""
    room, _, short = name.rpartition(":")
    patterns = clinic_urls.urlpatterns if room else portal_urls.urlpatterns
    groups = list(next(one for one in patterns if one.name == short).pattern.regex.groupindex)
    known = {**held.values[room], **held.values.get(name, {})}
    # What stands before all of a room's addresses is in none of its patterns.
    given = {"uid": known["visit"][0]} if room else {}
    filled: list[dict[str, Any]] = [given]
    for group in groups:
        filled = [{**one, group: value} for one in filled for value in known.get(group, ())]
    wishes = _WISHES.get(name.removeprefix("for_"), ("",))
    try:
        return [reverse(f"{room or 'portal'}:{short}", kwargs=one) + wish for one in filled for wish in wishes]
    except NoReverseMatch:
        return []


def cost(browser: Client, address: str, *, turns: int = TURNS) -> Cost:
    """The first answer is not counted: what is fetched once for each process is fetched in it."""
    answer = browser.get(address)
    times, queries = [], 0
    for _ in range(turns):
        with counted() as number:
            began = time.perf_counter()
            answer = browser.get(address)
            times.append(time.perf_counter() - began)
        queries = number()
    body = answer.getvalue()
    packed = len(gzip.compress(body, 6))
    return Cost(answer.status_code, queries, statistics.median(times) * 1000, len(body), packed)


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """How many statements are asked meanwhile, whichever way."""
    asked = 0

    def counting(ask: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **options: Any) -> Any:
            nonlocal asked
            asked += 1
            return ask(*args, **options)

        return run

    def wrapped(execute: Callable[..., Any], *args: Any) -> Any:
        nonlocal asked
        asked += 1
        return execute(*args)

    ours = {name: counting(getattr(cursors, name)) for name in ("rows", "run", "stream") if hasattr(cursors, name)}
    with patch.multiple(cursors, **ours), connection.execute_wrapper(wrapped):
        yield lambda: asked
