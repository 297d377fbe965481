"""A token for the client itself (SMART backend-services; RFC 6749 4.4): of no person, for what was agreed before.

Two kinds of client have one: services that prove themselves by signature and read what people let them have, and
resource servers, which may ask about tokens (RFC 7662) and nothing else.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from audit import events
from gateway import assertions, credentials, scopes, tokens, usage
from gateway.assertions import Mark
from gateway.credentials import Asked, Client
from gateway.errors import ClientRefused, GrantTypeNotAllowed, ScopeRefused
from records import statements

_FIND: Final = f"""
SELECT {credentials.COLUMNS} FROM gateway_application a WHERE a.client_id = %(client)s AND a.active"""  # noqa: S608 - put together from constants

_SERVE: Final = f"""
WITH {tokens.FRESH},
    won AS (
        INSERT INTO gateway_accesstoken (
            token, token_checksum, expires, scope, resource, created, updated, application_id
        )
        SELECT '', %(access)s::text, %(expires)s, %(scope)s::text, '[]', %(at)s, %(at)s, %(application)s::bigint
        FROM fresh
        RETURNING application_id
    )
SELECT {events.APPENDED} FROM won"""  # noqa: S608 - put together from constants


def serve(asked: Asked) -> dict[str, Any]:
    """The token response. Raises GatewayError."""
    proof = credentials.presented(asked.authorization, asked.form)
    rows = statements.read(_FIND, {"client": proof.client_id})
    client = Client.of(rows[0]) if rows else None
    mark = credentials.verify(proof, client, at=asked.at)
    assert client is not None
    with assertions.good_once(mark):
        if not client.is_backend:
            raise GrantTypeNotAllowed(f"client {client.pk}")
        given = scopes.preauthorised(asked.form.get("scope", "").split(" "), client.scopes.split())
        if not given:
            raise ScopeRefused(f"client {client.pk}")
        return _store(client, " ".join(given), asked, mark)


def _store(client: Client, scope: str, asked: Asked, mark: Mark | None) -> dict[str, Any]:
    token = tokens.make()
    values = {
        "at": asked.at,
        "access": tokens.digest(token),
        "expires": asked.at + timedelta(seconds=tokens.BACKEND_LIFE_SECONDS),
        "scope": scope,
        "application": client.pk,
        **tokens.marked(mark),
        **tokens.event(client, asked, "token", owner_id=events.chain_of_app(client.pk)),
    }
    if not statements.change(_SERVE, values):
        raise ClientRefused("an assertion that was used before")
    usage.note_token(client.client_id)
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": tokens.BACKEND_LIFE_SECONDS,
        "scope": scope,
    }
