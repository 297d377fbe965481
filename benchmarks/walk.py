"""Every page of a person's portal, from the URL map: asked by GET, with what it cost the server.

A page that is added is walked by itself; one whose address has something in it that is not in ``Estate.values`` is told
of as not walked. Statements count wherever they are made, by the ORM or on the cursor of ``audit.cursors``.
"""

from __future__ import annotations

import gzip
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from unittest.mock import patch

from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, reverse
from django.utils import timezone

from accounts.models import Person
from audit import cursors
from benchmarks import owners
from consent import delegations, ledger
from consent.models import Relationship
from consent.terms import Terms
from portal import kinds
from portal.urls import urlpatterns
from records.sameness.kinds import Kind
from sync import connections, hospitals
from sync.tokens import Tokens

TURNS: Final = 1
# What hands over a file or the whole record is no page.
NO_PAGES: Final = frozenset(
    {"trend_points", "for_trend_points", "download_file", "access_file", "receipt_file", "file_account"}
)
_WISHES: Final = {
    "timeline": ("", "?q=hemoglobin", "?q=nothing-like-it", "?kind=laboratory", "?from=2019-01-01&to=2019-12-31"),
    "results": ("", "?q=hemoglobin"),
    "trend": ("", "?over=all"),
}


@dataclass(frozen=True)
class Estate:
    """A person who is signed in, and what stands in addresses: by the name of a page, or for all pages under ""."""

    browser: Client
    delegate: Client
    values: Mapping[str, Mapping[str, tuple[Any, ...]]]

    def browser_for(self, name: str) -> Client:
        return self.delegate if name.startswith("for_") else self.browser


@dataclass(frozen=True)
class Cost:
    """``milliseconds`` of the server; ``size`` in bytes as the page is, ``packed`` as gzip makes it."""

    status: int
    queries: int
    milliseconds: float
    size: int
    packed: int


def estate(person: Person, delegate: Person, *, record: tuple[str, str], measured: str) -> Estate:
    """Connects a hospital and lets ``delegate`` act for her. ``record``: type and id; ``measured``: of a number."""
    at = timezone.now()
    hospital = hospitals.register(
        f"https://walked-{person.pk}.example/fhir", name=f"Walked hospital {person.pk}", client_id="walked"
    )
    made = connections.connect(
        person,
        hospital=hospital,
        patient=f"p{person.pk}",
        tokens_given=Tokens("walked", None, None, ""),
        token_endpoint="https://walked.example/token",  # noqa: S106 - nobody asks there
        at=at,
    )
    offer = delegations.Offer(
        name="Walker",
        email=delegate.email,
        relationship=Relationship.SPOUSE,
        guardian=False,
        granted=("patient/*.rs",),
        terms=Terms(),
        ends=at + timedelta(days=300),
    )
    delegation, _ = delegations.invite(person, offer, read=ledger.Reading("1", "en"), at=at)
    delegations.accept(delegation, delegate, at=at)
    every = tuple(kind.value for kind in Kind)
    common = {
        "kind": tuple(each.slug for each in kinds.KINDS),
        "resource_type": (record[0],),
        "logical_id": (record[1],),
        "connection_id": (made.pk,),
        "day": ("2019-05-01",),
        "uid": (delegation.uid,),
    }
    named = {"same_kind": {"kind": every}, "for_same_kind": {"kind": every}}
    named |= {name: {"logical_id": (measured,)} for name in ("trend", "for_trend")}
    return Estate(browser_of(person), browser_of(delegate), {"": common, **named})


def browser_of(person: Person) -> Client:
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = owners.signed_in(person)
    return browser


def pages() -> list[str]:
    """The names of the pages, as the URL map has them."""
    return sorted({one.name for one in urlpatterns if isinstance(one, URLPattern) and one.name} - NO_PAGES)


def addresses(held: Estate, name: str) -> list[str]:
    """The addresses of a page; none where something in it is not known."""
    pattern = next(one for one in urlpatterns if one.name == name)
    groups = list(pattern.pattern.regex.groupindex)
    known = {**held.values[""], **held.values.get(name, {})}
    filled: list[dict[str, Any]] = [{}]
    for group in groups:
        filled = [{**one, group: value} for one in filled for value in known.get(group, ())]
    wishes = _WISHES.get(name.removeprefix("for_"), ("",))
    try:
        return [reverse(f"portal:{name}", kwargs=one) + wish for one in filled for wish in wishes]
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
