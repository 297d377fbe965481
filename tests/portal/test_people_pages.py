"""The pages of people who act for an owner, in a browser: they fit and can be touched."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from playwright.sync_api import expect

from consent.models import Delegation
from tests import browser
from tests.portal import people
from tests.portal.test_pages import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    ("size", "language"), [(browser.PHONE, "es"), (browser.DESKTOP, "en")], ids=["390-es", "1280-en"]
)
def test_asking_answering_and_looking_fit(live_server, open_page, size, language, settings):
    settings.PUBLIC_URL = live_server.url
    owner = people.sign_up(name="Maximiliana Fernández de la Torre")
    ben = people.sign_up(name="Ben Example")
    people.store_records(owner, [people.observation(owner, "a"), people.condition(owner, "b")])
    people.store_records(owner, [people.observation(owner, "c")], hospital="Lakeside")
    wrong = {}

    def look(page, address: str = "", *, least: int = 44) -> None:
        if address:
            page.goto(f"{live_server.url}{address}")
        found = (browser.overflow(page), browser.too_small(page, least=least))
        if found != (0, []):
            wrong[page.url] = found
        expect(page.get_by_role("heading", level=1)).to_have_count(1)

    def opened(person):
        page = open_page(**size)
        sign_in(page, live_server.url, person)
        if language == "es":
            page.get_by_role("button", name="Español").click()
            expect(page.locator("html")).to_have_attribute("lang", "es")
        return page

    hers = opened(owner)
    look(hers, "/people/")
    look(hers, "/people/invite/", least=24)  # a box is small, but its words can be touched as well
    hers.locator("[name=name]").fill("Ben")
    hers.locator("[name=email]").fill(ben.email)
    hers.locator("[name=relationship]").select_option("SPS")
    hers.locator("[name=kinds][value=everything]").check()
    hers.locator("main form button").click()
    expect(hers).to_have_url(f"{live_server.url}/people/")
    link = re.search(r"/people/invitation/[\w-]+/", mail.outbox[0].body)[0]

    his = opened(ben)
    his.goto(f"{live_server.url}{link}")
    look(his)
    his.locator("[name=answer][value=accept]").click()
    uid = Delegation.objects.get(owner=owner).uid
    expect(his).to_have_url(f"{live_server.url}/for/{uid}/")
    for address in (
        f"/for/{uid}/",
        f"/for/{uid}/records/laboratory/",
        f"/for/{uid}/record/Condition/b/",
        "/people/",
        "/",
    ):
        look(his, address)
    look(his, f"/people/{uid}/end/")
    look(hers, "/people/")

    assert wrong == {}
