"""Every page for developers fits a phone, keeps to the policy, works without script, in both languages."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.models import Person
from developers import faults, people, reviews, webhooks
from gateway import usage
from tests import browser as chromium_pages
from tests.developers import builders
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def furnished() -> tuple[Person, list[str]]:
    """A developer who is staff too, with something on every page; the addresses."""
    person = builders.developer(is_staff=True, name="Dana Devsample")
    made = builders.app(person, method="client_secret_basic", name="Heart Diary").application
    synthetic = parties.sign_up(is_synthetic=True)
    app = App(made, None, builders.REDIRECT)
    app.ask(synthetic, "launch/patient patient/Observation.rs")
    usage.note_call(made.client_id, ok=True, permissions=["Observation.s"])
    faults.switch_on(made, "429", times=3)
    webhooks.subscribe(made, "https://app.example/hook", ["data.new", "authorization.revoked"], at=timezone.now())
    reviews.submit(made, at=timezone.now())
    here = f"/developers/apps/{made.uid}/"
    lists = [
        "",
        "apps/new/",
        "people/",
        "scopes/?have=openid+patient/Observation.rs+patient/X.rs",
        "try/",
        "reference/",
    ]
    staff = ["/developers/review/", f"/developers/review/{made.uid}/"]
    own = [here + part for part in ("", "change/", "usage/", "faults/", "webhooks/")]
    return person, [f"/developers/{part}" for part in lists] + own + staff


@pytest.mark.parametrize(("language", "script"), [("en", True), ("es", False)])
def test_pages_fit_a_phone(site, open_page, language, script):
    person, addresses = furnished()
    Person.objects.filter(pk=person.pk).update(language=language)
    page = open_page(**chromium_pages.PHONE, java_script_enabled=script)
    signed_in = builders.browser(person).cookies["session"].value
    cookies = {"session": signed_in, "language": language}
    page.context.add_cookies([{"name": name, "value": value, "url": site} for name, value in cookies.items()])

    for address in addresses:
        answer = page.goto(site + address)
        assert answer.status == 200, address
        assert page.locator("h1").count() == 1, address
        if script:
            assert chromium_pages.overflow(page) == 0, address
            assert chromium_pages.too_small(page) == [], address
            assert unlabelled(page) == [], address


def unlabelled(page) -> list[str]:
    """Controls with no name that a screen reader could say (WCAG 4.1.2)."""
    script = """() => [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button')]
      .filter(e => !(e.labels && e.labels.length) && !e.getAttribute('aria-label') && !e.textContent.trim())
      .map(e => e.outerHTML.slice(0, 120))"""
    return page.evaluate(script)


def test_one_test_person_is_made_by_one_click(site, open_page, monkeypatch):
    monkeypatch.setattr(people, "_fill", lambda: lambda *_: None)
    page = open_page()
    signed_in = builders.browser(builders.developer()).cookies["session"].value
    page.context.add_cookies([{"name": "session", "value": signed_in, "url": site}])
    page.goto(f"{site}/developers/people/")

    page.get_by_role("button", name="Make a test person").click()

    page.get_by_text("The password, shown this once:").wait_for()
    assert Person.objects.filter(is_synthetic=True).count() == 1
