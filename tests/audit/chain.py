"""Owners nobody else's test has, events of theirs, and what a tamperer with every right in the database can do."""

from __future__ import annotations

from itertools import count

from django.db import connection

from audit import events
from audit.models import Action, Agent

_owners = count(900_000)
GUARDS = {
    "audit_event": ["audit_event_append_only"],
    "audit_head": ["audit_head_goes_forward", "audit_head_stays"],
    "audit_checkpoint": ["audit_checkpoint_append_only"],
}


def owner(*, events: int = 0) -> int:
    """Somebody new, with so many events."""
    number = next(_owners)
    for _ in range(events):
        append(number)
    return number


def append(owner_id: int, **more) -> None:
    events.append(
        owner_id=owner_id,
        **{
            "action": Action.READ,
            "interaction": "search",
            "agent_kind": Agent.APP,
            "agent": "client",
            "agent_name": "An app",
            "consent_id": 7,
            "origin": "127.0.0.1",
            "detail": {"types": {"Observation": 50}},
            **more,
        },
    )


def tamper(statement: str, *values) -> None:
    """Runs it past every trigger."""
    with connection.cursor() as cursor:
        for word in ("DISABLE", "ENABLE"):
            for table, triggers in GUARDS.items():
                for trigger in triggers:
                    cursor.execute(f"ALTER TABLE {table} {word} TRIGGER {trigger}")
            if word == "DISABLE":
                cursor.execute(statement, values)
