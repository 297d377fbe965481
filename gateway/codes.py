"""A code for its first tokens (RFC 6749 4.1.3, RFC 7636 4.6, SMART App Launch 2.2 "obtain access token")."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gateway import assertions, authorizations, claims, credentials, keys, refusals, scopes, tokens
from gateway.credentials import Asked, Client
from gateway.errors import (
    CodeReplayed,
    CodeSpent,
    CodeUnknown,
    ParameterMissing,
    RedirectDiffers,
    VerifierWrong,
)
from gateway.tokens import Issued, Standing
from records import statements

_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)

_FIND: Final = f"""
SELECT {credentials.COLUMNS}, c.id, c.consumed, c.expires, c.redirect_uri, c.code_challenge, c.nonce, c.scope,
    {tokens.STANDING}
FROM gateway_application a
LEFT JOIN gateway_grant c ON c.code = %(code)s AND c.application_id = a.id
LEFT JOIN gateway_authorization g ON g.id = c.authorization_id
{tokens.PEOPLE}
WHERE a.client_id = %(client)s AND a.active"""  # noqa: S608 - put together from constants

_REDEEM: Final = f"""
WITH {tokens.FRESH},
    won AS (
        UPDATE gateway_grant SET consumed = %(at)s, updated = %(at)s
        WHERE id = %(code)s::bigint AND consumed IS NULL AND expires > %(at)s AND EXISTS (SELECT 1 FROM fresh)
        RETURNING authorization_id, application_id, user_id
    ),
    {tokens.STORED}"""  # noqa: S608 - put together from constants


@dataclass(frozen=True, slots=True)
class _Code:
    pk: int
    consumed: datetime | None
    expires: datetime
    redirect_uri: str
    challenge: str
    nonce: str
    scope: str


def redeem(asked: Asked) -> dict[str, Any]:
    """The token response. Raises GatewayError: of several requests at once one wins, the others get CodeSpent."""
    proof = credentials.presented(asked.authorization, asked.form)
    code = tokens.digest(asked.form.get("code", ""))
    rows = statements.read(_FIND, {"client": proof.client_id, "code": code, "at": asked.at})
    client = Client.of(rows[0]) if rows else None
    mark = credentials.verify(proof, client, at=asked.at)
    assert client is not None
    with assertions.good_once(mark):
        found, standing = _read(rows[0])
        _check(found, standing, client, asked)
        assert found is not None
        assert standing is not None
        issued = _issue(found, standing, client, asked)
        if not tokens.store(_REDEEM, issued, standing, client, asked, mark=mark, interaction="token", code=found.pk):
            raise CodeSpent(f"grant {found.pk}")
    return issued.answer


def _read(row: tuple[Any, ...]) -> tuple[_Code | None, Standing | None]:
    pk, *_ = rest = row[len(Client.__slots__) :]
    return (None, None) if pk is None else (_Code(*rest[:7]), Standing.of(rest[7:]))


def _check(found: _Code | None, standing: Standing | None, client: Client, asked: Asked) -> None:
    """Everything that a proved client must also show. Only a replay costs the code anything."""
    if "code" not in asked.form or "redirect_uri" not in asked.form:
        raise ParameterMissing("code or redirect_uri")
    verifier = asked.form.get("code_verifier", "")
    if not _VERIFIER.fullmatch(verifier):
        raise VerifierWrong("no well-formed code_verifier")
    if found is None or standing is None:
        raise CodeUnknown(f"client {client.pk}")
    if not authorizations.is_redeemable(standing, at=asked.at):
        raise refusals.of_ended(standing, client, asked, interaction="token")
    if found.consumed is not None:
        authorizations.end_family(standing, client, asked, reason="code replayed")
        raise CodeReplayed(f"grant {found.pk}")
    if found.expires <= asked.at:
        raise CodeUnknown(f"grant {found.pk} is too old")
    if asked.form["redirect_uri"] != found.redirect_uri:
        raise RedirectDiffers(f"grant {found.pk}")
    if not hmac.compare_digest(_challenge(verifier), found.challenge):
        raise VerifierWrong(f"grant {found.pk}")


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _issue(found: _Code, standing: Standing, client: Client, asked: Asked) -> Issued:
    granted = found.scope.split()
    issued = tokens.issue(standing, found.scope, renewable=scopes.are_renewable(granted), at=asked.at)
    if scopes.OPENID in granted:
        about = claims.of(standing, granted)
        said = {**about, "aud": client.client_id, **({"nonce": found.nonce} if found.nonce else {})}
        issued.answer["id_token"] = keys.identify(
            said, algorithm=client.algorithm, access_token=issued.access_token, standing=standing, at=asked.at
        )
    return issued
