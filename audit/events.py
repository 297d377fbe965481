"""Events: appended in one round trip, durable when the call returns (or when the transaction it is in commits)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from django.db import connection
from django.db.models import QuerySet
from psycopg import Cursor

from audit.models import Action, Agent, Event, Outcome

NOBODY: Final = 0
"""The chain of what concerns no one person: a backend service's tokens and orders. Nobody's id is 0."""

_COLUMNS = "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)"


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
    # A prepared statement: every read of a record appends one.
    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(
            f"SELECT audit_append{_COLUMNS}",
            [
                owner_id,
                str(action),
                interaction[:32],
                str(outcome),
                str(agent_kind),
                agent[:120],
                agent_name[:200],
                consent_id,
                origin[:64],
                json.dumps(detail or {}),
            ],
        )


def of(owner_id: int, limit: int = 50, *, before: int | None = None) -> QuerySet[Event]:
    """An owner's events, newest first; ``before`` is the sequence of the last one already shown."""
    events = Event.objects.filter(owner_id=owner_id).order_by("-sequence")
    if before is not None:
        events = events.filter(sequence__lt=before)
    return events[:limit]


def verify(owner_id: int) -> list[str]:
    """What is wrong with an owner's chain, in words; empty when every event is as it was written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sequence, hash = audit_event_hash(e), sequence = 1 + coalesce(lag(sequence) OVER w, 0),"
            " previous_hash = coalesce(lag(hash) OVER w, ''::bytea) FROM audit_event e WHERE owner_id = %s"
            " WINDOW w AS (ORDER BY sequence) ORDER BY sequence",
            [owner_id],
        )
        wrong = []
        for sequence, intact, consecutive, chained in cursor.fetchall():
            if not intact:
                wrong.append(f"event {sequence} was altered")
            if not consecutive:
                wrong.append(f"an event before {sequence} is missing")
            elif not chained:
                wrong.append(f"event {sequence} does not follow the one before it")
        return wrong
