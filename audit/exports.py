"""Events for a security log outside (a SIEM): each at least once, in the order of its chain, nothing clinical in it.

What leaves: when, whose record by number, who by subject or client_id, from where, what was done and how it ended, how
many records, and the hash that anchors the chain. No person's name, no kind of record, no code, no value. A head says
how far its chain was told, and moves on only after the lines were taken: a run that is cut off tells some again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import Any, Final, Protocol

from django.db import connection

from audit import events
from audit.models import Agent, Event, Head, Outcome

AT_ONCE: Final = 500
_NAMED: Final = frozenset({Agent.APP, Agent.SOURCE, Agent.SYSTEM})
"""Whose names are told: of programs and institutions, never of people."""
_FACILITY: Final = 13
"""RFC 5424 6.2.1: log audit."""
_SEVERITY: Final = {Outcome.SUCCESS: 6, Outcome.REFUSED: 4, Outcome.FAILED: 3}
_SOFTWARE: Final = "tributary"
_BEHIND: Final = (
    "SELECT owner_id, told FROM audit_head WHERE sequence > told AND owner_id > %s ORDER BY owner_id LIMIT %s"
)

_BEFORE_ALL: Final = -(2**31) - 1
"""Chains of apps that speak for themselves are numbered below 0."""


class Destination(Protocol):
    """Takes events; when ``take`` returns they are as safe as the destination can make them. Raises OSError."""

    def take(self, events: list[Event]) -> None: ...


def tell(destination: Destination) -> int:
    """Hands over every event not told yet; how many. Raises OSError: what was taken until then is noted."""
    total = 0
    for owner_id, told in _behind():
        for chunk in _chunks(owner_id, told):
            events.settle()  # what is told outside must not be missing here after a crash
            destination.take(chunk)
            Head.objects.filter(owner_id=owner_id, told__lt=chunk[-1].sequence).update(told=chunk[-1].sequence)
            total += len(chunk)
    return total


def _behind() -> Iterator[tuple[int, int]]:
    """The chains that grew since they were told; each once."""
    after = _BEFORE_ALL
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_BEHIND, [after, AT_ONCE])
            found = cursor.fetchall()
        yield from found
        if len(found) < AT_ONCE:
            return
        after = found[-1][0]


def _chunks(owner_id: int, told: int) -> Iterator[list[Event]]:
    while chunk := list(Event.objects.filter(owner_id=owner_id, sequence__gt=told).order_by("sequence")[:AT_ONCE]):
        yield chunk
        told = chunk[-1].sequence


def line(event: Event) -> str:
    """One event as one line of JSON."""
    detail = event.detail if isinstance(event.detail, dict) else {}
    said: dict[str, Any] = {
        "time": _instant(event),
        "owner": event.owner_id,
        "sequence": event.sequence,
        "action": event.action,
        "interaction": event.interaction,
        "outcome": event.outcome,
        "agent_kind": event.agent_kind,
        "agent": event.agent,
        "agent_name": event.agent_name if event.agent_kind in _NAMED else "",
        "consent": event.consent_id,
        "origin": event.origin,
        "records": records(detail),
        "status": detail.get("status"),
        "reason": detail.get("reason"),
        "previous": bytes(event.previous_hash).hex(),
        "hash": bytes(event.hash).hex(),
    }
    return json.dumps({name: value for name, value in said.items() if value not in (None, "")}, ensure_ascii=True)


def records(detail: dict[str, Any]) -> int | None:
    """How many records the event is about, whatever their kinds."""
    types = detail.get("types")
    return sum(types.values()) if isinstance(types, dict) else None


def message(event: Event, *, host: str) -> bytes:
    """One event as one syslog message (RFC 5424 6); what it says is the line of JSON."""
    priority = _FACILITY * 8 + _SEVERITY.get(Outcome(event.outcome), 6)
    # MSGID is printable ASCII (RFC 5424 6).
    what = "".join(sign for sign in event.interaction if "!" <= sign <= "~")[:32] or "-"
    return f"<{priority}>1 {_instant(event)} {host or '-'} {_SOFTWARE} - {what} - {line(event)}".encode()


def anchors(lines: Iterable[str]) -> dict[int, dict[int, bytes]]:
    """From lines that left the house, plain or as syslog messages: hashes by owner and sequence.

    Raises ValueError for a line that is none of ours.
    """
    found: dict[int, dict[int, bytes]] = {}
    for text in lines:
        if text.strip():
            said = json.loads(text[text.index("{") :])
            found.setdefault(int(said["owner"]), {})[int(said["sequence"])] = bytes.fromhex(said["hash"])
    return found


def _instant(event: Event) -> str:
    return event.recorded.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
