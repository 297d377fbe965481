"""Backend services (SMART App Launch 2.2, backend-services): a token for the service itself, by signature only."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from audit import chains, events
from gateway import clients
from gateway.errors import InvalidRegistration
from gateway.models import AccessToken, RefreshToken
from tests.fhirapi import backends, people
from tests.fhirapi.backends import Service

pytestmark = pytest.mark.django_db


@pytest.mark.spec(
    "SMART App Launch", "backend-services", "access_token, token_type, expires_in and scope, nothing else"
)
def test_a_signed_assertion_gets_a_token_of_five_minutes():
    service = Service.register()

    answer = service.ask_token()

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    told = answer.json()
    assert set(told) == {"access_token", "token_type", "expires_in", "scope"}
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 300, "system/*.rs")
    assert RefreshToken.objects.count() == 0


def test_the_token_is_stored_as_its_digest_and_tokens_live_side_by_side():
    service = Service.register()

    first, second = service.token(), service.token()

    stored = list(AccessToken.objects.values_list("token", "authorization", "user"))
    assert stored == [("", None, None)] * 2
    assert first != second
    for token in (first, second):
        answer = Client(headers={"Authorization": f"Bearer {token}"}).get(f"{people.BASE}/$export")
        assert answer.status_code == 202


@pytest.mark.spec("SMART App Launch", "backend-services", "scopes are limited to what was pre-authorised")
def test_scopes_are_narrowed_to_the_policy():
    service = Service.register("system/Observation.rs", "system/Condition.rs", "patient/*.rs")

    assert service.ask_token("system/Observation.rs").json()["scope"] == "system/Observation.rs"
    assert service.ask_token("system/*.rs").json()["scope"] == "system/Observation.rs system/Condition.rs"
    refused = service.ask_token("system/Immunization.rs")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(
    "scope", ["patient/*.rs", "system/*.rs patient/Observation.rs", "system/*.rs openid", "offline_access", "", "junk"]
)
def test_other_scopes_are_never_mixed_in(scope):
    service = Service.register()

    answer = service.ask_token(scope)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def test_a_person_is_never_asked_for_system_scopes():
    from tests.gateway import parties

    made = clients.register(
        "Cohort",
        redirect_uris=[parties.CALLBACK],
        method="private_key_jwt",
        scopes_allowed=backends.EVERYTHING,
        jwks=backends.key_set(),
    )
    app = parties.App(made.application, None)
    browser = Client()
    browser.force_login(parties.sign_up())

    only = browser.get("/oauth/authorize", app.request("system/*.rs"))
    page = app.send_to_consent(browser, "system/*.rs patient/Observation.rs")

    assert "error=invalid_scope" in only["Location"]
    assert b"system/" not in browser.get(page).content


def test_an_app_without_system_scopes_gets_no_token_of_its_own():
    service = Service.register("patient/*.rs")

    answer = service.ask_token("patient/*.rs")

    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


def test_without_proof_there_is_no_token():
    service = Service.register()
    form = {"grant_type": "client_credentials", "scope": "system/*.rs", "client_id": service.client_id}

    answer = Client().post("/oauth/token", "&".join(f"{k}={v}" for k, v in form.items()), content_type=FORM)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_only_signing_clients_can_be_registered_for_system_scopes(method):
    with pytest.raises(InvalidRegistration):
        clients.register("X", redirect_uris=["https://x.example/"], method=method, scopes_allowed=["system/*.rs"])


def test_the_token_is_introspected_and_revoked_by_its_own_client():
    service, other = Service.register(), Service.register()
    token = service.token("system/Observation.rs")
    told = service.form("/oauth/introspect", token=token).json()
    assert {name: told[name] for name in ("active", "client_id", "scope", "token_type")} == {
        "active": True,
        "client_id": service.client_id,
        "scope": "system/Observation.rs",
        "token_type": "Bearer",
    }
    assert "patient" not in told

    assert other.form("/oauth/introspect", token=token).json() == {"active": False}
    assert other.form("/oauth/revoke", token=token).status_code == 400
    assert service.form("/oauth/introspect", token=token).json()["active"] is True
    assert service.form("/oauth/revoke", token=token).status_code == 200

    assert service.form("/oauth/introspect", token=token).json() == {"active": False}
    answer = Client(headers={"Authorization": f"Bearer {token}"}).get(f"{people.BASE}/$export")
    assert answer.status_code == 401


def test_an_expired_token_and_one_of_a_closed_service_open_nothing():
    service = Service.register()
    token = service.token()
    client = Client(headers={"Authorization": f"Bearer {token}"})
    assert client.get(f"{people.BASE}/$export").status_code == 202

    service.application.active = False
    service.application.save(update_fields=["active"])
    assert client.get(f"{people.BASE}/$export").status_code == 401
    service.application.active = True
    service.application.save(update_fields=["active"])
    AccessToken.objects.update(expires=timezone.now() - timedelta(seconds=1))

    assert client.get(f"{people.BASE}/$export").status_code == 401


def test_a_service_that_lost_its_system_scopes_keeps_no_old_token():
    service = Service.register()
    client = Client(headers={"Authorization": f"Bearer {service.token()}"})

    service.application.scopes = "patient/*.rs"
    service.application.save(update_fields=["scopes"])

    assert client.get(f"{people.BASE}/$export").status_code == 401


def test_a_service_token_opens_no_single_record():
    person = people.with_record()
    service = Service.register()
    backends.let_in(person, service, "patient/*.rs")
    client = Client(headers={"Authorization": f"Bearer {service.token()}"})

    for path in (f"/Patient/{person.patient_id}", "/Observation", "/Patient"):
        answer = client.get(people.BASE + path)
        assert answer.status_code == 403, path
        assert 'error="insufficient_scope"' in answer["WWW-Authenticate"]
    assert client.get("/oauth/userinfo").status_code == 403


def test_a_token_given_out_and_one_revoked_are_on_record():
    service = Service.register()
    chain = events.chain_of_app(service.application.pk)

    service.form("/oauth/revoke", token=service.token())

    told = list(events.of(chain))
    assert [(event.interaction, event.agent) for event in told] == [
        ("revoke", service.client_id),
        ("token", service.client_id),
    ]
    assert chains.verify(chain) == []


@pytest.mark.spec("SMART App Launch", "conformance", "client_credentials is advertised where it is served")
def test_discovery_tells_of_backend_services():
    told = Client().get(f"{people.BASE}/.well-known/smart-configuration").json()

    assert "client_credentials" in told["grant_types_supported"]
    assert "private_key_jwt" in told["token_endpoint_auth_methods_supported"]
    assert {"RS384", "ES384"} <= set(told["token_endpoint_auth_signing_alg_values_supported"])
    named = [scope for scope in told["scopes_supported"] if scope.startswith("system/")]
    service = Service.register(*named, "patient/*.rs")
    assert set(service.ask_token(" ".join(named)).json()["scope"].split()) == set(named)


def test_a_simulated_hospital_offers_services_nothing(settings):
    """It has no worker that would make an export, and says so."""
    settings.SITE = "hospital"

    told = Client().get(f"{people.BASE}/.well-known/smart-configuration").json()

    assert "client_credentials" not in told["grant_types_supported"]
    assert not [scope for scope in told["scopes_supported"] if scope.startswith("system/")]
    refused = Service.register().ask_token()
    assert (refused.status_code, refused.json()["error"]) == (400, "unsupported_grant_type")
