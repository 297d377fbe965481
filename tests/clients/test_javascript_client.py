"""npm ``fhirclient``, SMART's own JavaScript client, in Chromium at an origin of its own: nothing of it is changed."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from joserfc.jwk import ECKey, RSAKey
from playwright.sync_api import Page, expect

from accounts.models import Person
from gateway import clients
from gateway.models import AuthMethod
from sandbox import intake, loading, populating, staff
from tests.developers import builders
from tests.gateway import parties
from tests.sandbox.test_wards import chart_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGES = Path(__file__).parent / "pages"
ASKED = "openid fhirUser launch/patient offline_access patient/*.rs"
LAUNCHED = "launch openid fhirUser offline_access patient/*.rs"
EVERY_ID = """client.request("Observation?_count=50", {pageLimit: 0, flat: true})
  .then(found => found.map(resource => resource.id))"""
TOLD = "client.getState('tokenResponse')"


@dataclass(frozen=True)
class Pages:
    """The app's folder of pages, and the origin they are served at."""

    folder: Path
    origin: str

    def set_up(self, site: str, *, scope: str, method: str = AuthMethod.NONE, key: Any = None) -> clients.Registered:
        """Registers the app and tells its pages who they are."""
        made = clients.register(
            "Heart Diary",
            redirect_uris=[f"{self.origin}/index.html"],
            method=method,
            scopes_allowed=[*scope.split(), "launch", "user/*.rs"],
            jwks={"keys": [key.as_dict(private=False)]} if key else None,
            launch_uri=f"{self.origin}/launch.html",
        )
        config = {"clientId": made.application.client_id, "scope": scope, "redirectUri": f"{self.origin}/index.html"}
        if made.secret:
            config["clientSecret"] = made.secret
        if key:
            config["clientPrivateJwk"] = key.as_dict(private=True)
        (self.folder / "config.json").write_text(json.dumps(config | {"pkceMode": "required"}))
        return made


@pytest.fixture
def pages(tmp_path, node_modules, serve) -> Pages:
    folder = shutil.copytree(PAGES, tmp_path / "app")
    shutil.copy(node_modules / "fhirclient" / "build" / "fhir-client.pure.js", folder / "fhir-client.js")
    return Pages(folder, serve(folder))


@pytest.fixture
def window(open_page, site):
    """``window(person)``: a page of a browser in which she is signed in with us."""

    def opened(person: Person) -> Page:
        page = open_page()
        cookie = builders.browser(person).cookies["session"].value
        page.context.add_cookies([{"name": "session", "value": cookie, "url": site}])
        return page

    return opened


def arrive(page: Page, pages: Pages) -> None:
    """Back in the app, whose client has redeemed the code."""
    expect(page.get_by_role("heading", name="Connected")).to_be_visible()
    assert page.url.partition("?")[0] == f"{pages.origin}/index.html"


def let_in(page: Page, pages: Pages) -> None:
    page.locator('button[name="answer"][value="allow"]').click()
    arrive(page, pages)


@pytest.mark.spec("SMART App Launch 2.2", "app-launch", "SMART's JavaScript client: standalone launch, refresh, paging")
def test_public_app_standalone(site, pages, window):
    person = parties.sign_up()
    parties.store_observations(person, laboratory=70, vital_signs=50)
    pages.set_up(site, scope=ASKED)
    page = window(person)

    page.goto(f"{pages.origin}/launch.html?iss={site}/fhir/r4")
    let_in(page, pages)

    assert page.evaluate("client.patient.id") == person.patient_id
    assert page.evaluate("client.user.fhirUser") == f"Patient/{person.patient_id}"
    assert page.evaluate("client.patient.read().then(found => found.resourceType)") == "Patient"
    assert page.evaluate("client.user.read().then(found => found.id)") == person.patient_id
    found = page.evaluate(EVERY_ID)
    assert (len(found), len(set(found))) == (120, 120)
    first = page.evaluate(TOLD)
    again = page.evaluate("client.refresh().then(state => state.tokenResponse)")
    assert again["access_token"] != first["access_token"]
    assert (again["patient"], again["scope"]) == (person.patient_id, first["scope"])
    assert len(page.evaluate(EVERY_ID)) == 120


@pytest.mark.parametrize("kind", ["client_secret_basic", "RS384", "ES384"])
@pytest.mark.spec("SMART App Launch 2.2", "client-confidential", "SMART's JavaScript client proves itself")
def test_confidential_app_standalone(site, pages, window, kind):
    person = parties.sign_up()
    keys = {
        "RS384": lambda: RSAKey.generate_key(2048, {"use": "sig", "alg": "RS384"}, auto_kid=True),
        "ES384": lambda: ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True),
    }
    key = keys[kind]() if kind in keys else None
    pages.set_up(site, scope=ASKED, method=AuthMethod.PRIVATE_KEY_JWT if key else AuthMethod.BASIC, key=key)
    page = window(person)

    page.goto(f"{pages.origin}/launch.html?iss={site}/fhir/r4")
    let_in(page, pages)

    assert page.evaluate("client.patient.read().then(found => found.id)") == person.patient_id
    refreshed = page.evaluate("client.refresh().then(() => 'refreshed', error => error.message)")
    # It refreshes with a secret, and has no assertion in a refresh: without its proof such an app gets nothing.
    assert ("invalid_client" in refreshed) if key else (refreshed == "refreshed")


@pytest.mark.spec("SMART App Launch 2.2", "app-launch", "SMART's JavaScript client: launched from the portal")
def test_app_launched_from_the_portal(site, pages, window):
    person = parties.sign_up()
    parties.store_observations(person, laboratory=1)
    pages.set_up(site, scope=LAUNCHED)
    page = window(person)
    page.goto(f"{site}/apps/")

    page.get_by_role("button", name="Open Heart Diary").click()
    let_in(page, pages)

    assert page.evaluate("client.patient.id") == person.patient_id
    assert page.evaluate(TOLD)["need_patient_banner"] is False
    assert len(page.evaluate(EVERY_ID)) == 1
    assert page.evaluate("client.refresh().then(state => state.tokenResponse.patient)") == person.patient_id


@pytest.fixture
def hospital(site, settings, tmp_path):
    """The same server as a sandbox hospital, with a clinician and a patient; his account."""
    settings.SITE, settings.SITE_NAME, settings.ROOT_URLCONF = "hospital", staff.LAKESIDE, "sandbox.urls"
    settings.VAR_DIR = tmp_path / "hospitals" / "lakeside"
    [templates] = settings.TEMPLATES
    folder = settings.BASE_DIR / "templates" / "sandbox"
    settings.TEMPLATES = [{**templates, "DIRS": [folder, *templates["DIRS"]]}]
    loading.load(intake.gather(chart_of("Ann"), origin="the test"), at=timezone.now())
    return Person.objects.get(email=populating.ensure_clinician().email)


@pytest.mark.spec("SMART App Launch 2.2", "app-launch", "SMART's JavaScript client: launched from a chart")
def test_app_launched_from_a_chart(site, hospital, pages, window):
    patient = Person.objects.get(role="patient")
    pages.set_up(site, scope=f"{LAUNCHED} launch/encounter user/Practitioner.rs")
    page = window(hospital)
    page.goto(f"{site}/patients/{patient.patient_id}/")
    page.get_by_label("Visit").select_option("visit-ann")

    page.get_by_role("button", name="Open Heart Diary").click()
    let_in(page, pages)

    assert page.evaluate("[client.patient.id, client.encounter.id]") == [patient.patient_id, "visit-ann"]
    assert page.evaluate("client.encounter.read().then(found => found.id)") == "visit-ann"
    assert page.evaluate("client.user.read().then(found => found.id)") == hospital.practitioner_id
    assert page.evaluate("client.refresh().then(state => state.tokenResponse.encounter)") == "visit-ann"


def test_she_says_no_and_the_client_says_so(site, pages, window):
    pages.set_up(site, scope=ASKED)
    page = window(parties.sign_up())

    page.goto(f"{pages.origin}/launch.html?iss={site}/fhir/r4")
    page.locator('button[name="answer"][value="deny"]').click()

    expect(page.locator("#fault")).to_contain_text("access_denied")
