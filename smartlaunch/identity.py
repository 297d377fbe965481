"""The id_token of a hospital: who signed in there, checked in full before anything in the answer is believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from smartlaunch.discovery import AuthorizationServer
from standards.fhir import json
from sync import outbound
from sync.problems import Problem, Remedy, SourceError

LEEWAY_SECONDS: Final = 30


def verify(answer: Mapping[str, Any], *, server: AuthorizationServer, client_id: str, nonce: str) -> Mapping[str, Any]:
    """Its claims, once signature, issuer, audience, time, nonce and at_hash were checked (OIDC Core 3.1.3.7).

    A hospital that signs people in must send one, since we asked for ``openid``; with a key of its own key set and an
    asymmetric algorithm. One without an issuer sends none that could be checked, and none is used: no claims.
    Raises SourceError.
    """
    if not server.issuer:
        return {}
    raw = answer.get("id_token")
    if not isinstance(raw, str):
        raise _refused("no id_token")
    keys = key_set(server)
    try:
        token = jwt.decode(
            raw, keys, registry=JWSRegistry(algorithms=list(server.algorithms), strict_check_header=False)
        )
        claims = CodeIDToken(
            token.claims,
            token.header,
            {"iss": {"essential": True, "value": server.issuer}, "aud": {"essential": True, "value": client_id}},
            {"nonce": nonce, "client_id": client_id, "access_token": answer.get("access_token")},
        )
        claims.validate(leeway=LEEWAY_SECONDS)
    except (JoseError, ValueError) as error:
        # Its text may quote a claim; the kind of failure is enough.
        raise _refused(type(error).__name__) from None
    return dict(token.claims)


def key_set(server: AuthorizationServer) -> KeySet:
    """Its public keys, fetched now. Raises SourceError."""
    try:
        return KeySet.import_key_set(json.loads(outbound.fetch_document(server.jwks_uri)))
    except outbound.CONNECTION_FAULTS as error:
        raise SourceError("no key set", problem=Problem.UNREACHABLE, remedy=Remedy.RETRY) from error
    except (json.MalformedJSON, JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refused("a key set that cannot be read") from error


def _refused(reason: str) -> SourceError:
    return SourceError(f"id_token: {reason}", problem=Problem.WRONG_ISSUER)
