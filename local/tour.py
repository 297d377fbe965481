"""The pictures of docs/tour.md, taken from the running demo by a browser that walks it as the page tells.

``make tour`` after ``make demo``. What it changes in the demo is what a person does who follows the tour: nothing but
looking, and one app's question that is left unanswered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from local import environment, options

PICTURES: Final = options.ROOT / "docs" / "images" / "tour"
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 800}
_OPTIONS: Final = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server"]
Demo = Mapping[str, Any]


@dataclass(frozen=True)
class Stop:
    """One picture. ``go`` brings the page there; ``who`` signs in before, or nobody where that is ""."""

    name: str
    who: str
    go: Callable[[Page, Demo], None]
    wide: bool = False


class Unready(Exception):
    """There is no demo to walk through."""


def at(path: str) -> Callable[[Page, Demo], None]:
    return lambda page, demo: _open(page, demo["portal"] + path)


def _open(page: Page, address: str) -> None:
    answer = page.goto(address)
    if answer is None or answer.status != 200:
        raise Unready(f"{address} answered {answer.status if answer else 'nothing'}")


def _hospital(page: Page, demo: Demo) -> None:
    """What arrived from her first hospital, kind by kind."""
    _open(page, f"{demo['portal']}/hospitals/")
    page.locator("a[href^='/hospitals/']").filter(has_text=demo["hospitals"][0]["name"]).first.click()
    page.get_by_role("heading", level=1).wait_for()


def _consent(page: Page, demo: Demo) -> None:
    """The question of the demo's first app; nobody answers it."""
    app = next(client for client in demo["clients"] if client["type"] != "backend" and client.get("redirect_uri"))
    asked = {
        "response_type": "code",
        "client_id": app["client_id"],
        "redirect_uri": app["redirect_uri"].split()[0],
        "scope": app["scope"],
        "state": "tour",
        "aud": demo["fhir_base"],
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",  # RFC 7636, appendix B
        "code_challenge_method": "S256",
    }
    _open(page, f"{demo['portal']}/oauth/authorize?{urlencode(asked)}")
    page.get_by_role("heading", level=1).wait_for()


def _chart(page: Page, demo: Demo) -> None:
    """The chart of one of the demo's own patients at the simulated hospital."""
    hospital = demo["hospitals"][0]
    _open(page, f"{_site(hospital['iss'])}/patients/{hospital['patients'][0]['patient']}/")


STOPS: Final = (
    Stop("welcome", "", at("/")),
    Stop("home", "patient", at("/")),
    Stop("timeline", "patient", at("/timeline/")),
    Stop("same", "patient", at("/same/medicines/")),
    Stop("pressure", "patient", at("/readings/")),
    Stop("hospital", "patient", _hospital),
    Stop("consent", "patient", _consent),
    Stop("share", "patient", at("/share/new/")),
    Stop("card", "patient", at("/share/emergency/")),
    Stop("access", "patient", at("/access/")),
    Stop("account", "patient", at("/account/")),
    Stop("delegate", "delegate", at("/people/")),
    Stop("developers", "developer", at("/developers/"), wide=True),
    Stop("clinician", "clinician", _chart, wide=True),
)


def take(demo: Demo, into: Path) -> list[Path]:
    """Every picture of the tour, one file each."""
    into.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=environment.find_browser(), args=list(_OPTIONS))
        try:
            return [_picture(browser, demo, stop, into) for stop in STOPS]
        finally:
            browser.close()


def _picture(browser: Browser, demo: Demo, stop: Stop, into: Path) -> Path:
    size = DESKTOP if stop.wide else PHONE
    context = browser.new_context(viewport=size, locale="en", reduced_motion="reduce", color_scheme="light")
    try:
        page = context.new_page()
        if stop.who:
            _sign_in(page, *_login(demo, stop.who))
        stop.go(page, demo)
        path = into / f"{stop.name}.png"
        page.screenshot(path=path)
        return path
    finally:
        context.close()


def _login(demo: Demo, who: str) -> tuple[str, str, str]:
    """Site, e-mail and password."""
    if who == "clinician":
        hospital = demo["hospitals"][0]
        login = hospital["clinician"]
        return _site(hospital["iss"]), login["email"], login["password"]
    person = next(person for person in demo["people"] if person["role"] == who)
    return demo["portal"], person["email"], person["password"]


def _site(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _sign_in(page: Page, site: str, email: str, password: str) -> None:
    page.goto(f"{site}/accounts/login/")
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(password)
    page.locator("main form button").first.click()
    page.wait_for_url(re.compile(r"^(?!.*/accounts/login/)"))


def main() -> None:
    told = options.var_dir() / "demo.json"
    if not told.exists():
        raise SystemExit("there is no demo here: run `make demo DETACH=1` first")
    try:
        for path in take(json.loads(told.read_text()), PICTURES):
            print(path.relative_to(options.ROOT))
    except Unready as unready:
        raise SystemExit(str(unready)) from unready


if __name__ == "__main__":
    main()
