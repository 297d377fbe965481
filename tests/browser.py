"""Pages in headless Chromium, as a person sees them: Debian's, or the one ``CHROMIUM`` names, or Playwright's own.

The fixtures are everybody's (tests/conftest.py). Every page watches itself: a script error, a refused policy or a
failed request fails the test that opened it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from local import environment

PHONE = {"width": 390, "height": 844}
SMALL_PHONE = {"width": 320, "height": 640}
DESKTOP = {"width": 1280, "height": 900}
# As root Chromium refuses its sandbox; in a container /dev/shm is small. It opens only pages of our own.
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server", "--disable-extensions"]


def executable() -> Path | None:
    """The Chromium to drive; None leaves it to Playwright's own download."""
    named = os.environ.get("CHROMIUM")
    return Path(named) if named else environment.find_browser()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    # Playwright's event loop lives in this thread, where Django would then refuse the database.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=OPTIONS)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """``open_page(width=…, height=…, **context options)``: a page in a browser profile of its own."""
    complaints: list[str] = []
    contexts = []

    def opened(*, width: int = 1280, height: int = 900, **options: Any) -> Page:
        # A worker would fetch behind the back of the tests that do not ask for one.
        options.setdefault("service_workers", "block")
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.extend(_complaint(message)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


def _complaint(message: ConsoleMessage) -> Iterator[str]:
    # A page that answers 4xx is logged by Chromium as an error too; the tests look at those by themselves.
    if message.type == "error" and "the server responded with a status of 4" not in message.text:
        yield message.text


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window; 0 means no sideways scrolling."""
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width


def too_small(page: Page, *, least: int = 24) -> list[str]:
    """Controls smaller than ``least`` px in a direction (WCAG 2.5.8); links inside a line of text are exempt."""
    script = """least => [...document.querySelectorAll('button, summary, input:not([type=hidden]), select, a')]
      .filter(e => e.checkVisibility() && getComputedStyle(e).display !== 'inline')
      .filter(e => e.offsetWidth > 1 && (e.offsetWidth < least || e.offsetHeight < least))
      .map(e => e.outerHTML.slice(0, 120))"""
    found: list[str] = page.evaluate(script, least)
    return found
