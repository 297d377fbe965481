"""An app that gives its tokens back (RFC 7009): either half of a pair ends both, and what she had let it have."""

from __future__ import annotations

from django.db import transaction

from audit import events
from audit.models import Action, Agent
from gateway import authorizations, credentials, tokens
from gateway.credentials import Asked
from gateway.errors import ForeignToken, ParameterMissing
from gateway.models import AccessToken, Application, RefreshToken


def revoke(asked: Asked) -> None:
    """Does nothing for an unknown token. Raises ClientRefused, ForeignToken, ParameterMissing, SeveralProofs."""
    client = credentials.authenticate(asked.authorization, asked.form, at=asked.at)
    if "token" not in asked.form:
        raise ParameterMissing("token")
    found = tokens.find(asked.form["token"])
    if found is None:
        return
    if found.application_id != client.pk:
        raise ForeignToken(f"client {client.pk}")
    with transaction.atomic():
        _end(found, asked)
        _note(client, found, asked)


def _end(found: AccessToken | RefreshToken, asked: Asked) -> None:
    if found.authorization is None:
        AccessToken.objects.filter(pk=found.pk, expires__gt=asked.at).update(expires=asked.at)
    else:
        authorizations.revoke(found.authorization, at=asked.at)


def _note(client: Application, found: AccessToken | RefreshToken, asked: Asked) -> None:
    authorization = found.authorization
    events.append(
        owner_id=authorization.owner_id if authorization else events.chain_of_app(client.pk),
        action=Action.EXECUTE,
        interaction="revoke",
        agent_kind=Agent.APP,
        agent=client.client_id,
        agent_name=client.name,
        consent_id=authorization.decision_id if authorization else None,
        origin=asked.origin,
        detail=tokens.acting(authorization.delegation_id, authorization.subject) if authorization else None,
    )
