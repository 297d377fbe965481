"""A static page of another origin in Chromium: what CORS lets it read, and what it does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGE = Path(__file__).parent / "pages" / "plain.html"
ASK = """([address, token]) => fetch(address, {headers: token ? {Authorization: `Bearer ${token}`} : {}})
  .then(async answer => ({status: answer.status, challenge: answer.headers.get("WWW-Authenticate"),
                          tag: answer.headers.get("ETag"), found: (await answer.json()).resourceType ?? null}),
        error => ({refused: error.name}))"""


@pytest.fixture
def origins(serve, tmp_path):
    """Two origins with the same static page."""
    shutil.copy(PAGE, tmp_path / "plain.html")
    return serve(tmp_path), serve(tmp_path)


@pytest.fixture
def tab(chromium):
    """``tab(origin)``: its page. A refusal by CORS is an error in the console, which here is what is wanted."""
    contexts = []

    def opened(origin):
        contexts.append(chromium.new_context())
        page = contexts[-1].new_page()
        page.goto(f"{origin}/plain.html")
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.spec("SMART App Launch 2.2", "conformance", "CORS: the API for registered origins, discovery for all")
def test_page_of_a_registered_origin_reads_the_api_and_no_other_does(site, origins, tab):
    person = parties.sign_up()
    parties.store_observations(person, laboratory=1)
    ours, theirs = origins
    token = App.register(redirect_uri=f"{ours}/plain.html").let_in(person, "patient/*.rs")["access_token"]
    one, search = f"{site}/fhir/r4/Observation/laboratory-0", f"{site}/fhir/r4/Observation"
    registered, stranger = tab(ours), tab(theirs)

    assert registered.evaluate(ASK, [one, token]) == {
        "status": 200, "challenge": None, "tag": 'W/"1"', "found": "Observation",
    }  # fmt: skip
    assert registered.evaluate(ASK, [search, token])["found"] == "Bundle"
    refused = registered.evaluate(ASK, [search, "wrong"])
    assert (refused["status"], "invalid_token" in refused["challenge"]) == (401, True)
    assert stranger.evaluate(ASK, [one, token]) == {"refused": "TypeError"}
    for page in (registered, stranger):
        assert page.evaluate(ASK, [f"{site}/fhir/r4/metadata", None])["found"] == "CapabilityStatement"
        assert page.evaluate(ASK, [f"{site}/fhir/r4/.well-known/smart-configuration", None])["status"] == 200


def test_page_of_another_origin_gets_nothing_by_her_cookies(site, origins, tab):
    """Signed in with us in the same browser, she is nobody to a page that calls with her cookies."""
    person = parties.sign_up()
    page = tab(origins[0])
    App.register(redirect_uri=f"{origins[0]}/plain.html")
    signed_in = parties.Client()
    signed_in.force_login(person)
    page.context.add_cookies([{"name": "session", "value": signed_in.cookies["session"].value, "url": site}])

    asked = page.evaluate(
        """address => fetch(address, {credentials: "include"}).then(answer => answer.status, error => error.name)""",
        f"{site}/fhir/r4/Patient",
    )
    anonymous = page.evaluate(ASK, [f"{site}/fhir/r4/Patient", None])

    assert asked == "TypeError"
    assert anonymous["status"] == 401
