"""What we say of ourselves is true: every address answers, every scope is granted (SPEC_FACTS 1, 2)."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.utils import timezone

from gateway import keys, launches, scopes
from standards.smart import scopes as grammar
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db
DOCUMENTS = (
    "/fhir/r4/.well-known/smart-configuration",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
)


@pytest.mark.parametrize("path", DOCUMENTS)
@pytest.mark.parametrize("accept", ["application/json", "application/fhir+json", "text/html", "*/*"])
def test_document_is_json_for_everybody(client, path, accept):
    answer = client.get(path, headers={"Accept": accept, "Origin": "https://anywhere.example"})

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer
    told = answer.json()
    assert told["issuer"] == settings.PUBLIC_URL
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["response_types_supported"] == ["code"]


def test_every_address_named_answers(client):
    for path in DOCUMENTS:
        named = [value for name, value in client.get(path).json().items() if name.endswith(("_endpoint", "_uri"))]
        assert named
        for url in named:
            assert url.startswith(settings.PUBLIC_URL)
            assert client.get(urlsplit(url).path).status_code != 404, url


def test_every_capability_is_one_of_the_specification(client):
    told = client.get(DOCUMENTS[0]).json()

    assert set(told["capabilities"]) == {
        "launch-ehr",
        "launch-standalone",
        "authorize-post",
        "client-public",
        "client-confidential-symmetric",
        "client-confidential-asymmetric",
        "sso-openid-connect",
        "context-banner",
        "context-style",
        "context-ehr-patient",
        "context-standalone-patient",
        "permission-offline",
        "permission-online",
        "permission-patient",
        "permission-user",
        "permission-v1",
        "permission-v2",
    }
    assert told["grant_types_supported"] == ["authorization_code", "refresh_token", "client_credentials"]


def test_every_scope_named_is_granted(client):
    named = client.get(DOCUMENTS[0]).json()["scopes_supported"]
    named = [scope for scope in named if not scope.startswith("system/")]  # test_backends.py
    app = App.register(*named)

    person = parties.sign_up()
    opened = launches.open_app(app.application, person=person, at=timezone.now())

    granted = app.let_in(person, " ".join(named), launch=parties.query_of(opened)["launch"])["scope"].split()

    assert set(granted) == set(named)


def test_us_core_granular_scopes_are_named():
    assert {str(scope) for scope in grammar.granular("patient")} <= set(scopes.advertised())


def test_keys_are_published_without_their_private_half(client):
    (key,) = client.get("/oauth/jwks").json()["keys"]

    assert key.keys() == {"kty", "kid", "use", "alg", "n", "e"}
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")


def test_old_key_stays_published_until_what_it_signed_is_dead(client):
    (first,) = client.get("/oauth/jwks").json()["keys"]
    now = timezone.now()
    second = keys.rotate(at=now)

    assert [key["kid"] for key in client.get("/oauth/jwks").json()["keys"]] == [second.kid, first["kid"]]
    later = now + keys.PUBLISHED_AFTER_RETIREMENT * 2
    assert [key["kid"] for key in keys.published(at=later)["keys"]] == [second.kid]


def test_registered_origin_may_call_tokens_and_others_may_not(client):
    app = App.register()
    told = app.let_in(parties.sign_up(), "openid")
    bearer = {"Authorization": f"Bearer {told['access_token']}"}

    mine = client.get("/oauth/userinfo", headers={**bearer, "Origin": "https://app.example"})
    other = client.get("/oauth/userinfo", headers={**bearer, "Origin": "https://evil.example"})
    part = client.get("/oauth/userinfo", headers={**bearer, "Origin": "https://app.exam"})

    assert mine["Access-Control-Allow-Origin"] == "https://app.example"
    assert "Origin" in mine["Vary"]
    assert "Access-Control-Allow-Origin" not in other
    assert "Access-Control-Allow-Origin" not in part


def test_errors_carry_cors_too_and_preflight_allows_authorization(client):
    App.register()
    origin = {"Origin": "https://app.example"}

    refused = client.post("/oauth/token", {}, headers=origin)
    asked = client.options("/oauth/token", headers={**origin, "Access-Control-Request-Method": "POST"})

    assert refused.status_code == 400
    assert refused["Access-Control-Allow-Origin"] == "https://app.example"
    assert asked.status_code == 204
    assert "Authorization" in asked["Access-Control-Allow-Headers"]
    assert "POST" in asked["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in asked


def test_consent_page_is_open_to_no_other_origin(client):
    app = App.register()
    person = parties.sign_up()
    client.force_login(person)

    page = client.get(app.send_to_consent(client, "openid"), headers={"Origin": "https://app.example"})

    assert "Access-Control-Allow-Origin" not in page
