"""Registering this site at a hospital that takes registrations by itself (RFC 7591), when somebody first wants it.

Each installation registers for itself, with a key of its own where the hospital takes keys, so nothing that one
installation holds is of use to another.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, Final

import orjson
from django.conf import settings
from joserfc.jwk import ECKey, KeySet

from records import sealing
from smartlaunch.discovery import AuthorizationServer
from standards.fhir import json
from sync import outbound, tokens, vendors
from sync.models import AuthMethod, Hospital
from sync.problems import Problem, Remedy, SourceError
from sync.tokens import OwnClient, Tokens

CREATED: Final = frozenset({200, 201})

_log = logging.getLogger(__name__)


def ensure(hospital: Hospital, server: AuthorizationServer, *, redirect_uri: str) -> Hospital:
    """The hospital with a client of ours at it. Raises SourceError UNREGISTERED where there is no way to get one.

    Of two at once one is kept; the other was registered in vain.
    """
    if hospital.client_id:
        return hospital
    if not server.registration_endpoint:
        raise SourceError("no registration endpoint", problem=Problem.UNREGISTERED)
    method, key = _method(server)
    answer = _register(server.registration_endpoint, _metadata(hospital, method, key, redirect_uri))
    method, secret = _given(method, key, answer)
    sealed = sealing.seal_site_secret(tokens.secret_purpose(hospital.fhir_base), secret) if secret else None
    Hospital.objects.filter(pk=hospital.pk, client_id="").update(
        client_id=answer["client_id"], auth_method=method, sealed_secret=sealed
    )
    return Hospital.objects.select_related("source").get(pk=hospital.pk)


def of_connection(hospital: Hospital, server: AuthorizationServer, given: Tokens) -> Tokens:
    """The tokens with a client of this connection's own, where the vendor renews them for nobody else.

    Her first access token is what it is registered with. Where that fails the connection stands as long as that token
    does, and she is asked to sign in again.
    """
    wanted = vendors.of(hospital.vendor).client_of_each and given.refresh_token is None
    if not wanted or not server.registration_endpoint:
        return given
    key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    asked = {"software_id": hospital.client_id, "jwks": KeySet([key]).as_dict(private=False)}
    try:
        answer = _register(server.registration_endpoint, asked, token=given.access_token)
    except SourceError as error:
        _log.info("hospital %s gave no client of a connection's own: %s", hospital.pk, error)
        return given
    own = OwnClient(answer["client_id"], orjson.dumps(key.as_dict(private=True)).decode())
    return replace(given, own=own)


def _method(server: AuthorizationServer) -> tuple[AuthMethod, ECKey | None]:
    """The strongest that the hospital takes."""
    if AuthMethod.KEY in server.methods:
        return AuthMethod.KEY, ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    # RFC 7591 section 2: without a word on it, a secret sent as Basic is what is meant.
    return (AuthMethod.SECRET if AuthMethod.SECRET in server.methods or not server.methods else AuthMethod.NONE), None


def _metadata(hospital: Hospital, method: AuthMethod, key: ECKey | None, redirect_uri: str) -> dict[str, Any]:
    keys = {"jwks": KeySet([key]).as_dict(private=False)} if key is not None else {}
    return {
        "client_name": settings.SITE_NAME,
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method.value,
        "scope": hospital.scopes,
        **keys,
    }


def _register(endpoint: str, metadata: dict[str, Any], *, token: str = "") -> dict[str, Any]:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        with outbound.GuardedSession() as session:
            answer = session.post(endpoint, data=orjson.dumps(metadata), headers=headers)
            said = json.loads(answer.content) if answer.status_code in CREATED else None
    except outbound.AddressRefused as error:
        raise SourceError(str(error), problem=Problem.NOT_SMART) from error
    except outbound.CONNECTION_FAULTS as error:
        raise SourceError(type(error).__name__, problem=Problem.UNREACHABLE, remedy=Remedy.RETRY) from error
    except json.MalformedJSON as error:
        raise SourceError("registration: no JSON", problem=Problem.UNREADABLE) from error
    client_id = said.get("client_id") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(client_id, str) or not 0 < len(client_id) <= 200:
        raise SourceError("registration refused", problem=Problem.UNREGISTERED, status=answer.status_code)
    return said


def _given(method: AuthMethod, key: ECKey | None, answer: dict[str, Any]) -> tuple[AuthMethod, bytes | None]:
    """What we have to prove with: a hospital may have given a secret, or none, whatever we asked for."""
    if key is not None:
        return method, orjson.dumps(key.as_dict(private=True))
    secret = answer.get("client_secret")
    if isinstance(secret, str) and secret:
        return AuthMethod.SECRET, secret.encode()
    return AuthMethod.NONE, None
