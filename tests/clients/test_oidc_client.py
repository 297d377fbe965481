"""PyPI ``authlib`` as a relying party of ours: its own discovery, PKCE, id_token, userinfo, refresh and logout."""

from __future__ import annotations

import pytest
import requests
from authlib.integrations.django_client import OAuth
from authlib.oidc.discovery import OpenIDProviderMetadata
from django.test import RequestFactory

from tests.developers import builders
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db(transaction=True)
SCOPE = "openid fhirUser offline_access launch/patient patient/Observation.rs"
AFTER = "https://app.example/bye"


def in_session(session, address="/"):
    """A request to the app's own site, with its visitor's session."""
    request = RequestFactory().get(address)
    request.session = session
    return request


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
@pytest.mark.spec("OpenID Connect Core 1.0", "3.1", "authlib signs her in: discovery, PKCE, id_token, userinfo")
def test_authlib_signs_her_in_and_out(site, method):
    person, app = parties.sign_up(), App.register(method=method, logout_uris=[AFTER])
    parties.store_observations(person, laboratory=2)
    renewed, session = [], {}
    client = OAuth(update_token=lambda name, token, **_: renewed.append(token)).register(
        "tributary",
        client_id=app.client_id,
        client_secret=app.secret,
        server_metadata_url=f"{site}/.well-known/openid-configuration",
        client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", "token_endpoint_auth_method": method},
    )

    leads = client.authorize_redirect(in_session(session), app.redirect_uri, aud=f"{site}/fhir/r4")["Location"]
    back = builders.let_in(leads, person)
    told = client.authorize_access_token(in_session(session, back))

    assert told["userinfo"]["sub"] == client.userinfo(token=told)["sub"] == str(person.subject)
    assert told["userinfo"]["fhirUser"] == f"{site}/fhir/r4/Patient/{person.patient_id}"
    assert parties.query_of(back)["iss"] == told["userinfo"]["iss"] == site
    assert told["patient"] == person.patient_id

    page = client.get(f"{site}/fhir/r4/Observation", token={**told, "expires_at": 1})

    assert len(page.json()["entry"]) == 2
    assert renewed[0]["access_token"] != told["access_token"]

    leaves = client.logout_redirect(in_session(session), AFTER, id_token_hint=told["id_token"])["Location"]
    browser = builders.browser(person)
    after = browser.get(leaves.removeprefix(site))["Location"]
    assert after.startswith(AFTER)
    assert client.validate_logout_response(in_session(session, after))
    assert "_auth_user_id" not in browser.session


def test_metadata_is_what_authlib_holds_to_be_valid(site):
    said = requests.get(f"{site}/.well-known/openid-configuration", timeout=10).json()

    # Its rule that all addresses are https fits no server on loopback.
    secure = {
        name: value.replace("http:", "https:", 1) if isinstance(value, str) else value for name, value in said.items()
    }
    OpenIDProviderMetadata(secure).validate()
