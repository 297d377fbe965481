"""Keys that sign id_tokens, one line of them for each algorithm.

A new key is published a while before it signs, so that a client that keeps our key set for its five minutes already
has it; the old one stays published until what it signed is dead. A key that got into wrong hands is forgotten at once.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import connection, transaction
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeyParameters, KeySet, RSAKey, import_key

from gateway.models import SigningAlgorithm, SigningKey
from records import sealing, statements

if TYPE_CHECKING:
    from gateway.tokens import Standing

BITS: Final = 2048
PURPOSE: Final = "id_token signing key"
ID_TOKEN_LIFE: Final = timedelta(minutes=10)
# How long a client may keep what it fetched from our JWKS URL (views/identity.py).
JWKS_LIFE: Final = timedelta(minutes=5)
# A new key signs once nobody can hold a key set without it any more.
PUBLISHED_BEFORE_USE: Final = 2 * JWKS_LIFE
# An id_token lives ten minutes; its key stays published a day longer than the last one it signed.
PUBLISHED_AFTER_RETIREMENT: Final = timedelta(days=1)
_CREATION_LOCK: Final = 0x6A776B73
_HASHES: Final = {SigningAlgorithm.RS256: hashlib.sha256, SigningAlgorithm.ES384: hashlib.sha384}
_PUBLIC_MEMBERS: Final = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")

# The newest that has been published long enough; where none has, the oldest, which is the only one or all there are.
_CURRENT: Final = """
SELECT kid, sealed FROM gateway_signingkey WHERE algorithm = %(algorithm)s AND (retired IS NULL OR retired > %(at)s)
ORDER BY created > %(proven)s, CASE WHEN created > %(proven)s THEN created END, created DESC LIMIT 1"""


def identify(claims: dict[str, Any], *, algorithm: str, access_token: str, standing: Standing, at: datetime) -> str:
    """An id_token (OIDC Core 2): these claims of a person and an app, told when, by whom, and for which token."""
    told = {
        **claims,
        "iss": settings.PUBLIC_URL,
        "iat": int(at.timestamp()),
        "exp": int((at + ID_TOKEN_LIFE).timestamp()),
        "auth_time": int(standing.authenticated.timestamp()),
        "at_hash": _half_hash(access_token, SigningAlgorithm(algorithm)),
    }
    return sign(told, algorithm=algorithm, at=at)


def sign(claims: dict[str, Any], *, algorithm: str = SigningAlgorithm.RS256, at: datetime) -> str:
    """The claims as a compact JWS, its key named by ``kid``."""
    kid, sealed = _current(SigningAlgorithm(algorithm), at=at)
    header = {"alg": str(algorithm), "kid": kid, "typ": "JWT"}
    return jwt.encode(header, claims, _opened(kid, sealed), algorithms=[str(algorithm)])


def verified(token: str, *, at: datetime) -> dict[str, Any] | None:
    """The claims of an id_token of ours, expired or not; None for anything else (OIDC RP-Initiated Logout 2)."""
    try:
        known = KeySet([import_key(public) for public in published(at=at)["keys"]])
        decoded = jwt.decode(token, known, algorithms=list(SigningAlgorithm.values))
    except (JoseError, ValueError):
        return None
    return decoded.claims if decoded.claims.get("iss") == settings.PUBLIC_URL else None


def published(*, at: datetime) -> dict[str, list[dict[str, Any]]]:
    """The JSON Web Key Set: public halves only (RFC 7517), newest first."""
    _current(SigningAlgorithm.RS256, at=at)
    kept = SigningKey.objects.exclude(retired__lt=at - PUBLISHED_AFTER_RETIREMENT).order_by("-created")
    return {"keys": [key.public for key in kept]}


@transaction.atomic
def rotate(algorithm: str = SigningAlgorithm.RS256, *, at: datetime) -> SigningKey:
    """A new key, published from now on; it signs, and the old ones stop, once every key set in use holds it."""
    takes_over = at + PUBLISHED_BEFORE_USE
    SigningKey.objects.filter(algorithm=algorithm, retired__isnull=True).update(retired=takes_over)
    return _make(SigningAlgorithm(algorithm), at=at)


@transaction.atomic
def replace(algorithm: str = SigningAlgorithm.RS256, *, at: datetime) -> SigningKey:
    """A new key that signs at once; the old ones are forgotten, and what they signed is worth nothing any more."""
    SigningKey.objects.filter(algorithm=algorithm).delete()
    return _make(SigningAlgorithm(algorithm), at=at)


def _half_hash(access_token: str, algorithm: SigningAlgorithm) -> str:
    """``at_hash``: the left half of the hash that goes with the signature's algorithm (OIDC Core 3.1.3.6)."""
    whole = _HASHES[algorithm](access_token.encode()).digest()
    return base64.urlsafe_b64encode(whole[: len(whole) // 2]).decode().rstrip("=")


def _current(algorithm: SigningAlgorithm, *, at: datetime) -> tuple[str, bytes]:
    row = _found(algorithm, at=at)
    if row is None:
        with transaction.atomic(), connection.cursor() as cursor:
            # Two processes may both find none: the second waits here and then finds the first one's.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CREATION_LOCK])
            row = _found(algorithm, at=at)
            if row is None:
                made = _make(algorithm, at=at)
                row = made.kid, bytes(made.sealed)
    return row


def _found(algorithm: SigningAlgorithm, *, at: datetime) -> tuple[str, bytes] | None:
    asked = {"algorithm": str(algorithm), "at": at, "proven": at - PUBLISHED_BEFORE_USE}
    rows = statements.read(_CURRENT, asked)
    return (rows[0][0], rows[0][1]) if rows else None


def _make(algorithm: SigningAlgorithm, *, at: datetime) -> SigningKey:
    usage: KeyParameters = {"use": "sig", "alg": str(algorithm)}
    key: RSAKey | ECKey
    if algorithm is SigningAlgorithm.RS256:
        key = RSAKey.generate_key(BITS, usage, auto_kid=True)
    else:
        key = ECKey.generate_key("P-384", usage, auto_kid=True)
    return SigningKey.objects.create(
        kid=str(key.kid),
        algorithm=algorithm,
        public={name: value for name, value in key.as_dict(private=False).items() if name in _PUBLIC_MEMBERS},
        sealed=sealing.seal_site_secret(PURPOSE, json.dumps(key.as_dict(private=True)).encode()),
        created=at,
    )


@lru_cache(maxsize=8)
def _opened(kid: str, sealed: bytes) -> RSAKey | ECKey:
    members = json.loads(sealing.open_site_secret(PURPOSE, sealed))
    return RSAKey.import_key(members) if members["kty"] == "RSA" else ECKey.import_key(members)
