"""Keys that sign id_tokens: RS256 for all, ES384 for an app registered so, new ones without a gap."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import KeySet

from gateway import keys
from gateway.errors import InvalidRegistration
from gateway.models import SigningKey
from tests.gateway import parties
from tests.gateway.parties import App

pytestmark = pytest.mark.django_db


def key_set() -> KeySet:
    return KeySet.import_key_set(Client().get("/oauth/jwks").json())


def half(hash_name: str, token: str) -> str:
    whole = hashlib.new(hash_name, token.encode()).digest()
    return base64.urlsafe_b64encode(whole[: len(whole) // 2]).decode().rstrip("=")


def age_keys(by: timedelta) -> None:
    for key in SigningKey.objects.all():
        key.created -= by
        key.retired = key.retired and key.retired - by
        key.save()


@pytest.mark.spec("OpenID Connect Core", "3.1.3.6", "at_hash goes with the algorithm of the signature")
@pytest.mark.parametrize(("algorithm", "hash_name"), [("RS256", "sha256"), ("ES384", "sha384")])
def test_id_token_is_signed_as_the_app_was_registered(algorithm, hash_name):
    person, app = parties.sign_up(), App.register(algorithm=algorithm)

    told = app.let_in(person, "openid fhirUser", nonce="n-1")

    proof = jwt.decode(told["id_token"], key_set(), algorithms=[algorithm])
    assert proof.header["alg"] == algorithm
    assert proof.claims["at_hash"] == half(hash_name, told["access_token"])
    assert (proof.claims["aud"], proof.claims["nonce"]) == (app.client_id, "n-1")
    assert proof.claims["exp"] - proof.claims["iat"] == keys.ID_TOKEN_LIFE.total_seconds()


def test_both_algorithms_are_named_and_published_without_a_private_half(client):
    App.register(algorithm="ES384").let_in(parties.sign_up(), "openid")

    told = client.get("/.well-known/openid-configuration").json()

    assert told["id_token_signing_alg_values_supported"] == ["RS256", "ES384"]
    published = client.get("/oauth/jwks").json()["keys"]
    assert {key["alg"] for key in published} == {"RS256", "ES384"}
    assert {frozenset(key) for key in published} == {
        frozenset(("kty", "kid", "use", "alg", "n", "e")),
        frozenset(("kty", "kid", "use", "alg", "crv", "x", "y")),
    }


@pytest.mark.parametrize("algorithm", ["HS256", "none", "", "RS384"])
def test_no_other_algorithm_can_be_registered(algorithm):
    with pytest.raises(InvalidRegistration):
        App.register(algorithm=algorithm)


def signed_by(app: App, person) -> str:
    told = app.let_in(person, "openid")
    return str(jwt.decode(told["id_token"], key_set(), algorithms=["RS256"]).header["kid"])


def test_a_new_key_is_published_first_and_signs_later():
    person, app = parties.sign_up(), App.register()
    old = signed_by(app, person)
    said = StringIO()

    call_command("rotate_signing_key", stdout=said)

    new = SigningKey.objects.latest("created").kid
    assert new in said.getvalue()
    assert [key.kid for key in key_set().keys] == [new, old]
    assert signed_by(app, person) == old  # a client may still hold the key set without the new one

    age_keys(keys.PUBLISHED_BEFORE_USE)

    assert signed_by(app, person) == new
    assert [key.kid for key in key_set().keys] == [new, old]  # what the old one signed is still alive
    age_keys(keys.PUBLISHED_AFTER_RETIREMENT + timedelta(minutes=1))
    assert [key.kid for key in key_set().keys] == [new]


def test_two_rotations_in_a_row_leave_no_gap():
    person, app = parties.sign_up(), App.register()
    signed_by(app, person)
    now = timezone.now()
    keys.rotate(at=now - keys.PUBLISHED_BEFORE_USE / 2)
    keys.rotate(at=now)

    for minutes in range(0, 30, 3):
        assert keys.sign({}, at=now + timedelta(minutes=minutes))


def test_a_compromised_key_is_forgotten_at_once():
    person, app = parties.sign_up(), App.register()
    told = app.let_in(person, "openid")
    assert jwt.decode(told["id_token"], key_set(), algorithms=["RS256"])

    call_command("rotate_signing_key", "--compromised", stdout=StringIO())

    with pytest.raises(InvalidKeyIdError):
        jwt.decode(told["id_token"], key_set(), algorithms=["RS256"])
    assert signed_by(app, person) == SigningKey.objects.get().kid


def test_rotating_one_algorithm_leaves_the_other():
    app = App.register(algorithm="ES384")
    app.let_in(parties.sign_up(), "openid")
    signed_by(App.register(), parties.sign_up())

    call_command("rotate_signing_key", "--algorithm", "ES384", stdout=StringIO())

    assert SigningKey.objects.filter(algorithm="ES384").count() == 2
    assert SigningKey.objects.filter(algorithm="RS256").count() == 1
