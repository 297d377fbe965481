"""The demo's hospitals as EHRs: a clinician signs in there and opens us inside a chart."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.stack import Stack


def sign_in(page: Page, hospital: dict[str, Any]) -> str:
    """At the hospital; its own address."""
    site: str = hospital["iss"].removesuffix("/fhir/r4")
    page.goto(f"{site}/accounts/login/")
    page.fill("[name=login]", hospital["clinician"]["email"])
    page.fill("[name=password]", hospital["clinician"]["password"])
    page.locator("main form button").first.click()
    page.wait_for_url(f"{site}/")
    return site


def open_in_chart(page: Page, site: str, patient: str) -> str:
    """The address of the visit in the frame."""
    page.goto(f"{site}/patients/{patient}/")
    page.get_by_role("button", name="Open Tributary").click()
    expect(page.frame_locator("iframe").locator("header")).to_contain_text("Dr. ")
    found = re.search(r"/ehr/[0-9a-f-]{36}/", page.frames[1].url)
    assert found, page.frames[1].url
    return found[0]


@pytest.mark.parametrize("which", [0, 1])
def test_a_clinician_opens_us_inside_a_chart(stack: Stack, open_page: Callable[..., Page], which: int):
    hospital = stack.demo["hospitals"][which]
    page = open_page()
    site = sign_in(page, hospital)

    open_in_chart(page, site, hospital["patients"][0]["patient"])

    assert page.url.startswith(site)
    assert page.frames[1].url.startswith(f"{stack.person.url}/ehr/")
    expect(page.frame_locator("iframe").locator("header")).to_contain_text(hospital["name"])


def test_two_charts_are_two_visits_and_closing_one_leaves_the_other(stack: Stack, open_page: Callable[..., Page]):
    hospital = stack.demo["hospitals"][0]
    first = open_page()
    site = sign_in(first, hospital)
    second = first.context.new_page()
    one, two = (
        open_in_chart(page, site, patient["patient"])
        for page, patient in zip((first, second), hospital["patients"], strict=False)
    )
    assert one != two

    first.frame_locator("iframe").get_by_role("button", name="Close").click()

    expect(first.frame_locator("iframe").locator("h1")).to_have_text("This view is locked")
    second.frames[1].goto(f"{stack.person.url}{two}")
    expect(second.frame_locator("iframe").locator("header")).to_contain_text("Dr. ")
