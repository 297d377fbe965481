"""One record, end to end, in a real browser: from her hospital to her, to an app she chose, until she says stop."""

from __future__ import annotations

import re
import time

import pytest

from standards.fhir import json
from tests.journeys.app import App
from tests.journeys.stack import PASSWORD, bodies

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
def app(stack):
    """Lab Lens, the public app of the demo."""
    opened = App(stack.demo["clients"][0]["client_id"], stack.person.url)
    yield opened
    opened.close()


@pytest.mark.parametrize("size", [(390, 844), (1280, 900)], ids=["phone", "desktop"])
def test_from_the_hospital_to_an_app_until_she_withdraws(stack, open_page, app, size):
    hospital = stack.hospital("riverside")
    login = next(one for one in stack.patients_at(hospital))
    email = f"browser{size[0]}@journeys.example"
    page = open_page(width=size[0], height=size[1])

    # She signs up.
    page.goto(f"{stack.person.url}/accounts/signup/")
    page.get_by_label("Your name").fill(login["name"])
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="I agree, create my account").click()

    # She picks her hospital, signs in there and lets it give.
    page.goto(f"{stack.person.url}/hospitals/")
    page.get_by_role("button", name="Connect Riverside General Hospital").click()
    page.wait_for_url(f"{hospital.url}/**")
    page.get_by_label("E-mail").fill(login["email"])
    page.get_by_label("Password", exact=True).fill(login["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Yes, let it in").click()
    page.wait_for_url(f"{stack.person.url}/hospitals/**")

    # The records arrive while she looks on.
    page.get_by_role("link", name=re.compile("Riverside General Hospital")).first.click()
    page.get_by_role("button", name="Update now").wait_for(timeout=120_000)
    page.goto(stack.person.url)
    told = [json.loads(line) for line in bodies(hospital, login["email"])[0]]
    laboratory = [one for one in told if one["resourceType"] == "Observation" and in_category(one, "laboratory")]
    tile = page.get_by_role("link", name=re.compile("Laboratory results"))
    assert f"{len(laboratory):,}" in tile.inner_text()
    tile.click()
    assert page.locator("main ul.rows > li").count() > 0
    page.locator("main ul.rows a").first.click()
    assert "Riverside General Hospital" in page.locator("main").inner_text()

    # An app asks for all observations and conditions; she keeps laboratory alone.
    page.goto(app.address("launch/patient openid fhirUser patient/Observation.rs patient/Condition.rs"))
    for box in page.locator("input[name=box]").all():
        if not box.get_attribute("value").endswith("observation-category|laboratory") and box.is_checked():
            summary = page.locator("details:not([open]) > summary")
            if not box.is_visible() and summary.count():
                summary.first.click()
            box.uncheck()
    laboratory_box = page.locator("input[name=box][value$='observation-category|laboratory']")
    assert f"{len(laboratory):,}" in laboratory_box.locator("xpath=..").inner_text()
    page.get_by_role("button", name="Yes, let it in").click()
    page.get_by_text("Back in the app.").wait_for()
    tokens = app.redeem()
    assert "patient/Condition.rs" not in tokens["scope"].split()

    # The app gets exactly the laboratory results.
    got = app.search(f"Observation?patient={tokens['patient']}&_count=100")
    assert len(got) == len(laboratory)
    assert all(in_category(one, "laboratory") for one in got)
    assert {one["code"]["coding"][0]["code"] for one in got} == {one["code"]["coding"][0]["code"] for one in laboratory}
    assert app.get(f"Condition?patient={tokens['patient']}").status_code == 403

    # She withdraws; the next call is refused within a second.
    assert app.get("Observation?_count=1").status_code == 200
    page.goto(f"{stack.person.url}/apps/")
    page.locator("main a[href*='/withdraw/']").first.click()
    page.get_by_role("button", name="Withdraw").click()
    begun = time.monotonic()
    assert app.get("Observation?_count=1").status_code == 401
    assert time.monotonic() - begun < 1

    # The access log names the app and what it took.
    page.goto(f"{stack.person.url}/access/")
    log = page.locator("main").inner_text()
    assert "Lab Lens looked at" in log
    # Every page of the search and the one look afterwards; looks in between are joined, refusals part them.
    took = re.findall(r"Lab Lens looked at\s+([\d,]+) × Measurements and findings", log)
    assert sum(int(number.replace(",", "")) for number in took) == len(laboratory) + 1
    assert "Lab Lens" in log


def in_category(resource, code):
    return any(
        coding.get("code") == code
        for category in resource.get("category", [])
        if isinstance(category, dict)
        for coding in category.get("coding", [])
    )
