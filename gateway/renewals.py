"""A refresh token for new tokens (RFC 6749 6, RFC 9700 4.14): rotated every time, its reuse ends the family.

Of several requests at once one wins; the others, and a client that lost the answer, get the winner's answer for twenty
seconds, as long as its successor was not used: whoever used that one had the answer.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway import assertions, authorizations, credentials, refusals, scopes, tokens
from gateway.assertions import Mark
from gateway.credentials import Asked, Client
from gateway.errors import ParameterMissing, RefreshReplayed, RefreshUnknown, ScopeRefused
from gateway.tokens import Standing
from records import statements

REPLAY_LIFE: Final = timedelta(seconds=20)
NONCE_BYTES: Final = 12

_FIND: Final = f"""
SELECT {credentials.COLUMNS}, r.id, r.created, r.revoked, r.replay, {tokens.STANDING}
FROM gateway_application a
LEFT JOIN gateway_refreshtoken r ON r.token_checksum = %(token)s AND r.application_id = a.id
LEFT JOIN gateway_authorization g ON g.id = r.authorization_id
{tokens.PEOPLE}
WHERE a.client_id = %(client)s AND a.active"""  # noqa: S608 - put together from constants

_PROOFS: Final = frozenset({"client_id", "client_secret", "client_assertion", "client_assertion_type"})
_OWNER: Final = """
SELECT a.client_id FROM gateway_refreshtoken r JOIN gateway_application a ON a.id = r.application_id
WHERE r.token_checksum = %(token)s AND a.active"""

_RENEW: Final = f"""
WITH {tokens.FRESH},
    won AS (
        UPDATE gateway_refreshtoken SET revoked = %(at)s, updated = %(at)s, replay = %(replay)s::bytea
        WHERE id = %(token)s::bigint AND revoked IS NULL AND EXISTS (SELECT 1 FROM fresh)
        RETURNING authorization_id, application_id, user_id
    ),
    {tokens.STORED}"""  # noqa: S608 - put together from constants

_WINNER: Final = "SELECT created, revoked, replay FROM gateway_refreshtoken WHERE id = %(token)s"
_UNUSED: Final = "SELECT 1 FROM gateway_refreshtoken WHERE token_checksum = %(token)s AND revoked IS NULL"


@dataclass(frozen=True, slots=True)
class _Presented:
    """The refresh token that was sent, and its row. ``replay`` is the answer its rotation gave, sealed with it."""

    pk: int
    created: datetime
    revoked: datetime | None
    replay: bytes | None


def naming_client(form: Mapping[str, str], authorization: str) -> Mapping[str, str]:
    """The form of a refresh with the client in it, where a public app left its name out and shows its token alone.

    SMART's table of refresh parameters has no client_id (app-launch, "Refresh Token Parameters"), and its JavaScript
    client sends none. Nobody gains by it: a public client's name proves nothing, and any other client has its own
    proof to bring, of which such a form has none.
    """
    silent = not authorization and not _PROOFS & form.keys()
    if not silent or form.get("grant_type") != "refresh_token" or "refresh_token" not in form:
        return form
    rows = statements.read(_OWNER, {"token": tokens.digest(form["refresh_token"])})
    return {**form, "client_id": rows[0][0]} if rows else form


def renew(asked: Asked) -> dict[str, Any]:
    """The token response. Raises GatewayError."""
    proof = credentials.presented(asked.authorization, asked.form)
    token = asked.form.get("refresh_token", "")
    rows = statements.read(_FIND, {"client": proof.client_id, "token": tokens.digest(token), "at": asked.at})
    client = Client.of(rows[0]) if rows else None
    mark = credentials.verify(proof, client, at=asked.at)
    assert client is not None
    with assertions.good_once(mark):
        if not token:
            raise ParameterMissing("refresh_token")
        row = rows[0][len(Client.__slots__) :]
        if row[0] is None:
            raise RefreshUnknown(f"client {client.pk}")
        return _renewed(_Presented(*row[:4]), Standing.of(row[4:]), token, client, asked, mark)


def _renewed(
    presented: _Presented, standing: Standing, token: str, client: Client, asked: Asked, mark: Mark | None
) -> dict[str, Any]:
    if not authorizations.is_redeemable(standing, at=asked.at):
        raise refusals.of_ended(standing, client, asked, interaction="refresh")
    if presented.revoked is not None:
        assertions.remember(mark)
        return _given_again(presented, standing, token, client, asked)
    if presented.created + tokens.IDLE_MAX <= asked.at:
        raise RefreshUnknown(f"refresh token {presented.pk} was not used for too long")
    issued = tokens.issue(standing, _scope(asked, standing), renewable=True, at=asked.at)
    sealed = _seal(token, client.pk, issued.answer)
    more = {"token": presented.pk, "replay": sealed}
    if tokens.store(_RENEW, issued, standing, client, asked, mark=mark, interaction="refresh", **more):
        return issued.answer
    winner = _Presented(presented.pk, *statements.read(_WINNER, {"token": presented.pk})[0])
    return _given_again(winner, standing, token, client, asked)


def _scope(asked: Asked, standing: Standing) -> str:
    """What she granted, whatever an earlier refresh narrowed itself to; or the part of it that is asked for now."""
    if "scope" not in asked.form:
        return " ".join(standing.scopes)
    wanted = asked.form["scope"].split(" ")
    if not scopes.within(wanted, standing.scopes):
        raise ScopeRefused(f"authorization {standing.pk}")
    return " ".join(wanted)


def _given_again(presented: _Presented, standing: Standing, token: str, client: Client, asked: Asked) -> dict[str, Any]:
    """The answer this token was already rotated for; a token that was used otherwise ends its family.

    Raises RefreshReplayed.
    """
    answer = _replayed(presented, token, client.pk, at=asked.at)
    if answer is None:
        authorizations.end_family(standing, client, asked, reason="refresh token replayed")
        raise RefreshReplayed(f"refresh token {presented.pk}")
    return answer


def _replayed(presented: _Presented, token: str, application_id: int, *, at: datetime) -> dict[str, Any] | None:
    """None if it is too late, if the token was revoked rather than rotated, or if its successor has been used."""
    if presented.revoked is None or presented.replay is None or presented.revoked + REPLAY_LIFE <= at:
        return None
    try:
        answer = _open(token, application_id, presented.replay)
    except InvalidTag:
        return None
    unused = statements.read(_UNUSED, {"token": tokens.digest(answer["refresh_token"])})
    return answer if unused else None


def _seal(token: str, application_id: int, answer: dict[str, Any]) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + _cipher(token).encrypt(nonce, orjson.dumps(answer), str(application_id).encode())


def _open(token: str, application_id: int, sealed: bytes) -> dict[str, Any]:
    opened = _cipher(token).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], str(application_id).encode())
    answer: dict[str, Any] = orjson.loads(opened)
    return answer


def _cipher(token: str) -> AESGCM:
    """Only who still holds the presented token can read the answer; what is stored of the token opens nothing."""
    return AESGCM(HKDF(SHA256(), 32, None, b"tributary refresh replay").derive(token.encode()))
