"""A maker of devices as a source: joins the client with the mapping, one window of days after the other.

A page of the ledger is one feed's window with all that the maker pages it into, because a day has to be whole before it
is packed. The newest days come first. A window holds the days that were asked for and no other, so that two windows
never say different things of the same day.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote, urlencode, urljoin

from sync import vendors
from sync.problems import Problem, SourceError
from sync.sources.fhir_rest import client as http
from sync.sources.fhir_rest import mapping, plan
from sync.sources.fhir_rest.mapping import Frame, Mapped, Unusable
from sync.sources.fhir_rest.source import Listed
from sync.sources.wearables import observations, readings
from sync.sources.wearables.client import Client
from sync.sources.wearables.maker import About, Feed, Found, Maker, Window

PAGES_MAX: Final = 200
"""Pages of one window; a maker that sends more than these is going in a circle."""
AGAIN: Final = timedelta(days=7)
AGAIN_AT_MOST: Final = timedelta(days=60)
"""An update asks for the last days once more: devices hand in late what they measured. For two months where a maker
gives as many days at once, so that it costs no request more."""
_AHEAD: Final = timedelta(hours=14)


class WearableSource:
    """One account at one maker, during one call of a run. Close it after use.

    ``assembler``: the maker as the directory names it; ``callback``: where it may tell us of news. ``complete``: when
    it last was complete; what lies well before that is not asked for again.
    """

    vendor = vendors.STANDARD

    def __init__(
        self,
        base: str,
        maker: Maker,
        frame: Frame,
        *,
        assembler: str,
        callback: str,
        bearer: http.Bearer,
        pulse: Callable[[], None],
        spend: Callable[[], None],
        connected: datetime,
        complete: datetime | None,
        at: datetime,
    ) -> None:
        self.frame = frame
        self._maker = maker
        self._client = Client(base, maker, bearer=bearer, pulse=pulse, spend=spend)
        self._connected = min(connected, complete or connected).astimezone(UTC).date()
        self._complete = complete
        self._assembler = assembler
        self._callback = callback
        # Her day may have begun when UTC's has not.
        self._today = (at.astimezone(UTC) + _AHEAD).date()

    def close(self) -> None:
        self._client.close()

    def subscribe(self) -> None:
        """Ask to be told when there is something new. A maker that will not is asked by the usual updates."""
        how = self._maker.notices
        if how is None:
            return
        account, callback = (quote(each, safe="") for each in (self.frame.patient, self._callback))
        for way, addresses in ((self._client.get, how.subscribe), (self._client.post, how.follow)):
            for address in addresses:
                self._subscribe(way, address.format(callback=callback, account=account))

    def _subscribe(self, way: Callable[[str], object], address: str) -> None:
        try:
            way(urljoin(self._client.base, address))
        except SourceError as error:
            if error.problem in {Problem.UNREACHABLE, Problem.BUSY, Problem.OUR_TURN, Problem.SIGNED_OUT}:
                raise

    def searches(self) -> tuple[plan.Search, ...]:
        return tuple(plan.Search("Observation", feed.name) for feed in self._maker.feeds)

    def first_address(self, search: plan.Search) -> str:
        """The ledger's name for a window: the feed and its days."""
        feed = self._maker.feed(search.query)
        return self._named(feed, self._today)

    def first_page(self, search: plan.Search) -> Listed:
        return self.page(self.first_address(search))

    def leads_elsewhere(self, address: str) -> bool:
        """A window is made here, by nobody else."""
        return False

    def page(self, address: str) -> Listed:
        """Fetch, read and compose one window. Raises SourceError."""
        name, first, last = address.split("/")
        feed, window = self._maker.feed(name), Window(date.fromisoformat(first), date.fromisoformat(last))
        requested, began = datetime.now(UTC), time.monotonic()
        queries = [(path, query) for path in _paths(feed, window) for query in feed.asks(window, self.about)]
        answers = [each for path, query in queries for each in self._pages(path, query, feed)]
        found = feed.read([each.resource for each in answers], self.about)
        return Listed(
            address,
            self._mapped(found, window, feed),
            None,
            self._earlier(feed, window),
            answers[-1].status if answers else None,
            max((each.tries for each in answers), default=1),
            requested,
            timedelta(seconds=time.monotonic() - began),
        )

    @cached_property
    def about(self) -> About:
        told = About()
        if self._maker.about:
            told = self._maker.reads_about(self._client.get(urljoin(self._client.base, self._maker.about)).resource)
        return replace(told, connected=self._connected)

    def _named(self, feed: Feed, last: date) -> str:
        first = max(last - timedelta(days=feed.days - 1), self._since(feed))
        return f"{feed.name}/{min(first, last)}/{last}"

    def _earlier(self, feed: Feed, window: Window) -> str:
        last = window.first - timedelta(days=1)
        return self._named(feed, last) if last >= self._since(feed) else ""

    def _since(self, feed: Feed) -> date:
        oldest = self._today - timedelta(days=feed.back)
        if self._complete is None:
            return oldest
        again = max(AGAIN, min(timedelta(days=feed.days), AGAIN_AT_MOST))
        return max(oldest, (self._complete - again).date())

    def _pages(self, path: str, asked: Any, feed: Feed) -> Iterator[http.Answer]:
        for _ in range(PAGES_MAX):
            address = urljoin(self._client.base, path)
            answer = self._client.get(f"{address}?{urlencode(asked)}" if asked else address)
            yield answer
            following = feed.following(answer.resource, asked)
            if following is None:
                return
            asked = {**asked, **following}
        raise SourceError(f"{feed.name}: more than {PAGES_MAX} pages", problem=Problem.LOOP)

    def _mapped(self, found: Found, window: Window, feed: Feed) -> Mapped:
        """The window's readings as records of hers."""
        kept = [each for each in found.readings if readings.day_of(each) in window]
        composed = observations.compose(kept, patient=self.frame.patient, assembler=self._assembler, part=feed.name)
        mapped = mapping.page(
            {"resourceType": "Bundle", "entry": [{"resource": each} for each in composed]}, self.frame
        )
        # What a feed no longer tells is no sign that it was never measured; and its devices came with the page.
        mapped.listing, mapped.pointed = [], set()
        mapped.unusable += [Unusable(index, "unreadable entry") for index in range(found.unusable)]
        mapped.received += found.unusable
        return mapped


def _paths(feed: Feed, window: Window) -> Iterator[str]:
    if "{day}" in feed.path:
        yield from (feed.path.format(day=day.isoformat()) for day in window.days())
    else:
        yield feed.path.format(first=window.first.isoformat(), last=window.last.isoformat())
