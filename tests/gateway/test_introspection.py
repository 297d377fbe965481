"""``/oauth/introspect`` and ``/oauth/userinfo`` (RFC 7662; SMART token-introspection; OIDC Core 5.3)."""

from __future__ import annotations

import pytest
from django.conf import settings

from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db
OFFLINE = "openid fhirUser patient/Observation.rs offline_access"


def introspect(app: App, token: str, **headers: str) -> dict:
    return app.post("/oauth/introspect", {"token": token}, **headers).json()


@pytest.fixture
def app() -> App:
    return App.register(method="client_secret_basic")


def test_app_learns_about_its_own_tokens(app):
    person = parties.sign_up()
    told = app.let_in(person, OFFLINE)

    known = introspect(app, told["access_token"])

    assert known.pop("exp") - known.pop("iat") == told["expires_in"]
    assert known == {
        "active": True,
        "scope": told["scope"],
        "client_id": app.client_id,
        "token_type": "Bearer",
        "patient": person.patient_id,
        "iss": settings.PUBLIC_URL,
        "sub": str(person.subject),
        "fhirUser": f"{settings.FHIR_BASE}/Patient/{person.patient_id}",
    }
    assert introspect(app, told["refresh_token"])["active"] is True


def test_dead_and_unknown_tokens_are_inactive_and_nothing_else(app):
    told = app.let_in(parties.sign_up(), OFFLINE)
    assert introspect(app, told["access_token"])["active"] is True
    app.post("/oauth/revoke", {"token": told["refresh_token"]})

    assert introspect(app, told["access_token"]) == {"active": False}
    assert introspect(app, told["refresh_token"]) == {"active": False}
    assert introspect(app, told["id_token"]) == {"active": False}
    assert introspect(app, "unknown") == {"active": False}


def test_caller_must_prove_itself(app):
    told = app.let_in(parties.sign_up(), OFFLINE)
    public = App.register()

    assert app.http.post("/oauth/introspect", {"token": "x"}).status_code == 400
    assert public.post("/oauth/introspect", {"token": "x", "client_id": public.client_id}).status_code == 401
    app.secret = "wrong"
    assert app.post("/oauth/introspect", {"token": told["access_token"]}).status_code == 401


def test_holder_of_a_token_may_ask_about_its_own_authorization():
    app = App.register()
    told, other = app.let_in(parties.sign_up(), OFFLINE), app.let_in(parties.sign_up(), OFFLINE)
    bearer = f"Bearer {told['access_token']}"

    assert introspect(app, told["refresh_token"], Authorization=bearer)["active"] is True
    assert introspect(app, other["access_token"], Authorization=bearer) == {"active": False}
    assert app.post("/oauth/introspect", {"token": "x"}, Authorization="Bearer unknown").status_code == 401


def test_userinfo_says_who_signed_in(app):
    person = parties.sign_up()
    told = app.let_in(person, OFFLINE)

    answer = app.userinfo(told["access_token"])

    assert answer.json() == {
        "sub": str(person.subject),
        "fhirUser": f"{settings.FHIR_BASE}/Patient/{person.patient_id}",
    }
    assert answer["Cache-Control"] == "no-store"


def test_userinfo_needs_openid_and_a_header(app):
    told = app.let_in(parties.sign_up(), "patient/Observation.rs")

    refused = app.userinfo(told["access_token"])
    assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")
    unnamed = app.http.get("/oauth/userinfo", {"access_token": told["access_token"]})
    assert unnamed.status_code == 401
    assert unnamed["WWW-Authenticate"] == 'Bearer realm="fhir"'
    assert 'error="invalid_token"' in app.userinfo("unknown")["WWW-Authenticate"]
