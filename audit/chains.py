"""Chains: whether every event of an owner is as it was written, none is missing, and none was taken from the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from django.db import connection

from audit import checkpoints, events
from audit.models import Event, Head

_WALK: Final = (
    "SELECT sequence, hash, hash = audit_event_hash(e), sequence = 1 + coalesce(lag(sequence) OVER w, 0),"
    " previous_hash = coalesce(lag(hash) OVER w, ''::bytea) FROM audit_event e WHERE owner_id = %s"
    " WINDOW w AS (ORDER BY sequence) ORDER BY sequence"
)


def owners() -> list[int]:
    """Everyone of whom events, a head or a checkpoint tells."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT owner_id FROM audit_event")
        named = {owner_id for (owner_id,) in cursor.fetchall()}
    named |= set(Head.objects.values_list("owner_id", flat=True))
    return sorted(named | checkpoints.owners())


def verify(owner_id: int, *, anchors: Mapping[int, bytes] | None = None) -> list[str]:
    """What is wrong with an owner's chain, in words, the first event first; empty when all is as it was written.

    ``anchors``: the hash that events of this owner had when they were written down elsewhere, by sequence.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WALK, [owner_id])
        walked = cursor.fetchall()
    if not walked and _was_erased(owner_id):
        return []
    hashes = {sequence: bytes(found) for sequence, found, *_ in walked}
    wrong = [
        fault
        for sequence, _, intact, consecutive, chained in walked
        for fault in _of_event(sequence, intact=intact, consecutive=consecutive, chained=chained)
    ]
    wrong += _at_the_end(owner_id, hashes)
    wrong += _unlike(hashes, checkpoints.of(owner_id), "its checkpoint")
    wrong += _unlike(hashes, anchors or {}, "what was exported")
    return wrong


def _was_erased(owner_id: int) -> bool:
    """Whether the chain of nobody in particular says that this person, and with her this chain, was erased."""
    told = Event.objects.filter(owner_id=events.NOBODY, interaction=events.ERASE, detail__owner=owner_id)
    return told.exists() and not Head.objects.filter(owner_id=owner_id).exists()


def _of_event(sequence: int, *, intact: bool, consecutive: bool, chained: bool) -> Iterator[str]:
    if not intact:
        yield f"event {sequence} was altered"
    if not consecutive:
        yield f"an event before {sequence} is missing"
    elif not chained:
        yield f"event {sequence} does not follow the one before it"


def _at_the_end(owner_id: int, hashes: Mapping[int, bytes]) -> list[str]:
    """Held against the head, which every event moved."""
    last = max(hashes, default=0)
    head = Head.objects.filter(owner_id=owner_id).first()
    if head is None:
        return ["the head of the chain is missing"] if last else []
    if head.sequence > last:
        return [f"{_events(last + 1, head.sequence)} missing at the end"]
    if head.sequence < last or bytes(head.hash) != hashes[last]:
        return [f"event {last} is not the one that the head of the chain names"]
    return []


def _unlike(hashes: Mapping[int, bytes], known: Mapping[int, bytes], whose: str) -> list[str]:
    """Each event that is gone or other than it was known to be."""
    return [
        f"event {sequence} is {'not that of' if sequence in hashes else 'missing, but stands in'} {whose}"
        for sequence in sorted(known)
        if hashes.get(sequence) != known[sequence]
    ]


def _events(first: int, last: int) -> str:
    return f"event {first} is" if first == last else f"events {first} to {last} are"
