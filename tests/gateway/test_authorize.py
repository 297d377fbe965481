"""``/oauth/authorize``: what is refused, and how (SPEC_FACTS 4; RFC 6749 4.1.2.1; RFC 9700)."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from gateway.models import AuthorizationRequest
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db


def refused_on_a_page(response) -> bool:
    return response.status_code == 400 and "Location" not in response and b"Nothing was shared" in response.content


def test_correct_request_leads_to_the_consent_page(client):
    app = App.register()

    assert client.get("/oauth/authorize", app.request("openid")).status_code == 303


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": "https://app.example/callback/"},
        {"redirect_uri": "https://app.example/callback?next=evil"},
        {"redirect_uri": "https://app.example:8443/callback"},
        {"redirect_uri": "HTTPS://app.example/callback"},
        {"redirect_uri": "https://app.example/callback#x"},
        {"redirect_uri": "https://evil@app.example/callback"},
        {"redirect_uri": "javascript:alert(1)"},
    ],
)
def test_unknown_client_or_redirect_gets_a_page_and_no_redirect(client, changes):
    app = App.register()

    assert refused_on_a_page(client.get("/oauth/authorize", app.request("openid", **changes)))
    assert not AuthorizationRequest.objects.exists()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"aud": "https://elsewhere.example/fhir"}, "invalid_request"),
        ({"launch": "unknown"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"nonce": "n" * 256}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "system/*.rs user/*.rs unknown patient/Observation.sr"}, "invalid_scope"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_wrong_request_of_a_known_app_goes_back_with_error_state_and_issuer(client, changes, error):
    app = App.register()

    response = client.get("/oauth/authorize", app.request("openid", **changes))

    returned = parties.query_of(response["Location"])
    assert response.status_code == 303
    assert response["Location"].startswith(parties.CALLBACK)
    assert returned["error"] == error
    assert returned["iss"] == settings.PUBLIC_URL
    assert returned.get("state") == (None if "state" in changes else app.state)
    assert not AuthorizationRequest.objects.exists()


def test_aud_may_end_in_a_slash(client):
    app = App.register()

    app.send_to_consent(client, "openid", aud=settings.FHIR_BASE + "/")


@pytest.mark.parametrize("port", ["", ":1", ":49152"])
def test_loopback_redirect_may_use_any_port(client, port):
    app = App.register(redirect_uri="http://127.0.0.1/callback")

    app.send_to_consent(client, "openid", redirect_uri=f"http://127.0.0.1{port}/callback")
    assert refused_on_a_page(
        client.get("/oauth/authorize", app.request("openid", redirect_uri=f"http://localhost{port}/callback"))
    )


def test_private_use_scheme_gets_its_code():
    person, app = parties.sign_up(), App.register(redirect_uri="com.example.app:/callback")

    assert app.redeem(app.ask(person, "openid")).status_code == 200


def test_unsupported_scopes_are_left_out_and_wide_ones_narrowed(client):
    app = App.register("patient/Observation.rs", "openid")

    app.send_to_consent(client, "openid patient/*.cruds launch/encounter user/*.rs patient/Condition.rs profile")

    assert AuthorizationRequest.objects.get().params["offered"] == ["openid", "patient/Observation.rs"]


def test_prompt_none_is_never_let_in_silently(client):
    person, app = parties.sign_up(), App.register()
    app.let_in(person, "openid")
    client.force_login(person)

    response = client.get("/oauth/authorize", app.request("openid", prompt="none"))

    assert parties.query_of(response["Location"])["error"] == "consent_required"


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(client, method):
    assert getattr(client, method)("/oauth/authorize").status_code == 405


def test_parameters_that_stand_twice_are_refused(client):
    app = App.register()
    query = "&".join(f"{name}={value}" for name, value in app.request("openid").items())

    assert refused_on_a_page(client.get(f"/oauth/authorize?{query}&state=other"))


def test_hostile_state_comes_back_as_it_was():
    person, app = parties.sign_up(), App.register()
    hostile = "<script>alert('x')</script>&error=&code=forged %0d%0aSet-Cookie: a=b"
    browser = Client()
    browser.force_login(person)
    page = app.send_to_consent(browser, "openid", state=hostile)

    answer = browser.post(page, {"answer": "allow", "box": ["identity"], "length": "90"})

    assert parties.query_of(answer["Location"])["state"] == hostile
    assert "\n" not in answer["Location"]


def test_hostile_names_are_shown_and_never_run(client):
    person = parties.sign_up()
    app = App.register(name="<script>alert(1)</script>", description="<img src=x onerror=alert(1)>")
    client.force_login(person)

    page = client.get(app.send_to_consent(client, "openid")).content.decode()

    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
    ],
)
@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.1", "prompt and max_age are read strictly")
def test_what_is_asked_of_the_sign_in_is_read_strictly(client, changes, error):
    app = App.register()

    answer = client.get("/oauth/authorize", app.request("openid", **changes))

    assert parties.query_of(answer["Location"])["error"] == error


@pytest.mark.spec("OpenID Connect Core 1.0", "3.1.2.1", "login_hint is filled in at the sign-in and nothing more")
def test_login_hint_is_filled_in_at_the_sign_in(client):
    app = App.register()
    page = app.send_to_consent(client, "openid", login_hint="ann@example.org")

    sign_in = client.get(client.get(page)["Location"])

    assert 'value="ann@example.org"' in sign_in.content.decode()
    assert "ann@example.org" not in client.get(page)["Location"]


def test_select_account_asks_who_it_is(client):
    app = App.register()
    client.force_login(parties.sign_up())

    page = app.send_to_consent(client, "openid", prompt="select_account")

    assert client.get(page)["Location"].startswith("/accounts/login/")
