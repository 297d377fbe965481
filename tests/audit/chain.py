"""Owners nobody else's test has, events of theirs, and what a tamperer with every right in the database can do."""

from __future__ import annotations

from itertools import count

from django.db import connection

from audit import events
from audit.models import Action, Agent

_owners = count(900_000)
GUARDED = ("audit_event", "audit_head", "audit_checkpoint")


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
            for table in GUARDED:
                cursor.execute(f"ALTER TABLE {table} {word} TRIGGER USER")
            if word == "DISABLE":
                cursor.execute(statement, values)
