"""Keys that sign id_tokens. The newest one that is not retired signs; all are published until their tokens are dead."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from gateway.models import SigningKey
from records import sealing

ALGORITHM: Final = "RS256"
BITS: Final = 2048
PURPOSE: Final = "id_token signing key"
# An id_token lives ten minutes; its key stays published a day longer than the last one it signed.
PUBLISHED_AFTER_RETIREMENT: Final = timedelta(days=1)
_CREATION_LOCK: Final = 0x6A776B73


def sign(claims: dict[str, Any], *, at: datetime) -> str:
    """The claims as a compact JWS, its key named by ``kid``."""
    kid, sealed = _current(at=at)
    return jwt.encode(
        {"alg": ALGORITHM, "kid": kid, "typ": "JWT"}, claims, _opened(kid, sealed), algorithms=[ALGORITHM]
    )


def verified(token: str, *, at: datetime) -> dict[str, Any] | None:
    """The claims of an id_token of ours, expired or not; None for anything else (OIDC RP-Initiated Logout 2)."""
    try:
        known = KeySet([RSAKey.import_key(public) for public in published(at=at)["keys"]])
        decoded = jwt.decode(token, known, algorithms=[ALGORITHM])
    except (JoseError, ValueError):
        return None
    return decoded.claims if decoded.claims.get("iss") == settings.PUBLIC_URL else None


def published(*, at: datetime) -> dict[str, list[dict[str, Any]]]:
    """The JSON Web Key Set: public halves only (RFC 7517)."""
    _current(at=at)
    kept = SigningKey.objects.exclude(retired__lt=at - PUBLISHED_AFTER_RETIREMENT).order_by("-created")
    return {"keys": [key.public for key in kept]}


def rotate(*, at: datetime) -> SigningKey:
    """A new key that signs from now on; the old ones stay published until what they signed is dead."""
    with transaction.atomic():
        SigningKey.objects.filter(retired__isnull=True).update(retired=at)
        return _make(at=at)


def _current(*, at: datetime) -> tuple[str, bytes]:
    row = _newest()
    if row is None:
        with transaction.atomic(), connection.cursor() as cursor:
            # Two processes may both find none: the second waits here and then finds the first one's.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CREATION_LOCK])
            row = _newest()
            if row is None:
                made = _make(at=at)
                row = made.kid, bytes(made.sealed)
    return row


def _newest() -> tuple[str, bytes] | None:
    found = SigningKey.objects.filter(retired__isnull=True).order_by("-created").values_list("kid", "sealed").first()
    return None if found is None else (found[0], bytes(found[1]))


def _make(*, at: datetime) -> SigningKey:
    key = RSAKey.generate_key(BITS, {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
    public = {name: value for name, value in key.as_dict(private=False).items() if name in _PUBLIC_MEMBERS}
    return SigningKey.objects.create(
        kid=str(key.kid),
        algorithm=ALGORITHM,
        public=public,
        sealed=sealing.seal_site_secret(PURPOSE, json.dumps(key.as_dict(private=True)).encode()),
        created=at,
    )


_PUBLIC_MEMBERS: Final = ("kty", "kid", "use", "alg", "n", "e")


@lru_cache(maxsize=4)
def _opened(kid: str, sealed: bytes) -> RSAKey:
    return RSAKey.import_key(json.loads(sealing.open_site_secret(PURPOSE, sealed)))
