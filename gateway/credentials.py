"""How a client proves itself at the token, revocation and introspection endpoints (RFC 6749 2.3, RFC 7523).

Each client is pinned to one method; a request that carries more than one proof is refused before any is checked.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import unquote_plus

from gateway import assertions, secrets
from gateway.errors import ClientRefused, SeveralProofs
from gateway.models import Application, AuthMethod

CLIENT_ID_LENGTH_MAX: Final = 120


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request shows: who the client says it is, by which method, and the secret or assertion."""

    client_id: str
    method: AuthMethod
    evidence: str


def authenticate(authorization: str, form: Mapping[str, str], *, at: datetime) -> Application:
    """The active client that sent this form with this Authorization header. Raises ClientRefused, SeveralProofs."""
    proof = _presented(authorization, form)
    basic = proof.method is AuthMethod.BASIC
    client = load(proof.client_id)
    if client is None or client.token_endpoint_auth_method != proof.method:
        raise ClientRefused("unknown client, or not its method of authentication", basic=basic)
    if form.get("client_id", proof.client_id) != proof.client_id:
        raise ClientRefused("the form names another client", basic=basic)
    if proof.method is AuthMethod.PRIVATE_KEY_JWT:
        assertions.verify(proof.evidence, client, at=at)
    elif proof.method is not AuthMethod.NONE and not _knows_secret(proof.evidence, client, at=at):
        raise ClientRefused("wrong secret", basic=basic)
    return client


def _knows_secret(presented: str, client: Application, *, at: datetime) -> bool:
    """The secret, or for a while the one before it: a rotation must not lock out the servers not yet told."""
    if secrets.matches(presented, client.client_secret):
        return True
    until = client.previous_secret_expires
    return until is not None and until > at and secrets.matches(presented, client.previous_secret)


def load(client_id: str) -> Application | None:
    """The active client of this id."""
    if not 0 < len(client_id) <= CLIENT_ID_LENGTH_MAX:
        return None
    found: Application | None = Application.objects.filter(client_id=client_id, active=True).first()
    return found


def _presented(authorization: str, form: Mapping[str, str]) -> Proof:
    shown = [
        bool(authorization),
        "client_secret" in form,
        "client_assertion" in form or "client_assertion_type" in form,
    ]
    if sum(shown) > 1:
        raise SeveralProofs("more than one proof")
    if shown[0]:
        return Proof(*_read_basic(authorization))
    if shown[2]:
        return _read_assertion(form)
    if "client_id" not in form:
        raise ClientRefused("no client named")
    method = AuthMethod.POST if shown[1] else AuthMethod.NONE
    return Proof(form["client_id"], method, form.get("client_secret", ""))


def _read_basic(header: str) -> tuple[str, AuthMethod, str]:
    """Both halves are form-encoded before they are joined (RFC 6749 2.3.1)."""
    scheme, _, encoded = header.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        scheme, colon = "", ""
    if scheme.lower() != "basic" or not colon:
        raise ClientRefused("no readable Basic credentials", basic=True)
    client_id, secret = unquote_plus(client_id), unquote_plus(secret)
    if "\x00" in client_id:
        raise ClientRefused("no readable Basic credentials", basic=True)
    return client_id, AuthMethod.BASIC, secret


def _read_assertion(form: Mapping[str, str]) -> Proof:
    assertion = form.get("client_assertion", "")
    if form.get("client_assertion_type") != assertions.TYPE:
        raise ClientRefused("unknown kind of client assertion")
    return Proof(assertions.claimed_client(assertion), AuthMethod.PRIVATE_KEY_JWT, assertion)
