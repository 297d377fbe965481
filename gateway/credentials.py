"""How a client proves itself at the token, revocation and introspection endpoints (RFC 6749 2.3, RFC 7523).

Each client is pinned to one method; a request that carries more than one proof is refused before any is checked.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, Self
from urllib.parse import unquote_plus

from gateway import assertions, secrets
from gateway.assertions import Mark
from gateway.errors import ClientRefused, SeveralProofs
from gateway.models import Application, AuthMethod, speaks_for_itself

CLIENT_ID_LENGTH_MAX: Final = 120


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a client: its form, its Authorization header, and from where and when it came."""

    form: Mapping[str, str]
    authorization: str
    origin: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """What a request shows: who the client says it is, by which method, and the secret or assertion."""

    client_id: str
    method: AuthMethod
    evidence: str


class Provable(Protocol):
    """What a proof is checked against: an Application, or the Client read from its row."""

    @property
    def pk(self) -> int: ...
    @property
    def client_id(self) -> str: ...
    @property
    def token_endpoint_auth_method(self) -> str: ...
    @property
    def client_secret(self) -> str: ...
    @property
    def previous_secret(self) -> str: ...
    @property
    def previous_secret_expires(self) -> datetime | None: ...
    @property
    def client_jwks(self) -> str: ...
    @property
    def client_jwks_uri(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Client:
    """The row of an active application, as far as the token endpoint needs it; spelt as in Application."""

    pk: int
    client_id: str
    name: str
    token_endpoint_auth_method: str
    client_secret: str
    previous_secret: str
    previous_secret_expires: datetime | None
    client_jwks: str
    client_jwks_uri: str
    algorithm: str
    scopes: str

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        return cls(*row[: len(cls.__slots__)])

    @property
    def is_backend(self) -> bool:
        return speaks_for_itself(self.scopes.split(), self.token_endpoint_auth_method)


COLUMNS: Final = ", ".join(f"a.{name}" for name in ("id", *Client.__slots__[1:]))
"""What a statement selects of ``gateway_application a``, before anything of its own, to make a Client of."""


def authenticate(authorization: str, form: Mapping[str, str], *, at: datetime) -> Application:
    """The active client that sent this form with this Authorization header. Raises ClientRefused, SeveralProofs."""
    proof = presented(authorization, form)
    client = load(proof.client_id)
    mark = verify(proof, client, at=at)
    assertions.remember(mark)
    assert client is not None
    return client


def load(client_id: str) -> Application | None:
    """The active client of this id."""
    if not 0 < len(client_id) <= CLIENT_ID_LENGTH_MAX:
        return None
    found: Application | None = Application.objects.filter(client_id=client_id, active=True).first()
    return found


def verify(proof: Proof, client: Provable | None, *, at: datetime) -> Mark | None:
    """That this client is who it says. Raises ClientRefused.

    The mark of a signed assertion is still to be remembered, which is what makes it good for one use.
    """
    basic = proof.method is AuthMethod.BASIC
    if client is None or client.token_endpoint_auth_method != proof.method:
        raise ClientRefused("unknown client, or not its method of authentication", basic=basic)
    if proof.method is AuthMethod.PRIVATE_KEY_JWT:
        return assertions.verify(proof.evidence, client, at=at)
    if proof.method is not AuthMethod.NONE and not _knows_secret(proof.evidence, client, at=at):
        raise ClientRefused("wrong secret", basic=basic)
    return None


def _knows_secret(presented: str, client: Provable, *, at: datetime) -> bool:
    """The secret, or for a while the one before it: a rotation must not lock out the servers not yet told."""
    if secrets.matches(presented, client.client_secret):
        return True
    until = client.previous_secret_expires
    return until is not None and until > at and secrets.matches(presented, client.previous_secret)


def presented(authorization: str, form: Mapping[str, str]) -> Proof:
    """The one proof of a request, not checked yet. Raises ClientRefused, SeveralProofs."""
    proof = _read(authorization, form)
    if form.get("client_id", proof.client_id) != proof.client_id:
        raise ClientRefused("the form names another client", basic=proof.method is AuthMethod.BASIC)
    if not 0 < len(proof.client_id) <= CLIENT_ID_LENGTH_MAX:
        raise ClientRefused("no client has such an id", basic=proof.method is AuthMethod.BASIC)
    return proof


def _read(authorization: str, form: Mapping[str, str]) -> Proof:
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
