"""Client authentication: the one pinned method, and signed assertions (SMART client-confidential-asymmetric)."""

from __future__ import annotations

import base64
import hmac
import time
import uuid

import pytest
from django.conf import settings
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from gateway import assertions, clients, secrets
from gateway.errors import InvalidRegistration
from gateway.models import Application, UsedAssertion
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db
RSA = RSAKey.generate_key(2048, {"kid": "rsa-1", "alg": "RS384"})
EC = ECKey.generate_key("P-384", {"kid": "ec-1", "alg": "ES384"})
JWKS = {"keys": [RSA.as_dict(private=False), EC.as_dict(private=False)]}
TOKEN_URL = settings.PUBLIC_URL + "/oauth/token"


@pytest.fixture
def app() -> App:
    return App.register(method="private_key_jwt", jwks=JWKS)


def assertion(app: App, *, key=RSA, header=None, **changes) -> str:
    now = int(time.time())
    claims = {
        "iss": app.client_id,
        "sub": app.client_id,
        "aud": TOKEN_URL,
        "exp": now + 240,
        "iat": now,
        "jti": str(uuid.uuid4()),
    } | changes
    algorithm = "RS384" if key is RSA else "ES384"
    head = {"alg": algorithm, "kid": key.kid, "typ": "JWT"} | (header or {})
    return jwt.encode(head, {k: v for k, v in claims.items() if v is not None}, key, algorithms=[head["alg"]])


def proof(signed: str) -> dict[str, str]:
    return {"client_assertion_type": assertions.TYPE, "client_assertion": signed}


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS384", "ES384"])
def test_signed_assertion_redeems_the_code(app, key):
    person = parties.sign_up()
    code = app.ask(person, "openid patient/*.rs offline_access")

    told = app.redeem(code, **proof(assertion(app, key=key)))

    assert told.status_code == 200
    renewed = app.refresh(told.json()["refresh_token"], **proof(assertion(app, key=key)))
    assert renewed.status_code == 200


def test_issuer_is_accepted_as_audience(app):
    code = app.ask(parties.sign_up(), "openid")

    assert app.redeem(code, **proof(assertion(app, aud=[settings.PUBLIC_URL]))).status_code == 200


def test_assertion_is_good_for_one_use(app):
    person = parties.sign_up()
    signed = assertion(app)
    assert app.redeem(app.ask(person, "openid"), **proof(signed)).status_code == 200

    answer = app.redeem(app.ask(person, "openid"), **proof(signed))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert UsedAssertion.objects.count() == 1


OTHER = RSAKey.generate_key(2048, {"kid": "rsa-1", "alg": "RS384"})
UNREGISTERED = RSAKey.generate_key(2048, {"kid": "rsa-2", "alg": "RS384"})


def hmac_with_public_key(app: App) -> str:
    """By hand: joserfc itself refuses to make one."""
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa-1"}').decode().rstrip("=")
    signed = f"{head}.{assertion(app).split('.')[1]}"
    digest = hmac.digest(RSA.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def unsigned(app: App) -> str:
    body = assertion(app).split(".")[1]
    head = base64.urlsafe_b64encode(b'{"alg":"none","kid":"rsa-1"}').decode().rstrip("=")
    return f"{head}.{body}."


def forged_with_other_key(app: App) -> str:
    now = int(time.time())
    claims = {"iss": app.client_id, "sub": app.client_id, "aud": TOKEN_URL, "exp": now + 60, "jti": "y"}
    return jwt.encode({"alg": "RS384", "kid": "rsa-1"}, claims, OTHER, algorithms=["RS384"])


@pytest.mark.parametrize(
    "made",
    [
        lambda app: assertion(app, aud="https://elsewhere.example/token"),
        lambda app: assertion(app, aud=None),
        lambda app: assertion(app, exp=int(time.time()) + 3600),
        lambda app: assertion(app, exp=int(time.time()) - 60),
        lambda app: assertion(app, exp=None),
        lambda app: assertion(app, exp="soon"),
        lambda app: assertion(app, exp=float("1e300")),
        lambda app: assertion(app, iat=int(time.time()) + 3600),
        lambda app: assertion(app, jti=None),
        lambda app: assertion(app, jti=""),
        lambda app: assertion(app, iss="somebody"),
        lambda app: assertion(app, sub="somebody"),
        lambda app: assertion(app, sub=None),
        lambda app: assertion(app, header={"jku": "https://evil.example/jwks"}),
        lambda app: assertion(app, header={"kid": "unknown"}),
        forged_with_other_key,
        hmac_with_public_key,
        unsigned,
        lambda app: "not.a.jwt",
        lambda app: "garbage",
        lambda app: "",
        lambda app: "e30.e30.e30",
        lambda app: "x" * 9000,
        lambda app: f"eyJhbGciOiJSUzM4NCJ9.{base64.urlsafe_b64encode(b'[' * 4500).decode()}.e30",
    ],
)
def test_assertion_that_does_not_hold_is_refused(app, made):
    code = app.ask(parties.sign_up(), "openid")

    answer = app.redeem(code, **proof(made(app)))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert app.redeem(code, **proof(assertion(app))).status_code == 200


def test_two_proofs_at_once_are_refused():
    app = App.register(method="client_secret_basic")
    code = app.ask(parties.sign_up(), "openid")

    both = app.redeem(code, client_id=app.client_id, client_secret=app.secret)

    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
    assert app.redeem(code, client_id=app.client_id).status_code == 200


@pytest.mark.parametrize(
    ("pinned", "used"),
    [
        ("client_secret_basic", "client_secret_post"),
        ("client_secret_post", "client_secret_basic"),
        ("client_secret_basic", "none"),
        ("none", "client_secret_post"),
    ],
)
def test_only_the_pinned_method_is_accepted(pinned, used):
    app = App.register(method=pinned)
    app.secret = app.secret or "anything"
    code = app.ask(parties.sign_up(), "openid")
    app.application.token_endpoint_auth_method = used  # what the app sends, not what is stored

    assert app.redeem(code).json()["error"] == "invalid_client"
    app.application.refresh_from_db()
    assert app.redeem(code).status_code == 200


def test_wrong_basic_secret_is_challenged_with_basic():
    app = App.register(method="client_secret_basic")
    app.secret = "wrong"

    answer = app.redeem("any")

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Basic ")
    assert app.post("/oauth/token", app.code_form("any"), Authorization="Basic !!!").status_code == 401
    assert app.post("/oauth/token", app.code_form("any"), Authorization="Bearer x").status_code == 401


def test_secret_is_shown_once_and_renewed():
    app = App.register(method="client_secret_post")
    stored = Application.objects.get(pk=app.application.pk).client_secret
    assert stored.startswith("sha256_secret$")
    assert len(app.secret) == 128
    assert secrets.matches(app.secret, stored)

    new = clients.renew_secret(app.application)

    code = app.ask(parties.sign_up(), "openid")
    assert app.redeem(code).status_code == 401
    app.secret = new
    assert app.redeem(code).status_code == 200


def test_app_without_secret_has_none_to_renew(app):
    with pytest.raises(InvalidRegistration):
        clients.renew_secret(app.application)


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": []},
        {"keys": [RSA.as_dict(private=True)]},
        {"keys": [{**RSA.as_dict(private=False), "n": base64.urlsafe_b64encode(b"\xff" * 128).decode().rstrip("=")}]},
        {"keys": [ECKey.generate_key("P-256", {"kid": "p256"}).as_dict(private=False)]},
        {"keys": [OctKey.generate_key(256, {"kid": "oct"}).as_dict()]},
        {"keys": [{**RSA.as_dict(private=False), "kid": None}]},
        {"keys": [RSA.as_dict(private=False), RSA.as_dict(private=False)]},
        {"keys": [{"kty": "RSA", "kid": "broken", "n": "!", "e": "!"}]},
        {"keys": ["text"]},
    ],
)
def test_key_set_that_is_not_public_and_strong_is_not_registered(jwks):
    with pytest.raises(InvalidRegistration):
        App.register(method="private_key_jwt", jwks=jwks)
