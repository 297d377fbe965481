"""Resource servers may ask about every token, by their own proof or a scoped bearer (SMART token-introspection)."""

from __future__ import annotations

import pytest

from gateway import clients
from gateway.errors import InvalidRegistration
from gateway.models import INTROSPECTION, AccessToken, Authorization
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db


def register(method: str = "client_secret_post") -> App:
    made = clients.register("Archive", redirect_uris=[], method=method, scopes_allowed=[], introspects=True)
    return App(made.application, made.secret)


def ask_token(server: App, scope: str = INTROSPECTION):
    return server.post("/oauth/token", {"grant_type": "client_credentials", "scope": scope, **server.proof()})


@pytest.mark.spec("SMART App Launch", "token-introspection", "a caller may prove itself by a suitably scoped bearer")
@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_a_scoped_bearer_may_ask_about_any_token(method):
    server, person = register(method), parties.sign_up()
    told = App.register().let_in(person, "openid patient/Observation.rs")
    answer = ask_token(server)
    assert answer.json()["expires_in"] == 300

    known = server.http.post(
        "/oauth/introspect",
        f"token={told['access_token']}",
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": f"Bearer {answer.json()['access_token']}"},
    )

    assert known.json()["active"] is True
    assert known.json()["patient"] == person.patient_id


def test_its_own_secret_will_do():
    server = register()
    told = App.register().let_in(parties.sign_up(), "openid patient/Observation.rs")

    assert server.post("/oauth/introspect", {"token": told["access_token"], **server.proof()}).json()["active"] is True


def test_the_token_opens_nothing_else():
    server = register()
    bearer = {"Authorization": f"Bearer {ask_token(server).json()['access_token']}"}

    assert server.http.get("/fhir/r4/$export", headers=bearer).status_code == 403
    assert server.http.get("/fhir/r4/Patient", headers=bearer).status_code == 403
    assert server.http.get("/oauth/userinfo", headers=bearer).status_code == 403
    assert ask_token(server, "system/*.rs").json()["error"] == "invalid_scope"


def test_no_app_can_make_itself_one():
    with pytest.raises(InvalidRegistration):
        App.register(INTROSPECTION, "patient/*.rs", method="client_secret_post")
    with pytest.raises(InvalidRegistration):
        clients.register("X", redirect_uris=[], method="none", scopes_allowed=[], introspects=True)


@pytest.mark.spec("SMART App Launch", "token-introspection", "every launch context value of the token response is told")
def test_launch_context_survives_refresh_and_is_introspected():
    person, app = parties.sign_up(), App.register(method="client_secret_basic")
    app.let_in(person, "openid patient/Observation.rs offline_access")
    context = {"patient": person.patient_id, "encounter": "e-1", "need_patient_banner": False, "intent": "reconcile"}
    Authorization.objects.update(context=context)
    code_told = app.redeem(app.ask(person, "openid patient/Observation.rs offline_access")).json()
    Authorization.objects.filter(revoked__isnull=True).update(context={**context, "access_token": "not this"})

    told = app.refresh(code_told["refresh_token"]).json()

    assert {name: told[name] for name in context} == context
    assert told["access_token"] != "not this"
    known = app.post("/oauth/introspect", {"token": told["access_token"]}).json()
    assert {name: known[name] for name in context} == context
    assert AccessToken.objects.filter(authorization__revoked__isnull=True).count() == 1
