"""Codes and tokens: made, found by digest, spent, rotated. No usable one is ever stored.

One authorization has at most one live access token and one live refresh token.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import CodeSpent, RefreshReplayed
from gateway.models import AccessToken, Application, Authorization, Grant, RefreshToken

CODE_LIFE: Final = timedelta(seconds=60)
ACCESS_LIFE_SECONDS: Final = 3600
# SMART backend-services: at most five minutes, and no refresh token.
BACKEND_LIFE_SECONDS: Final = 300
# A refresh token unused for this long is dead, even before its authorization ends.
IDLE_MAX: Final = timedelta(days=90)
# How long a client that lost the response of a rotation may ask again with the old token.
REPLAY_LIFE: Final = timedelta(seconds=20)
NONCE_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Issued:
    """What the token endpoint is about to answer with; ``answer`` is the whole JSON object."""

    access_token: str
    refresh_token: str | None
    scope: str
    expires: datetime
    answer: dict[str, Any]


def digest(secret: str) -> str:
    """What is stored of a code or token, and what it is found by."""
    return hashlib.sha256(secret.encode()).hexdigest()


def issue_code(authorization: Authorization, params: dict[str, str], *, at: datetime) -> str:
    """A fresh authorization code (256 bits), bound to redirect address, client, person and PKCE challenge."""
    code = secrets.token_urlsafe(32)
    Grant.objects.create(
        authorization=authorization,
        application=authorization.application,
        user=authorization.person,
        code=digest(code),
        expires=at + CODE_LIFE,
        redirect_uri=params["redirect_uri"],
        scope=" ".join(authorization.scopes),
        code_challenge=params["code_challenge"],
        code_challenge_method=params["code_challenge_method"],
        nonce=params.get("nonce", ""),
    )
    return code


def find_code(code: str) -> Grant | None:
    related = ("authorization__application", "authorization__person")
    found: Grant | None = Grant.objects.select_related(*related).filter(code=digest(code)).first()
    return found


def find_refresh(token: str) -> RefreshToken | None:
    related = ("authorization__application", "authorization__person")
    found: RefreshToken | None = (
        RefreshToken.objects.select_related(*related).filter(token_checksum=digest(token)).first()
    )
    return found


def redeem(grant: Grant, issued: Issued, *, at: datetime) -> None:
    """Spends the code for its first tokens. Raises CodeSpent: of several requests at once, one wins this update."""
    won = Grant.objects.filter(pk=grant.pk, consumed__isnull=True, expires__gt=at).update(consumed=at)
    if not won:
        raise CodeSpent(f"grant {grant.pk}")
    _store_access(grant.authorization, issued)
    _store_refresh(grant.authorization, issued)


def store_backend(application: Application, token: str, *, scope: str, expires: datetime) -> None:
    """A backend service's token: of no person, and apart from all others it holds."""
    AccessToken.objects.create(
        application=application, token="", token_checksum=digest(token), scope=scope, expires=expires
    )


def rotate(presented: RefreshToken, token: str, issued: Issued, *, at: datetime) -> dict[str, Any]:
    """Swaps the refresh token for new tokens; the answer to give.

    Of several requests at once one wins the update; the others, and a client that lost the answer, get the winner's
    answer for twenty seconds. Raises RefreshReplayed after that.
    """
    sealed = _seal_answer(token, presented.application_id, issued.answer)
    won = RefreshToken.objects.filter(pk=presented.pk, revoked__isnull=True).update(
        revoked=at, updated=at, replay=sealed
    )
    if not won:
        presented.refresh_from_db(fields=["revoked", "replay"])
        return replayed(presented, token, at=at)
    _store_access(presented.authorization, issued)
    _store_refresh(presented.authorization, issued)
    return issued.answer


def replayed(presented: RefreshToken, token: str, *, at: datetime) -> dict[str, Any]:
    """The answer this token was already rotated for.

    Raises RefreshReplayed if it is too late, if the token was revoked rather than rotated, or if its successor has
    been used: whoever used that one had the answer.
    """
    if presented.revoked is None or presented.replay is None or presented.revoked + REPLAY_LIFE <= at:
        raise RefreshReplayed(f"refresh token {presented.pk}")
    try:
        answer = _open_answer(token, presented.application_id, bytes(presented.replay))
    except InvalidTag as error:
        raise RefreshReplayed(f"refresh token {presented.pk}") from error
    successor = digest(answer["refresh_token"])
    if not RefreshToken.objects.filter(token_checksum=successor, revoked__isnull=True).exists():
        raise RefreshReplayed(f"refresh token {presented.pk}")
    return answer


def _store_access(authorization: Authorization, issued: Issued) -> None:
    """The one access token of the authorization: the row of the previous one is written over, which revokes it."""
    values = {"token_checksum": digest(issued.access_token), "scope": issued.scope, "expires": issued.expires}
    if AccessToken.objects.filter(authorization=authorization).update(**values):
        return
    AccessToken.objects.create(
        authorization=authorization,
        application=authorization.application,
        user=authorization.person,
        token="",
        **values,
    )


def _store_refresh(authorization: Authorization, issued: Issued) -> None:
    if issued.refresh_token is None:
        return
    RefreshToken.objects.create(
        authorization=authorization,
        application=authorization.application,
        user=authorization.person,
        token="",
        token_checksum=digest(issued.refresh_token),
        token_family=authorization.uid,
    )


def _seal_answer(token: str, application_id: int, answer: dict[str, Any]) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = _cipher(token).encrypt(nonce, json.dumps(answer).encode(), str(application_id).encode())
    return nonce + sealed


def _open_answer(token: str, application_id: int, sealed: bytes) -> dict[str, Any]:
    opened = _cipher(token).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], str(application_id).encode())
    answer: dict[str, Any] = json.loads(opened)
    return answer


def _cipher(token: str) -> AESGCM:
    """Only who still holds the presented token can read the answer; what is stored of the token opens nothing."""
    return AESGCM(HKDF(SHA256(), 32, None, b"tributary refresh replay").derive(token.encode()))
