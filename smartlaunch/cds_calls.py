"""Who calls our CDS Hooks service: the JWT of an EHR, checked (CDS Hooks 2.0, "Trusting CDS Clients")."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.cache import cache
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gateway import assertions
from gateway.errors import ClientRefused
from smartlaunch.models import Ehr
from standards.fhir import json as strict
from sync import outbound

ALGORITHMS: Final = ("ES384", "RS384", "ES256", "RS256")
LIFE_MAX: Final = timedelta(minutes=5)
LEEWAY: Final = timedelta(seconds=30)
LENGTH_MAX: Final = 8192
KEYS_SECONDS: Final = 300
REFETCH_SECONDS: Final = 60


class CallRefused(Exception):
    """The caller did not prove to be an EHR of ours. The message carries no value."""


def caller(authorization: str, *, audience: str, at: datetime) -> Ehr:
    """The EHR that signed this call of the service at ``audience``, just now and for the first time.

    Raises CallRefused.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= LENGTH_MAX:
        raise CallRefused("no bearer token")
    header, claimed = _read(token)
    ehr = _ehr(claimed.get("iss"))
    if header.get("jku", ehr.cds_jwks_uri) != ehr.cds_jwks_uri or str(header.get("typ", "JWT")).upper() != "JWT":
        raise CallRefused("a jku that is not registered, or no JWT")
    claims = _verified(token, ehr, header.get("kid"))
    expires = _check(claims, audience, at)
    digest = hashlib.sha256(json.dumps(["cds", ehr.cds_issuer, claims["jti"]]).encode()).digest()
    try:
        assertions.remember(assertions.Mark(digest, expires + LEEWAY))
    except ClientRefused as error:
        raise CallRefused("used before") from error
    return ehr


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, not yet believed."""
    try:
        signed = jws.extract_compact(token.encode())
        claims = strict.loads(signed.payload)
    except (JoseError, ValueError) as error:
        raise CallRefused("no compact JWS of claims") from error
    if not isinstance(claims, dict):
        raise CallRefused("claims that are no object")
    return dict(signed.headers()), claims


def _ehr(issuer: object) -> Ehr:
    if not isinstance(issuer, str) or not issuer or "\x00" in issuer:
        raise CallRefused("no issuer")
    found = Ehr.objects.filter(cds_issuer=issuer, active=True, organization__active=True).exclude(cds_jwks_uri="")
    ehr = found.select_related("organization").first()
    if ehr is None:
        raise CallRefused("unknown issuer")
    return ehr


def _verified(token: str, ehr: Ehr, kid: object) -> dict[str, Any]:
    if not isinstance(kid, str):
        raise CallRefused("no kid")
    try:
        decoded = jwt.decode(token, _keys(ehr, kid), algorithms=list(ALGORITHMS))
    except (JoseError, ValueError) as error:
        raise CallRefused("a signature that does not hold") from error
    return dict(decoded.claims)


def _keys(ehr: Ehr, kid: str) -> KeySet:
    """Its key set; fetched anew for a kid that is not in it, as after a rotation, once a minute at most."""
    name = f"cds-keys:{hashlib.sha256(ehr.cds_jwks_uri.encode()).hexdigest()}"
    kept = cache.get(name)
    if kept is None or (kid not in kept and cache.add(f"{name}:again", True, REFETCH_SECONDS)):
        kept = _fetch(ehr)
        cache.set(name, kept, KEYS_SECONDS)
    try:
        return KeySet.import_key_set(strict.loads(kept.encode()))
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CallRefused("a key set that cannot be read") from error


def _fetch(ehr: Ehr) -> str:
    try:
        return outbound.fetch_document(ehr.cds_jwks_uri).decode()
    except (*outbound.CONNECTION_FAULTS, UnicodeDecodeError) as error:
        raise CallRefused("its key set cannot be fetched") from error


def _check(claims: dict[str, Any], audience: str, at: datetime) -> datetime:
    """When it expires, once everything it claims holds."""
    said = claims.get("aud")
    if audience not in (said if isinstance(said, list) else [said]):
        raise CallRefused("for somebody else")
    if not isinstance(claims.get("jti"), str) or not claims["jti"]:
        raise CallRefused("no jti")
    issued, expires = assertions.instant(claims.get("iat")), assertions.instant(claims.get("exp"))
    if issued is None or issued > at + LEEWAY:
        raise CallRefused("of no time, or of the future")
    if expires is None or not at - LEEWAY < expires <= at + LIFE_MAX + LEEWAY:
        raise CallRefused("expired, or good for more than five minutes")
    return expires
