"""The eleven faults of django-oauth-toolkit 3.4.1, each shown to be cured here; number and name as found upstream."""

from __future__ import annotations

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from gateway.models import AccessToken, Application, Authorization, RefreshToken
from tests.gateway import parties
from tests.gateway.parties import LAB, App

pytestmark = pytest.mark.django_db
OFFLINE = "openid fhirUser patient/Observation.rs offline_access"


def test_fault_1_an_id_token_is_no_access_token():
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, OFFLINE)
    assert app.userinfo(told["access_token"]).status_code == 200

    assert app.userinfo(told["id_token"]).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_fault_2_concurrent_refresh_is_no_500(live_server):
    from tests.gateway.test_concurrency import at_once

    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, OFFLINE)

    answers = at_once(4, live_server.url + "/oauth/token", app.refresh_form(told["refresh_token"]))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["access_token"] for answer in answers}) == 1


def test_fault_3_prompt_none_of_a_signed_in_person_is_no_500(client):
    person, app = parties.sign_up(), App.register()
    client.force_login(person)

    response = client.get("/oauth/authorize", app.request("openid", prompt="none"))

    assert parties.query_of(response["Location"])["error"] == "consent_required"


@pytest.mark.parametrize("stored", ["", make_password("", hasher="sha256_secret"), "plain"])
def test_fault_4_a_confidential_client_with_a_blank_secret_cannot_authenticate(stored):
    person, app = parties.sign_up(), App.register(method="client_secret_post")
    code = app.ask(person, "openid")
    right, app.secret = app.secret, ""
    kept = Application.objects.get(pk=app.application.pk).client_secret
    Application.objects.filter(pk=app.application.pk).update(client_secret=stored)

    for presented in ({"client_secret": ""}, {"client_secret": None}, {"client_secret": "plain"}):
        assert app.redeem(code, **presented).json()["error"] == "invalid_client"
    Application.objects.filter(pk=app.application.pk).update(client_secret=kept)
    assert app.redeem(code, client_secret=right).status_code == 200


def test_fault_5_tokens_of_a_deactivated_person_stop():
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, OFFLINE)
    code = app.ask(person, OFFLINE)
    told = app.redeem(code).json()
    assert app.userinfo(told["access_token"]).status_code == 200

    person.is_active = False
    person.save()

    assert app.userinfo(told["access_token"]).status_code == 401
    assert app.refresh(told["refresh_token"]).json()["error"] == "invalid_grant"


def test_fault_6_a_client_cannot_introspect_tokens_of_another():
    person = parties.sign_up()
    app, other = App.register(method="client_secret_basic"), App.register(method="client_secret_basic")
    told = app.let_in(person, OFFLINE)
    assert app.post("/oauth/introspect", {"token": told["access_token"]}).json()["active"] is True

    assert other.post("/oauth/introspect", {"token": told["access_token"]}).json() == {"active": False}
    assert app.http.get("/oauth/introspect", {"token": told["access_token"]}).status_code == 405


def test_fault_7_code_is_hashed_and_its_replay_revokes():
    person, app = parties.sign_up(), App.register()
    code = app.ask(person, OFFLINE)
    told = app.redeem(code).json()
    assert app.userinfo(told["access_token"]).status_code == 200

    assert app.redeem(code).json()["error"] == "invalid_grant"

    assert app.userinfo(told["access_token"]).status_code == 401
    assert app.refresh(told["refresh_token"]).json()["error"] == "invalid_grant"
    assert not AccessToken.objects.filter(authorization__revoked__isnull=True).exists()


def test_fault_8_the_client_cannot_skip_consent(client):
    person, app = parties.sign_up(), App.register()
    app.let_in(person, "openid")
    client.force_login(person)

    response = client.get("/oauth/authorize", {**app.request("openid"), "approval_prompt": "auto"})

    assert response["Location"].startswith("/oauth/consent/")
    assert client.get(response["Location"]).status_code == 200


@pytest.mark.parametrize("broken", ["%ZZ", "%", "%f", "a=%C3%28"])
def test_fault_9_a_malformed_escape_is_a_400(broken):
    client = Client()
    form = {"data": f"grant_type=authorization_code&code={broken}", "content_type": "application/x-www-form-urlencoded"}

    assert client.get(f"/oauth/authorize?client_id={broken}").status_code == 400
    assert client.post("/oauth/authorize", **form).status_code == 400
    assert client.post("/oauth/token", **form).status_code == 400
    assert client.post(f"/oauth/token?x={broken}").status_code == 400
    assert client.post("/oauth/revoke", **form).status_code == 400
    assert client.post("/oauth/introspect", **form).status_code == 400


def test_fault_10_signing_out_leaves_other_apps_alone(client):
    """The package's logout is not mounted; ours ends the session and no token."""
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, OFFLINE)
    client.force_login(person)

    client.post("/accounts/logout/")

    assert client.get("/oauth/authorize", app.request("openid", prompt="none"))["Location"].count("login_required")
    assert app.refresh(told["refresh_token"]).status_code == 200


def test_fault_11_a_narrow_refresh_does_not_shrink_the_grant():
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, OFFLINE)

    narrow = app.refresh(told["refresh_token"], scope=f"patient/Observation.rs?category={LAB}").json()
    assert narrow["scope"] == f"patient/Observation.rs?category={LAB}"
    wide = app.refresh(narrow["refresh_token"]).json()

    assert set(wide["scope"].split()) == set(told["scope"].split())
    assert RefreshToken.objects.filter(revoked__isnull=True).count() == 1
    assert Authorization.objects.get(person=person).revoked is None


def test_no_address_of_the_package_is_mounted():
    def views(patterns):
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from views(pattern.url_patterns)
            elif isinstance(pattern, URLPattern):
                yield pattern.callback.__module__

    mounted = set(views(get_resolver().url_patterns))

    assert "gateway.views.token" in mounted
    assert [module for module in mounted if module.startswith("oauth2_provider")] == []
