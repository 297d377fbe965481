"""Checkpoints: now and then the heads of the chains are sealed with the site's key, which no database holds.

Whoever rewrites a chain in the database, hash by hash, cannot make the seals again. What a checkpoint cannot show is
a chain cut back to before its last one together with that checkpoint and all after it: for that the lines that left
the house (exports.py) are held against the chains.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils.crypto import constant_time_compare, salted_hmac

from audit.models import Checkpoint, Head

AT_ONCE: Final = 500
"""Heads sealed in one transaction: who appends waits for no longer than that takes."""
_SALT: Final = "audit.checkpoints"
_LOCK: Final = 2
# A chain that is being appended to right now is sealed next time: we hold other heads, and would wait for its writer.
_DUE: Final = (
    "SELECT owner_id, sequence, hash FROM audit_head WHERE sequence > sealed ORDER BY owner_id LIMIT %s"
    " FOR NO KEY UPDATE SKIP LOCKED"
)


def take(*, at: datetime) -> int:
    """Seals every chain that grew since its last checkpoint; how many did.

    One that is being appended to at this moment waits for the next time.
    """
    total = 0
    while sealed := _take_some(at):
        total += sealed
    return total


@transaction.atomic
def _take_some(at: datetime) -> int:
    with connection.cursor() as cursor:
        # One writer at a time, because the checkpoints of all owners are one chain.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [_LOCK])
        cursor.execute(_DUE, [AT_ONCE])
        due = cursor.fetchall()
    last = Checkpoint.objects.order_by("number").last()
    before, previous = (last.number, bytes(last.seal)) if last else (0, b"")
    made = []
    for number, (owner_id, sequence, head) in enumerate(due, start=before + 1):
        one = Checkpoint(
            number=number, owner_id=owner_id, sequence=sequence, hash=bytes(head), taken=at, previous_seal=previous
        )
        one.seal = previous = _seal(one, settings.SECRET_KEY)
        made.append(one)
    Checkpoint.objects.bulk_create(made)
    Head.objects.filter(owner_id__in=[one.owner_id for one in made]).update(sealed=F("sequence"))
    return len(made)


def faults(owner_id: int | None = None) -> Iterator[str]:
    """What is wrong with the checkpoints themselves: of one owner, or of all, where a missing one shows as well."""
    found = Checkpoint.objects.order_by("number")
    if owner_id is not None:
        found = found.filter(owner_id=owner_id)
    number, previous = 0, b""
    for one in found.iterator():
        if not _is_sealed(one):
            yield f"checkpoint {one.number} was altered"
        if owner_id is None and one.number != number + 1:
            yield f"a checkpoint before {one.number} is missing"
        elif owner_id is None and bytes(one.previous_seal) != previous:
            yield f"checkpoint {one.number} does not follow the one before it"
        number, previous = one.number, bytes(one.seal)


def of(owner_id: int) -> dict[int, bytes]:
    """The hash each sealed event of this owner had, by its sequence; checkpoints that were altered say nothing."""
    return {one.sequence: bytes(one.hash) for one in Checkpoint.objects.filter(owner_id=owner_id) if _is_sealed(one)}


def owners() -> set[int]:
    return set(Checkpoint.objects.values_list("owner_id", flat=True).distinct())


def _is_sealed(one: Checkpoint) -> bool:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return any(constant_time_compare(bytes(one.seal), _seal(one, key)) for key in keys)


def _seal(one: Checkpoint, key: str) -> bytes:
    said = (
        f"{one.number}|{one.owner_id}|{one.sequence}|{bytes(one.hash).hex()}|{one.taken.isoformat()}"
        f"|{bytes(one.previous_seal).hex()}"
    )
    return salted_hmac(_SALT, said, secret=key, algorithm="sha256").digest()
