"""Signed client assertions (SMART, client-confidential-asymmetric; RFC 7523).

The keys are the ones the client registered, inline or by their URL (keysets.py). A ``jku`` in the header is accepted
only if it is the JWKS URL the client registered; it is never fetched from the header.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import connection
from django.urls import reverse
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, RSAKey

from gateway import keysets
from gateway.errors import ClientRefused, GatewayError

if TYPE_CHECKING:
    from gateway.credentials import Provable

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS: Final = {"RS384": "RSA", "ES384": "EC"}
LIFE_MAX: Final = timedelta(minutes=5)
LEEWAY: Final = timedelta(seconds=30)
LENGTH_MAX: Final = 8192
RSA_MODULUS_LENGTH_MIN: Final = 342  # characters of base64url that 2048 bits take


@dataclass(frozen=True, slots=True)
class Mark:
    """What is remembered of an assertion so that it is good once: SHA-256 of issuer and ``jti``, and until when."""

    digest: bytes
    expires: datetime


def claimed_client(assertion: str) -> str:
    """Who the assertion says it is from, not yet believed. Raises ClientRefused."""
    try:
        claims = json.loads(_extracted(assertion).payload)
    except (ValueError, RecursionError) as error:
        raise ClientRefused("an assertion whose claims are no JSON") from error
    subject = claims.get("sub") if isinstance(claims, dict) else None
    if not isinstance(subject, str) or "\x00" in subject:
        raise ClientRefused("an assertion without subject")
    return subject


def verify(assertion: str, client: Provable, *, at: datetime) -> Mark:
    """That this client signed the assertion for us, just now. Raises ClientRefused.

    That it was for the first time, only ``remember`` can tell, or the statement that writes the mark with the token.
    """
    header = _extracted(assertion).headers()
    if header.get("jku", client.client_jwks_uri) != client.client_jwks_uri:
        raise ClientRefused("a jku that is not registered")
    try:
        token = jwt.decode(assertion, _key(header, client, at=at), algorithms=list(ALGORITHMS))
    except (JoseError, ValueError) as error:
        raise ClientRefused("an assertion whose signature does not hold") from error
    expires = _check(token.claims, client, at=at)
    digest = hashlib.sha256(json.dumps([client.client_id, str(token.claims["jti"])]).encode()).digest()
    return Mark(digest, expires + LEEWAY)


def remember(mark: Mark | None) -> None:
    """Raises ClientRefused if this ``jti`` of this client was seen: the primary key lets only one request win."""
    if mark is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO gateway_usedassertion (digest, expires) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [mark.digest, mark.expires],
        )
        if cursor.rowcount != 1:
            raise ClientRefused("an assertion that was used before")


@contextmanager
def good_once(mark: Mark | None) -> Iterator[None]:
    """Around what a request does after its proof: a refusal spends the assertion too.

    What succeeds has remembered the mark itself, in the statement that did it. Raises ClientRefused if the assertion
    was used before.
    """
    try:
        yield
    except GatewayError:
        remember(mark)
        raise


def _extracted(assertion: str) -> jws.CompactSignature:
    if len(assertion) > LENGTH_MAX:
        raise ClientRefused("an assertion that is too large")
    try:
        return jws.extract_compact(assertion.encode())
    except (JoseError, ValueError) as error:
        raise ClientRefused("an assertion that is no compact JWS") from error


def _key(header: dict[str, Any], client: Provable, *, at: datetime) -> Key:
    """The one registered key of this ``kid`` that fits the algorithm; none or several is a refusal."""
    kind, kid = ALGORITHMS.get(str(header.get("alg"))), header.get("kid")
    if kind is None or not isinstance(kid, str):
        raise ClientRefused("an assertion without kid or with another algorithm")
    registered = client.client_jwks
    if client.client_jwks_uri:
        registered = keysets.current(client.pk, client.client_jwks_uri, has=lambda text: _has(text, kid), at=at)
    fitting = [key for key in _parsed(registered) if key.kid == kid and key.key_type == kind]
    if len(fitting) != 1:
        raise ClientRefused("not exactly one registered key fits")
    return fitting[0]


def _has(jwks: str, kid: str) -> bool:
    return any(key.kid == kid for key in _parsed(jwks))


@lru_cache(maxsize=256)
def _parsed(jwks: str) -> tuple[Key, ...]:
    """The keys that an assertion may be signed with; a set at a URL may hold others, which are left aside."""
    try:
        members = json.loads(jwks or "{}").get("keys", [])
    except (ValueError, AttributeError):
        return ()
    usable = [one for one in members if isinstance(one, dict) and isinstance(one.get("kid"), str)]
    return tuple(_KINDS[one["kty"]].import_key(one) for one in usable if _key_problem(one) is None)


_KINDS: Final[dict[str, type[RSAKey] | type[ECKey]]] = {"RSA": RSAKey, "EC": ECKey}


def _check(claims: dict[str, Any], client: Provable, *, at: datetime) -> datetime:
    """When the assertion expires, once everything it claims holds."""
    audiences = claims.get("aud")
    audiences = audiences if isinstance(audiences, list) else [audiences]
    if not {settings.PUBLIC_URL + reverse("gateway:token"), settings.PUBLIC_URL} & {str(one) for one in audiences}:
        raise ClientRefused("an assertion for somebody else")
    if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
        raise ClientRefused("issuer and subject must be the client")
    if not isinstance(claims.get("jti"), str) or not claims["jti"]:
        raise ClientRefused("an assertion without jti")
    expires = instant(claims.get("exp"))
    if expires is None or not at - LEEWAY < expires <= at + LIFE_MAX + LEEWAY:
        raise ClientRefused("an assertion that is expired or lives longer than five minutes")
    begins = [instant(claims[name]) for name in ("nbf", "iat") if name in claims]
    if any(moment is None or moment > at + LEEWAY for moment in begins):
        raise ClientRefused("an assertion of the future")
    return expires


def instant(value: object) -> datetime | None:
    """A NumericDate as an instant; None if it is none or no date."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, tz=UTC)
    except (OverflowError, OSError, ValueError):
        return None


def problem(jwks: dict[str, Any]) -> str | None:
    """Why this key set may not be registered, or None: public RSA (2048 bits up) or P-384 keys, each with a ``kid``."""
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not keys:
        return "a key set needs at least one key"
    kids: set[tuple[str, str]] = set()
    for member in keys:
        if not isinstance(member, dict) or not isinstance(member.get("kid"), str):
            return "every key needs a kid"
        fault = _key_problem(member)
        if fault:
            return fault
        kids.add((member["kid"], str(member.get("kty"))))
    return None if len(kids) == len(keys) else "two keys share a kid"


def _key_problem(member: dict[str, Any]) -> str | None:
    if {"d", "p", "q", "dp", "dq", "qi", "k"} & member.keys():
        return "a private key: register public keys only"
    try:
        if member.get("kty") == "RSA":
            if len(str(member.get("n"))) < RSA_MODULUS_LENGTH_MIN:
                return "an RSA key below 2048 bits"
            RSAKey.import_key(member)
            return None
        if member.get("kty") == "EC":
            return None if ECKey.import_key(member).curve_name == "P-384" else "an EC key must be on P-384"
    except (JoseError, ValueError, KeyError, TypeError):
        return "a key that does not parse"
    return "a key must be RSA or EC"
