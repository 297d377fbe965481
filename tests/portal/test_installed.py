"""The portal as an app on a device: what is installed, what shows without a network, and that it holds nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from playwright.sync_api import Page, expect

from tests import browser
from tests.developers.conftest import site
from tests.portal import people
from tests.portal.test_pages import sign_in

__all__ = ["site"]

ALLERGY = "Penicillin, as she told it"
INSTALLED = "navigator.serviceWorker.ready.then(() => true)"
KEPT = """async () => {
  const texts = [];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      texts.push(request.url + ' ' + await (await cache.match(request)).text());
    }
  }
  return texts;
}"""


@pytest.mark.django_db
def test_manifest_names_icons_that_are_there():
    answer = Client().get("/manifest.webmanifest")
    told = answer.json()

    assert answer["Content-Type"] == "application/manifest+json"
    assert (told["start_url"], told["scope"], told["display"]) == ("/", "/", "standalone")
    assert {icon["sizes"] for icon in told["icons"]} == {"192x192", "512x512"}
    assert "maskable" in {icon["purpose"] for icon in told["icons"]}
    for icon in told["icons"]:
        found = Path(finders.find(icon["src"].removeprefix("/static/"))).read_bytes()
        width = int.from_bytes(found[16:20])
        assert f"{width}x{width}" == icon["sizes"]


@pytest.mark.django_db
def test_the_offline_page_is_the_same_for_everybody():
    signed_in = people.browser_of(people.sign_up(name="Zenobia Quillfeather"))

    assert signed_in.get("/offline/").content == Client().get("/offline/").content
    assert {"No connection", "Sin conexión"} <= set(
        re.findall(r"<h[12]>([^<]+)", Client().get("/offline/").content.decode())
    )


@pytest.mark.django_db
def test_the_worker_is_asked_for_anew_each_time():
    answer = Client().get("/service-worker.js")

    assert answer["Content-Type"] == "text/javascript"
    assert "no-store" in answer["Cache-Control"]
    assert "worker-src 'self'" in Client().get("/")["Content-Security-Policy"]


def installed(open_page, site: str) -> Page:
    """Her browser, with the worker at work and some pages seen."""
    owner = people.sign_up(name="Zenobia Quillfeather")
    allergy = {"resourceType": "AllergyIntolerance", "id": "a", "code": {"text": ALLERGY}}
    allergy |= {"patient": {"reference": f"Patient/{owner.patient_id}"}}
    people.store_records(owner, [allergy, people.condition(owner, "b")])
    page = open_page(**browser.PHONE, service_workers="allow")
    sign_in(page, site, owner)
    assert page.evaluate(INSTALLED)
    for path in ("/", "/records/conditions/", "/record/Condition/b/", "/share/emergency/"):
        page.goto(site + path)
    expect(page.get_by_text(ALLERGY)).to_be_visible()
    return page


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_without_a_network_it_says_so_and_has_kept_nothing(site, open_page):
    page = installed(open_page, site)

    kept = page.evaluate(KEPT)
    assert any("/offline/ " in text for text in kept)
    assert [text for text in kept if ALLERGY in text or "Quillfeather" in text or "High blood pressure" in text] == []
    page.context.set_offline(True)
    page.goto(f"{site}/records/conditions/")

    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    assert page.locator("main").evaluate("one => getComputedStyle(one).maxWidth") != "none"
    expect(page.get_by_role("link", name="Show the card")).to_be_hidden()
    assert browser.overflow(page) == 0
    page.context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", name="Your record")).to_be_visible()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_she_may_keep_her_emergency_card_and_remove_it(site, open_page):
    page = installed(open_page, site)
    page.get_by_role("button", name="Keep it on this device").click()
    expect(page.get_by_text("A card is kept on this device.")).to_be_visible()

    page.context.set_offline(True)
    page.goto(f"{site}/")
    page.get_by_role("link", name="Show the card").first.click()
    expect(page.get_by_text(ALLERGY)).to_be_visible()
    expect(page.get_by_role("heading", name="Zenobia Quillfeather")).to_be_visible()
    expect(page.get_by_role("navigation")).to_have_count(0)
    page.goto(f"{site}/")
    page.get_by_role("button", name="Remove it from this device").first.click()

    expect(page.get_by_role("link", name="Show the card")).to_have_count(0)
    page.goto(f"{site}/share/emergency/")
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    assert [text for text in page.evaluate(KEPT) if ALLERGY in text] == []
