"""Refusals of an app we know: in the access log of the person whose record it wanted, and nothing more to the app."""

from __future__ import annotations

from audit import events
from audit.models import Action, Agent, Outcome
from gateway.credentials import Asked, Client
from gateway.errors import AuthorizationEnded, Holder, InvalidToken
from gateway.tokens import Standing


def of_token(error: InvalidToken, *, interaction: str, origin: str) -> None:
    """A token was shown that opens nothing any more. One that nobody was given tells of nobody, and leaves nothing."""
    if error.holder is not None:
        _note(error.holder, interaction=interaction, origin=origin, status=401)


def of_ended(standing: Standing, client: Client, asked: Asked, *, interaction: str) -> AuthorizationEnded:
    """An app that proved itself asked for a token of an authorization that has ended; the error to raise."""
    delegate = str(standing.subject) if standing.delegation_id else ""
    holder = Holder(standing.owner_id, client.client_id, client.name, standing.decision_id, delegate)
    _note(holder, interaction=interaction, origin=asked.origin, status=400)
    return AuthorizationEnded(f"authorization {standing.pk}")


def _note(holder: Holder, *, interaction: str, origin: str, status: int) -> None:
    events.append(
        owner_id=holder.owner_id,
        action=Action.EXECUTE,
        interaction=interaction,
        outcome=Outcome.REFUSED,
        agent_kind=Agent.APP,
        agent=holder.client_id,
        agent_name=holder.name,
        consent_id=holder.decision_id,
        origin=origin,
        detail={
            "status": status,
            "records": 0,
            "types": {},
            **({"delegate": holder.delegate} if holder.delegate else {}),
        },
    )
