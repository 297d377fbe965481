"""Codes and tokens: made, found by digest, stored. No usable one is ever stored.

One authorization has at most one live access token and one live refresh token. The endpoint that answers thousands of
requests asks two prepared statements each time: one that reads all there is to know, one that changes everything there
is to change, which is also its only commit (docs/adr/0015). The parts that several of those statements share are here.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from audit import events
from audit.models import Action, Agent
from gateway import usage
from gateway.assertions import Mark
from gateway.credentials import Asked, Client
from gateway.errors import ClientRefused
from gateway.models import AccessToken, Authorization, Grant, RefreshToken
from records import statements

CODE_LIFE: Final = timedelta(seconds=60)
ACCESS_LIFE_SECONDS: Final = 3600
# SMART backend-services: at most five minutes, and no refresh token.
BACKEND_LIFE_SECONDS: Final = 300
# A refresh token unused for this long is dead, even before its authorization ends.
IDLE_MAX: Final = timedelta(days=90)
BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Standing:
    """The authorization that a code or refresh token belongs to. ``live`` says whether it may still be redeemed.

    ``delegation_id``: by which ``person_id`` acts for the owner, None for her own (authorizations.is_redeemable).
    """

    pk: int
    owner_id: int
    person_id: int
    delegation_id: UUID | None
    decision_id: int
    subject: Any
    fhir_user: str
    scopes: list[str]
    context: dict[str, Any]
    authenticated: datetime
    expires: datetime
    live: bool

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        return cls(*row)


# The end of her sign-in ends what online_access gave: by signing out, or by being away for too long.
SIGNED_IN: Final = """(g.session = '' OR EXISTS (
        SELECT 1 FROM django_session s
        WHERE encode(sha256(s.session_key::bytea), 'hex') = g.session AND s.expire_date > %(at)s))"""

FHIR_USER: Final = """CASE
        WHEN g.delegation_id IS NOT NULL THEN 'RelatedPerson/' || g.delegation_id
        WHEN p.practitioner_id = '' THEN 'Patient/' || p.patient_id
        ELSE 'Practitioner/' || p.practitioner_id END"""
"""Who signed in, of an authorization ``g`` and its person ``p``: as Authorization.fhir_user."""

STANDING: Final = f"""g.id, CASE WHEN g.delegation_id IS NULL THEN g.person_id ELSE g.about_id END, g.person_id,
    g.delegation_id, g.decision_id, p.subject, {FHIR_USER},
    g.scopes, g.context, g.authenticated, g.expires,
    g.revoked IS NULL AND g.paused IS NULL AND g.expires > %(at)s AND p.is_active AND COALESCE(o.is_active, TRUE)
        AND {SIGNED_IN}"""
"""Last of what a statement selects, joined as in PEOPLE, to make a Standing of."""

PEOPLE: Final = """LEFT JOIN accounts_person p ON p.id = g.person_id
LEFT JOIN accounts_person o ON o.id = g.about_id"""

FRESH: Final = """
    marked AS (
        INSERT INTO gateway_usedassertion (digest, expires)
        SELECT %(mark)s::bytea, %(marked_until)s::timestamptz WHERE %(mark)s::bytea IS NOT NULL
        ON CONFLICT DO NOTHING RETURNING 1
    ),
    fresh AS (SELECT 1 WHERE %(mark)s::bytea IS NULL OR EXISTS (SELECT 1 FROM marked))"""
"""Remembers the client's assertion, if there is one; ``fresh`` has a row unless it was used before."""

STORED: Final = f"""
    access AS (
        INSERT INTO gateway_accesstoken (
            token, token_checksum, expires, scope, resource, created, updated, application_id, user_id, authorization_id
        )
        SELECT '', %(access)s::text, %(expires)s, %(scope)s::text, '[]', %(at)s, %(at)s,
            application_id, user_id, authorization_id
        FROM won
        ON CONFLICT (authorization_id) DO UPDATE SET token_checksum = excluded.token_checksum,
            expires = excluded.expires, scope = excluded.scope, created = excluded.created, updated = excluded.updated
        RETURNING 1
    ),
    refresh AS (
        INSERT INTO gateway_refreshtoken (
            token, token_checksum, token_family, resource, created, updated, application_id, user_id, authorization_id
        )
        SELECT '', %(refresh)s::text, g.uid, '[]', %(at)s, %(at)s, won.application_id, won.user_id, won.authorization_id
        FROM won JOIN gateway_authorization g ON g.id = won.authorization_id
        WHERE %(refresh)s::text IS NOT NULL
        RETURNING 1
    ),
    noted AS (
        SELECT {events.APPENDED} AS sequence
        FROM won, (SELECT count(*) FROM access) first, (SELECT count(*) FROM refresh) second
    )
SELECT EXISTS (SELECT 1 FROM fresh), (SELECT sequence FROM noted)"""  # noqa: S608 - put together from constants
"""Stores the tokens of ``won`` (authorization_id, application_id, user_id), which is empty if somebody was first.

An access token is written over the one before it, which revokes that. The event comes last, by what ``noted`` reads:
it takes the lock of her log, and whoever ends this authorization takes that after the rows (authorizations.revoke).
"""


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


def make() -> str:
    """A fresh code or token of 256 bits."""
    return secrets.token_urlsafe(BYTES)


def issue_code(authorization: Authorization, params: dict[str, str], *, at: datetime) -> str:
    """A fresh authorization code, bound to redirect address, client, person and PKCE challenge."""
    code = make()
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


def issue(standing: Standing, scope: str, *, renewable: bool, at: datetime) -> Issued:
    """Fresh tokens for what this authorization let the app have, and the launch context with them."""
    access_token, refresh_token = make(), make() if renewable else None
    seconds = min(ACCESS_LIFE_SECONDS, max(1, int((standing.expires - at).total_seconds())))
    answer = {"access_token": access_token, "token_type": "Bearer", "expires_in": seconds, "scope": scope}
    if refresh_token is not None:
        answer["refresh_token"] = refresh_token
    # What the protocol itself says comes last: no launch context can stand in its place.
    told = {**standing.context, **answer}
    return Issued(access_token, refresh_token, scope, at + timedelta(seconds=seconds), told)


def store(
    statement: str,
    issued: Issued,
    standing: Standing,
    client: Client,
    asked: Asked,
    *,
    mark: Mark | None,
    interaction: str,
    **more: object,
) -> bool:
    """Runs a statement that ends with STORED: one round trip, one commit. False if somebody was first.

    Raises ClientRefused if the client's assertion was used before.
    """
    values = {
        "at": asked.at,
        "access": digest(issued.access_token),
        "refresh": digest(issued.refresh_token) if issued.refresh_token else None,
        "expires": issued.expires,
        "scope": issued.scope,
        **marked(mark),
        **event(
            client,
            asked,
            interaction,
            owner_id=standing.owner_id,
            consent_id=standing.decision_id,
            detail=acting(standing.delegation_id, standing.subject),
        ),
        **more,
    }
    ((fresh, sequence),) = statements.change(statement, values)
    if not fresh:
        raise ClientRefused("an assertion that was used before")
    if sequence is not None:
        usage.note_token(client.client_id)
    return sequence is not None


def marked(mark: Mark | None) -> dict[str, object]:
    """The values of FRESH."""
    return {"mark": mark.digest if mark else None, "marked_until": mark.expires if mark else None}


def acting(delegation: UUID | str | None, subject: object) -> dict[str, str]:
    """What the owner's access log says of who let the app in, where that was somebody who acts for her."""
    return {"delegate": str(subject)} if delegation else {}


def event(
    client: Client,
    asked: Asked,
    interaction: str,
    *,
    owner_id: int,
    consent_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Mapping[str, object]:
    """The values of the event that goes with tokens given out."""
    return events.values(
        owner_id=owner_id,
        action=Action.EXECUTE,
        interaction=interaction,
        agent_kind=Agent.APP,
        agent=client.client_id,
        agent_name=client.name,
        consent_id=consent_id,
        origin=asked.origin,
        detail=detail,
    )


def find(token: str) -> AccessToken | RefreshToken | None:
    """The access or refresh token of this text, live or not, with its authorization."""
    by_digest = {"token_checksum": digest(token)}
    for model in (AccessToken, RefreshToken):
        found: AccessToken | RefreshToken | None = (
            model.objects.select_related("authorization__application", "authorization__person", "application")
            .filter(**by_digest)
            .first()
        )
        if found is not None:
            return found
    return None
