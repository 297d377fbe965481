"""Redirect addresses: exact, except for a loopback port (RFC 9700 2.1; RFC 8252 7)."""

from __future__ import annotations

import pytest

from gateway import clients, redirects
from gateway.errors import InvalidRedirect, InvalidRegistration
from gateway.models import Application
from tests.gateway.parties import App


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/callback",
        "https://app.example/callback?a=b",
        "https://app.example:8443/",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:8000/cb",
        "http://[::1]/cb",
        "com.example.app:/cb",
        "com.example.app://cb",
    ],
)
def test_address_that_may_be_registered(uri):
    assert redirects.problem(uri) is None


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "app.example/callback",
        "http://app.example/callback",
        "http://localhost/cb",
        "http://127.0.0.2/cb",
        "http://127.0.0.1.evil.example/cb",
        "https:///cb",
        "https://app.example/cb#",
        "https://user@app.example/cb",
        "https://*.example/cb",
        "https://app.example/a b",
        "https://app.example/\r\nX: y",
        "https://app.example:99999/",
        "https://[broken/",
        "HTTPS://app.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "myapp:/cb",
        "https://b\u00fccher.example/cb",
    ],
)
def test_address_that_may_not_be_registered(uri):
    assert redirects.problem(uri) is not None


@pytest.mark.parametrize(
    ("asked", "registered", "same"),
    [
        ("https://a.example/cb", "https://a.example/cb", True),
        ("https://a.example/cb/", "https://a.example/cb", False),
        ("https://a.example:443/cb", "https://a.example/cb", False),
        ("http://127.0.0.1:5000/cb", "http://127.0.0.1/cb", True),
        ("http://127.0.0.1:5000/cb?x=1", "http://127.0.0.1/cb?x=1", True),
        ("http://127.0.0.1:5000/cb?", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:5000/other", "http://127.0.0.1/cb", False),
        ("http://[::1]:5000/cb", "http://[::1]:1/cb", True),
        ("http://[::1]:5000/cb", "http://127.0.0.1/cb", False),
        ("https://127.0.0.1:5000/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:5000@evil.example/cb", "http://127.0.0.1/cb", False),
        ("http://127.0.0.1:x/cb", "http://127.0.0.1/cb", False),
        ("com.example.app:/cb", "com.example.app:/cb", True),
    ],
)
def test_address_is_the_registered_one(asked, registered, same):
    assert redirects.is_registered(asked, [registered]) is same


def test_answer_keeps_the_query_that_was_registered(settings):
    answer = redirects.answer("https://a.example/cb?x=1", code="c", state="a b&c")

    assert answer.startswith("https://a.example/cb?x=1&code=c&state=a+b%26c&iss=")


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("https://a.example/cb", "https://a.example"),
        ("http://127.0.0.1:8000/cb", "http://127.0.0.1:8000"),
        ("com.example.app:/cb", "com.example.app:"),
    ],
)
def test_form_action_lets_the_answer_through(uri, source):
    assert redirects.form_action(uri) == source


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "raised"),
    [
        ({"redirect_uris": []}, InvalidRedirect),
        ({"redirect_uris": ["http://app.example/cb"]}, InvalidRedirect),
        ({"method": "tls_client_auth"}, InvalidRegistration),
        ({"method": "private_key_jwt"}, InvalidRegistration),
        ({"scopes_allowed": []}, InvalidRegistration),
        ({"scopes_allowed": ["patient/Observation.sr"]}, InvalidRegistration),
        ({"scopes_allowed": ["system/*.rs"]}, InvalidRegistration),
        ({"scopes_allowed": ["patient/Observation.rs?code=x"]}, InvalidRegistration),
        ({"jwks": {"keys": []}}, InvalidRegistration),
    ],
)
def test_registration_that_is_refused(changes, raised):
    good = {"redirect_uris": ["https://a.example/cb"], "method": "none", "scopes_allowed": ["openid"]}

    with pytest.raises(raised):
        clients.register("App", **(good | changes))
    assert not Application.objects.exists()


@pytest.mark.django_db
def test_registered_app_is_active_and_asks_every_time():
    app = App.register(method="client_secret_basic").application

    assert app.active
    assert not app.skip_authorization
    assert app.allowed_origins == "https://app.example"
    assert app.client_secret.startswith("sha256_secret$")
