"""Events: appended in one round trip, durable when the call returns (or when the transaction it is in commits)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet

from audit import cursors
from audit.models import Action, Agent, Event, Outcome

NOBODY: Final = 0
"""The chain of what concerns no one person and no app that runs by itself. Nobody's id is 0."""

ERASE: Final = "erase"
"""In the chain of nobody: somebody was erased, and her own chain with her; ``detail["owner"]`` is her number."""

_VALUES: Final = (
    "(%(event_owner)s::integer, %(event_action)s::text, %(event_interaction)s::text,"
    " %(event_outcome)s::text, %(event_agent_kind)s::text, %(event_agent)s::text, %(event_agent_name)s::text,"
    " %(event_consent)s::bigint, %(event_origin)s::text, %(event_detail)s::jsonb)"
)
APPENDED: Final = f"audit_append{_VALUES}"
"""Adds one event, as an expression inside a statement that does what the event tells of; ``values`` are its values."""

_WITHIN: Final = f"SELECT {APPENDED}"
_NOW: Final = f"CALL audit_append_now{_VALUES}"
"""A transaction of its own: whoever appends to the same chain need not wait until this event is on the disk."""
_SETTLE: Final = "SELECT pg_logical_emit_message(true, 'audit', '')"


def append(
    *,
    owner_id: int,
    action: Action | str,
    interaction: str,
    outcome: Outcome | str = Outcome.SUCCESS,
    agent_kind: Agent | str,
    agent: str,
    agent_name: str = "",
    consent_id: int | None = None,
    origin: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Adds one event to the owner's chain.

    ``interaction`` is FHIR's or OAuth's own word; ``agent`` a subject, client_id or source url; ``detail`` kinds and
    numbers (``{"types": {"Observation": 50}}``), never clinical values.
    """
    event = values(
        owner_id=owner_id,
        action=action,
        interaction=interaction,
        outcome=outcome,
        agent_kind=agent_kind,
        agent=agent,
        agent_name=agent_name,
        consent_id=consent_id,
        origin=origin,
        detail=detail,
    )
    cursors.run(_WITHIN if connection.in_atomic_block else _NOW, event)


def settle() -> None:
    """Returns when every event that can be seen is on the disk: one may be seen a moment before that."""
    cursors.run(_SETTLE, [])


def values(
    *,
    owner_id: int,
    action: Action | str,
    interaction: str,
    outcome: Outcome | str = Outcome.SUCCESS,
    agent_kind: Agent | str,
    agent: str,
    agent_name: str = "",
    consent_id: int | None = None,
    origin: str = "",
    detail: Mapping[str, Any] | None = None,
) -> dict[str, str | int | None]:
    """The values of APPENDED; what they mean stands at ``append``."""
    return {
        "event_owner": owner_id,
        "event_action": str(action),
        "event_interaction": interaction[:32],
        "event_outcome": str(outcome),
        "event_agent_kind": str(agent_kind),
        "event_agent": agent[:120],
        "event_agent_name": agent_name[:200],
        "event_consent": consent_id,
        "event_origin": origin[:64],
        "event_detail": json.dumps(detail or {}),
    }


def chain_of_app(application_id: int) -> int:
    """The owner of the chain of what an app does for itself: a backend service's tokens and orders.

    Below 0, where nobody's id is. One chain for each app, so that two of them never wait for each other.
    """
    return -application_id


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of an owner's events: by ``kind`` and name of who did it, and by time (``until`` is no longer in it).

    Those of the interactions ``without`` are not among them.
    """

    kind: str = ""
    agent: str = ""
    since: datetime | None = None
    until: datetime | None = None
    without: tuple[str, ...] = ()


EVERYTHING: Final = Filter()


def matching(owner_id: int, which: Filter = EVERYTHING) -> QuerySet[Event]:
    """An owner's events, newest first."""
    asked = {
        "agent_kind": which.kind,
        "agent": which.agent,
        "recorded__gte": which.since,
        "recorded__lt": which.until,
    }
    meant = {name: value for name, value in asked.items() if value}
    found = Event.objects.filter(owner_id=owner_id, **meant).order_by("-sequence")
    return found.exclude(interaction__in=which.without) if which.without else found


def of(owner_id: int, limit: int = 50, *, before: int | None = None, which: Filter = EVERYTHING) -> QuerySet[Event]:
    """An owner's events, newest first; ``before`` is the sequence of the last one already shown."""
    events = matching(owner_id, which)
    if before is not None:
        events = events.filter(sequence__lt=before)
    return events[:limit]
