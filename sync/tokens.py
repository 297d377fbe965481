"""Our side of OAuth at a hospital: who we are there, and the tokens of a connection, kept fresh one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import orjson
import requests
from authlib.integrations.requests_client import OAuth2Session, OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from django.db import transaction
from django.utils import timezone
from joserfc import jwk

from records import sealing
from standards.fhir import json
from sync import outbound, vendors
from sync.models import AuthMethod, Connection, ConnectionState, Hospital
from sync.problems import Problem, Remedy, SourceError
from sync.sources.wearables import makers

# A token that ends sooner than this is renewed before it is used.
MARGIN: Final = timedelta(seconds=30)
ASSERTION_SECONDS: Final = 240
# Of Withings' statuses those that are not about the grant: too many requests, and our own registration.
_ENVELOPED: Final = {601: "slow_down", 2554: "invalid_client", 2555: "temporarily_unavailable"}
_ALGORITHMS: Final = {"RSA": "RS384", "EC": "ES384"}


JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class OwnClient:
    """A client that the hospital gave for one person's connection alone. ``key``: its private JWK."""

    client_id: str
    key: str

    def __repr__(self) -> str:
        return f"OwnClient({self.client_id})"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a token endpoint gave us. ``expires``: None where it did not say. Never printed: repr shows no token.

    ``own``: the client that gets new ones, where there is no refresh token.
    """

    access_token: str
    refresh_token: str | None
    expires: datetime | None
    scope: str
    own: OwnClient | None = None

    @property
    def may_be_renewed(self) -> bool:
        return self.refresh_token is not None or self.own is not None

    def __repr__(self) -> str:
        return f"Tokens(expires={self.expires}, refresh={self.refresh_token is not None})"

    @classmethod
    def of(
        cls,
        answer: dict[str, Any],
        *,
        at: datetime,
        refresh_token: str | None = None,
        scope: str = "",
        lives: int | None = None,
    ) -> Self:
        """Read a token response (RFC 6749 5.1); a refresh may leave out what stays as it was. Raises SourceError.

        ``lives``: how many seconds a token of this server lives that does not say.
        """
        access_token, kind = answer.get("access_token"), answer.get("token_type")
        if not isinstance(access_token, str) or not access_token or str(kind).lower() != "bearer":
            raise SourceError("no bearer token in the token response", problem=Problem.UNREADABLE)
        seconds = answer.get("expires_in", lives)
        expires = at + timedelta(seconds=int(seconds)) if isinstance(seconds, int | float) and seconds > 0 else None
        given = answer.get("refresh_token")
        return cls(
            access_token=access_token,
            refresh_token=given if isinstance(given, str) and given else refresh_token,
            expires=expires,
            scope=said if isinstance(said := answer.get("scope"), str) else scope,
        )


class _SignedAssertion(PrivateKeyJWT):
    """SMART's asymmetric client authentication: RS384 or ES384 by the key, its kid, a short life, a fresh jti."""

    def sign(self, auth: Any, token_endpoint: str) -> str:
        return _assertion(auth.client_secret, client_id=auth.client_id, token_endpoint=token_endpoint)


def _assertion(private_jwk: str, *, client_id: str, token_endpoint: str) -> str:
    key = jwk.import_key(orjson.loads(private_jwk))
    signed: str = private_key_jwt_sign(
        key,
        client_id=client_id,
        token_endpoint=token_endpoint,
        alg=_ALGORITHMS[key.key_type],
        header={"kid": key.kid, "typ": "JWT"},
        expires_in=ASSERTION_SECONDS,
    )
    return signed


class ClientSession(outbound.GuardedSession, OAuth2Session):
    """authlib's OAuth client on the guarded session: it goes only where that one goes."""


def client(hospital: Hospital, **options: Any) -> ClientSession:
    """An OAuth client that proves to this hospital who we are. Close it after use."""
    secret = None
    if hospital.sealed_secret is not None:
        secret = sealing.open_site_secret(secret_purpose(hospital.fhir_base), bytes(hospital.sealed_secret)).decode()
    maker = makers.of(hospital.vendor)
    session = speaking_as(
        hospital.client_id,
        secret,
        method="client_secret_post" if maker and maker.secret_in_body else hospital.auth_method,
        scope=hospital.scopes,
        code_challenge_method="S256",
        **options,
    )
    if maker and maker.envelope:
        session.register_compliance_hook("access_token_response", _unwrapped)
        session.register_compliance_hook("refresh_token_response", _unwrapped)
    return session


def speaking_as(client_id: str, secret: str | None, *, method: str, scope: str, **options: Any) -> ClientSession:
    """An OAuth client under this name; ``secret``: the secret, or a private JWK, by ``method``. Close it after use."""
    session = ClientSession(client_id, secret, token_endpoint_auth_method=method, scope=scope, **options)
    if method == AuthMethod.KEY:
        session.register_client_auth_method(_SignedAssertion())
    return session


def as_service(client_id: str, key: str, *, scope: str, token_endpoint: str) -> Tokens:
    """A token for ourselves, by a signed assertion alone (SMART Backend Services). ``key``: a private JWK.

    Raises SourceError.
    """
    at = timezone.now()
    with speaking_as(client_id, key, method=AuthMethod.KEY, scope=scope) as session:
        asked = ask_token_endpoint(lambda: session.fetch_token(token_endpoint, grant_type="client_credentials"))
    return Tokens.of(asked, at=at)


def extras(hospital: Hospital) -> Mapping[str, str]:
    """What its token endpoint wants besides what OAuth 2 says."""
    maker = makers.of(hospital.vendor)
    return maker.token_extra if maker else {}


def _unwrapped(response: requests.Response) -> requests.Response:
    """A token response in ``{"status", "body"}``, as OAuth 2 would have it; only a status of 0 is a success."""
    try:
        said = json.loads(response.content)
    except json.MalformedJSON:
        return response  # what it is then told of is no JSON
    if isinstance(said, dict) and "status" in said:
        inner = said.get("body") if said["status"] == 0 else {"error": _ENVELOPED.get(said["status"], "invalid_grant")}
        response._content = orjson.dumps(inner)
    return response


def secret_purpose(fhir_base: str) -> str:
    return f"hospital|{fhir_base}"


def seal(connection: Connection, tokens: Tokens) -> None:
    """Put tokens into a connection; saving it is the caller's."""
    kept: dict[str, Any] = {"access_token": tokens.access_token, "refresh_token": tokens.refresh_token}
    if tokens.own is not None:
        kept["own"] = [tokens.own.client_id, tokens.own.key]
    sealed = sealing.seal_secret(connection.owner_id, purpose(connection), orjson.dumps(kept))
    connection.sealed_tokens = sealed
    connection.token_expires = tokens.expires
    connection.scope = tokens.scope


def opened(connection: Connection) -> Tokens:
    """The tokens of a connection. Raises SourceError REAUTHORIZE where there are none."""
    if connection.state != ConnectionState.ACTIVE or connection.sealed_tokens is None:
        raise _signed_out("the connection is not active")
    kept = orjson.loads(sealing.open_secret(connection.owner_id, purpose(connection), bytes(connection.sealed_tokens)))
    own = OwnClient(*kept["own"]) if "own" in kept else None
    return Tokens(kept["access_token"], kept["refresh_token"], connection.token_expires, connection.scope, own)


def purpose(connection: Connection) -> str:
    """Bound to the account, not to the row's id, which does not exist when the first tokens are sealed."""
    return f"connection|{connection.hospital_id}|{connection.patient}"


class Keeper:
    """The bearer of one connection during a run: gives its token, renews it early, or when it was refused."""

    def __init__(self, connection: Connection) -> None:
        self._connection_id = connection.pk
        self._tokens = opened(connection)

    def token(self) -> str:
        ends = self._tokens.expires
        if ends is not None and ends - MARGIN <= datetime.now(UTC) and self._tokens.may_be_renewed:
            self._renew(self._tokens.access_token)
        return self._tokens.access_token

    def may_be_renewed(self) -> bool:
        return self._tokens.may_be_renewed

    def renewed(self, refused: str) -> str:
        """A token other than the refused one. Raises SourceError."""
        self._renew(refused)
        return self._tokens.access_token

    @transaction.atomic
    def _renew(self, old: str) -> None:
        """Under the connection's row lock, so that two workers never spend one rotating refresh token.

        The one place with HTTP inside a transaction: the new refresh token must be kept before anybody else may try,
        and nothing but this one row is locked meanwhile.
        """
        locked = Connection.objects.select_for_update(of=("self",), no_key=True)
        connection = locked.select_related("hospital").get(pk=self._connection_id)
        held = opened(connection)
        if held.access_token == old:
            held = _by_own_client(connection, held) if held.refresh_token is None else _refresh(connection, held)
            seal(connection, held)
            connection.save(update_fields=["sealed_tokens", "token_expires", "scope"])
        self._tokens = held


def _refresh(connection: Connection, held: Tokens) -> Tokens:
    """The presence of a refresh token is what counts: some hospitals leave offline_access out of the scope."""
    at = timezone.now()
    # Without ``scope`` the grant stays what it was; some servers refuse a repeated one.
    with client(connection.hospital) as session:
        session.scope = None
        answer = ask_token_endpoint(
            lambda: session.refresh_token(
                connection.token_endpoint, refresh_token=held.refresh_token, **extras(connection.hospital)
            )
        )
    lives = vendors.of(connection.hospital.vendor).token_seconds
    return Tokens.of(answer, at=at, refresh_token=held.refresh_token, scope=held.scope, lives=lives)


def _by_own_client(connection: Connection, held: Tokens) -> Tokens:
    """A new token for the key of this connection's own client (RFC 7523 2.1)."""
    if held.own is None:
        raise _signed_out("the token has ended and there is none to renew it with")
    at, endpoint, own = timezone.now(), connection.token_endpoint, held.own
    assertion = _assertion(own.key, client_id=own.client_id, token_endpoint=endpoint)
    with speaking_as(own.client_id, None, method=AuthMethod.NONE, scope="") as session:
        try:
            answer = ask_token_endpoint(
                lambda: session.fetch_token(
                    endpoint, grant_type=JWT_BEARER, assertion=assertion, client_id=own.client_id
                )
            )
        except SourceError as error:
            if error.problem is not Problem.NOT_REGISTERED:
                raise
            # She took back at the hospital what this one client was registered with.
            raise _signed_out("the client of this connection is no more") from error
    lives = vendors.of(connection.hospital.vendor).token_seconds
    return replace(Tokens.of(answer, at=at, scope=held.scope, lives=lives), own=own)


def ask_token_endpoint(ask: Any) -> dict[str, Any]:
    """Call authlib and translate what goes wrong there. Raises SourceError."""
    try:
        answer = ask()
    except OAuthError as error:
        raise _token_error(str(error.error)) from None  # its text may quote what the hospital wrote
    except outbound.AddressRefused as error:
        raise SourceError(str(error), problem=Problem.FOREIGN_ADDRESS) from error
    except outbound.CONNECTION_FAULTS as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        raise SourceError(
            type(error).__name__, problem=Problem.UNREACHABLE, remedy=Remedy.RETRY, status=status
        ) from error
    except ValueError as error:
        raise SourceError(
            "the token response is no JSON object", problem=Problem.UNREADABLE, remedy=Remedy.RETRY
        ) from error
    return dict(answer)


def _token_error(code: str) -> SourceError:
    """RFC 6749 5.2."""
    if code in {"invalid_client", "unauthorized_client"}:
        return SourceError(f"token endpoint: {code}", problem=Problem.NOT_REGISTERED)
    if code in {"temporarily_unavailable", "slow_down"}:
        return SourceError(f"token endpoint: {code}", problem=Problem.BUSY, remedy=Remedy.RETRY)
    return _signed_out("the token endpoint refused")


def _signed_out(message: str) -> SourceError:
    return SourceError(message, problem=Problem.SIGNED_OUT, remedy=Remedy.REAUTHORIZE)
