"""How long a phone stays white: the first paint of a page in headless Chromium, on a slow line, with nothing cached.

The line of Lighthouse's slow 4G: 150 ms there and back for each request, 1.6 Mbit a second; the processor four times
slower than this machine's. What opening a connection costs is not in it.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from local import environment

TURNS: Final = 3
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
SLOWER: Final = 4
LINE: Final = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 94_000}
_VIEWER: Final = "/view/"
_OPTIONS: Final = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server"]
_TIMES: Final = """new Promise(done => {
  const told = {first: 0, largest: 0, answered: performance.getEntriesByType('navigation')[0].responseStart};
  const watch = (type, keep) => new PerformanceObserver(list => list.getEntries().forEach(keep))
    .observe({type, buffered: true});
  watch('paint', one => { if (one.name === 'first-contentful-paint') told.first = one.startTime; });
  watch('largest-contentful-paint', one => { told.largest = one.startTime; });
  setTimeout(() => done(told), 100);
})"""


@dataclass(frozen=True)
class Painted:
    """Medians, ms after the address was asked for: the first byte, the first paint, that of the largest part."""

    address: str
    answered: float
    first: float
    largest: float


def of(origin: str, addresses: Sequence[str], cookies: Mapping[str, str]) -> list[Painted]:
    """Of her pages, and of the one that anybody opens who has a link of hers. ``cookies``: what her browser holds."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=environment.find_browser(), args=_OPTIONS)
        try:
            found = [_painted(browser, origin, address, cookies) for address in addresses]
            return [*found, _painted(browser, origin, _VIEWER, {})]
        finally:
            browser.close()


def _painted(browser: Browser, origin: str, address: str, cookies: Mapping[str, str]) -> Painted:
    """The first visit is not counted: what a server fetches once for each process is fetched in it."""
    told = [_visited(browser, origin, address, cookies) for _ in range(TURNS + 1)][1:]
    return Painted(address, *(statistics.median(one[key] for one in told) for key in ("answered", "first", "largest")))


def _visited(browser: Browser, origin: str, address: str, cookies: Mapping[str, str]) -> dict[str, float]:
    context = browser.new_context(viewport=PHONE, device_scale_factor=2, service_workers="block")
    try:
        context.add_cookies([{"name": name, "value": value, "url": origin} for name, value in cookies.items()])
        page = context.new_page()
        phone = context.new_cdp_session(page)
        phone.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        phone.send("Network.emulateNetworkConditions", LINE)
        answer = page.goto(origin + address)
        if answer is None or answer.status != 200:
            raise SystemExit(f"{address} answered {answer.status if answer else 'nothing'}")
        told: dict[str, float] = page.evaluate(_TIMES)
        return told
    finally:
        context.close()
