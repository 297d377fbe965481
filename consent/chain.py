"""Decisions as a chain: each row holds the hash of the one before, so that none can be altered, added or left out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from django.db import connection, transaction

from accounts.models import Person
from consent import texts
from consent.models import Act, Decision, HiddenRecord

_LEDGER_LOCK: Final = 3


@transaction.atomic
def append(owner: Person, **said: Any) -> Decision:
    """Appends under the lock of the owner's ledger: two decisions at once become two rows of one chain."""
    lock(owner.pk)
    last = Decision.objects.filter(owner=owner).order_by("-sequence").first()
    decision = Decision(
        owner=owner,
        sequence=last.sequence + 1 if last else 1,
        previous_hash=bytes(last.hash) if last else b"",
        **said,
    )
    decision.hash = _hash(decision)
    decision.save(force_insert=True)
    return decision


def lock(owner_id: int) -> None:
    """Until the transaction ends, nobody else decides in this owner's ledger."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LEDGER_LOCK, owner_id])


def verify(owner_id: int) -> list[str]:
    """What is wrong with an owner's ledger, in words; empty when every decision is as it was written."""
    wrong, previous, expected = [], b"", 1
    hidden: set[tuple[str, str, str]] = set()
    for decision in Decision.objects.filter(owner_id=owner_id).order_by("sequence"):
        if decision.sequence != expected:
            wrong.append(f"a decision before {decision.sequence} is missing")
        elif bytes(decision.previous_hash) != previous:
            wrong.append(f"decision {decision.sequence} does not follow the one before it")
        if bytes(decision.hash) != _hash(decision):
            wrong.append(f"decision {decision.sequence} was altered")
        if decision.text_hash and decision.text_hash != texts.digest(decision.text_version, decision.language):
            wrong.append(f"the text that decision {decision.sequence} names is not the one that is kept")
        if decision.record:
            one = (decision.grantee_kind, decision.grantee, decision.record)
            (hidden.add if decision.act == Act.HIDE else hidden.discard)(one)
        previous, expected = bytes(decision.hash), decision.sequence + 1
    kept = set(HiddenRecord.objects.filter(owner_id=owner_id).values_list("grantee_kind", "grantee", "record"))
    wrong += [f"{record} is not kept hidden as she decided" for _, _, record in sorted(hidden - kept)]
    wrong += [f"{record} is hidden without a decision" for _, _, record in sorted(kept - hidden)]
    return wrong


def _hash(decision: Decision) -> bytes:
    said: list[Any] = [
        decision.owner_id,
        decision.sequence,
        str(decision.uid),
        str(decision.act),
        str(decision.grantee_kind),
        decision.grantee,
        decision.grantee_name,
        decision.scopes_asked,
        decision.scopes_granted,
        decision.scopes_refused,
        decision.terms,
        decision.purpose,
        _instant(decision.ends),
        decision.text_version,
        decision.language,
        decision.actor_id,
        _instant(decision.decided),
    ]
    # Decisions from before these existed say nothing of them, and their hash stays what it was.
    later = {"text_hash": decision.text_hash, "shown": decision.shown, "record": decision.record}
    said += [{name: value for name, value in later.items() if value}] if any(later.values()) else []
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(bytes(decision.previous_hash) + text.encode()).digest()


def _instant(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else None
