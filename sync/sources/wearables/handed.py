"""A maker that hands over by itself what it has: nothing is asked of it but earlier days, which it hands over as well.

A page of the ledger is an order for a window of earlier days (``ask``), a piece that has to be fetched where it lies
(``fetch``), or one local day of one kind (``read``), composed of all pieces that have ever come of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, Final, Protocol
from urllib.parse import urlencode, urljoin

from sync.problems import Problem, SourceError
from sync.sources.fhir_rest import plan
from sync.sources.fhir_rest.client import is_below
from sync.sources.fhir_rest.mapping import Mapped, Unusable
from sync.sources.fhir_rest.source import Listed
from sync.sources.wearables.client import LISTED
from sync.sources.wearables.maker import Feed, Found, Window, said
from sync.sources.wearables.source import WearableSource

_ASK, _FETCH, _READ, _REFUSED = "ask", "fetch", "read", "refused"
_CONFLICT: Final = 409
# What an order may be answered with that says no more than that there will be none: she did not allow it, or it was
# given before.
_NO_ORDER: Final = frozenset({Problem.REFUSED, Problem.UNSUPPORTED, Problem.MISSING})

# What will not be had by asking again, and what may be; neither keeps what else has come from being read.
_LOST: Final = _NO_ORDER | {Problem.TOO_LARGE, Problem.FOREIGN_ADDRESS}
_LATER: Final = frozenset({Problem.SERVER_ERROR, Problem.UNREADABLE})


class Shelf(Protocol):
    """What has been handed over for one account (sync.pieces)."""

    def waits(self, kind: str) -> bool: ...
    def newest(self, kind: str, *, before: date | None = None) -> date | None: ...
    def of(self, kind: str, day: date) -> Iterator[Mapping[str, Any]]: ...
    def kept(self, kind: str, day: date) -> None: ...
    def elsewhere(self, kind: str, *, after: int = 0) -> int | None: ...
    def address(self, pk: int) -> str: ...
    def fetched(self, pk: int, kind: str, rows: Any) -> int: ...
    def gone(self, pk: int) -> None: ...


class HandedSource(WearableSource):
    """``shelf``: what has come; ``since``: from when on earlier days are ordered, None where nothing was missed."""

    def __init__(self, *asked: Any, shelf: Shelf, since: date | None, **more: Any) -> None:
        super().__init__(*asked, **more)
        self._shelf = shelf
        self._missed = since

    def searches(self) -> tuple[plan.Search, ...]:
        """The kinds of which something has come, may be ordered, or may not be read."""
        # Asked in each run: it says as well whether she has ended it there.
        wanted = [
            feed
            for feed in self._maker.feeds
            if not self._allowed(feed) or self._missed is not None or self._shelf.waits(feed.name)
        ]
        return tuple(plan.Search("Observation", feed.name) for feed in wanted)

    def first_address(self, search: plan.Search) -> str:
        feed = self._maker.feed(search.query)
        if not self._allowed(feed):
            return f"{feed.name}/{_REFUSED}"
        return self._order(feed, self._today) or self._next(feed) or f"{feed.name}/{_READ}/{self._today}"

    def page(self, address: str) -> Listed:
        name, what, *rest = address.split("/")
        feed = self._maker.feed(name)
        requested = datetime.now(UTC)
        if what == _ASK:
            listed = self._ordered(address, feed, Window(*map(date.fromisoformat, rest)), requested)
        elif what == _FETCH:
            listed = self._fetched(address, feed, int(rest[0]), requested)
        elif what == _READ:
            listed = self._composed(address, feed, date.fromisoformat(rest[0]), requested)
        else:
            raise SourceError("she does not allow it there", problem=Problem.REFUSED)
        return listed

    def kept(self, address: str) -> None:
        """A page is in the record and in the ledger."""
        name, what, *rest = address.split("/")
        if what == _READ:
            self._shelf.kept(name, date.fromisoformat(rest[0]))

    def _allowed(self, feed: Feed) -> bool:
        return not self._permissions or not feed.permission or feed.permission in self._permissions

    @cached_property
    def _permissions(self) -> frozenset[str]:
        """What she has allowed; empty where the maker does not say. Raises SourceError where she has ended it."""
        try:
            answer = self._client.get(urljoin(self._client.base, self._maker.permissions)).resource
        except SourceError as error:
            if error.problem not in _NO_ORDER:
                raise
            return frozenset()
        listed = answer.get(LISTED) or said(answer, "permissions") or ()
        return frozenset(each for each in listed if isinstance(each, str))

    def _order(self, feed: Feed, last: date) -> str:
        """The window of earlier days that ends with ``last``; empty where nothing before that was missed."""
        if self._missed is None:
            return ""
        oldest = max(self._missed, self._today - timedelta(days=feed.back))
        first = max(last - timedelta(days=feed.days - 1), oldest)
        return f"{feed.name}/{_ASK}/{first}/{last}" if last >= oldest else ""

    def _next(self, feed: Feed, *, after: int = 0) -> str:
        """What comes once all is ordered: what has to be fetched, then the days, newest first."""
        if (pk := self._shelf.elsewhere(feed.name, after=after)) is not None:
            return f"{feed.name}/{_FETCH}/{pk}"
        return self._day(feed, self._shelf.newest(feed.name))

    @staticmethod
    def _day(feed: Feed, day: date | None) -> str:
        return f"{feed.name}/{_READ}/{day}" if day else ""

    def _ordered(self, address: str, feed: Feed, window: Window, requested: datetime) -> Listed:
        """What is ordered comes later, handed over like everything else."""
        start, end = window.in_zone(UTC)
        times = {"summaryStartTimeInSeconds": start, "summaryEndTimeInSeconds": min(end, requested)}
        query = urlencode({name: int(at.timestamp()) for name, at in times.items()})
        try:
            answer = self._client.get(f"{urljoin(self._client.base, feed.path)}?{query}")
            status, tries = answer.status, answer.tries
        except SourceError as error:
            if error.problem not in _NO_ORDER:
                raise
            status, tries = error.status or _CONFLICT, error.tries
        following = self._order(feed, window.first - timedelta(days=1)) or self._next(feed)
        return _listed(address, Mapped(), following, requested, status=status, tries=tries)

    def _fetched(self, address: str, feed: Feed, pk: int, requested: datetime) -> Listed:
        lies, mapped, status, tries = self._shelf.address(pk), Mapped(), None, 1
        if lies and not is_below(lies, base=self._client.base):
            lies = ""  # another's host is never asked, and gets no token of hers
            self._shelf.gone(pk)
            _missing(mapped)
        if lies:
            try:
                answer = self._client.get(lies)
            except SourceError as error:
                if error.problem not in _LOST | _LATER:
                    raise
                if error.problem in _LOST:
                    self._shelf.gone(pk)
                _missing(mapped)
                status, tries = error.status, error.tries
            else:
                self._shelf.fetched(pk, feed.name, answer.resource.get(LISTED) or ())
                status, tries = answer.status, answer.tries
        return _listed(address, mapped, self._next(feed, after=pk), requested, status=status, tries=tries)

    def _composed(self, address: str, feed: Feed, day: date, requested: datetime) -> Listed:
        found: Found = feed.read([{feed.name: list(self._shelf.of(feed.name, day))}], self.about)
        mapped = self._mapped(found, Window(day, day), feed)
        following = self._day(feed, self._shelf.newest(feed.name, before=day))
        return _listed(address, mapped, following, requested)


def _missing(mapped: Mapped) -> None:
    """The ledger says that what lies elsewhere was not had."""
    mapped.unusable.append(Unusable(0, "nothing lies there"))
    mapped.received += 1


def _listed(
    address: str, mapped: Mapped, following: str, requested: datetime, *, status: int | None = None, tries: int = 1
) -> Listed:
    return Listed(address, mapped, None, following, status, tries, requested, datetime.now(UTC) - requested)
