"""Writing and proving the ledger: a decision is a new row, chained to the one before it (DESIGN D7)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Person
from consent.models import Act, Decision, Grantee
from consent.terms import Terms
from records import statements

_LEDGER_LOCK: Final = 3
# A refusal is on record but ends nothing: she may say no to a new question and keep what she granted before.
_DECISIVE: Final = (Act.GRANT, Act.WITHDRAW)


class NothingToWithdraw(Exception):
    """There is no standing grant for this grantee."""


def grant(
    *,
    owner: Person,
    actor: Person,
    grantee: str,
    grantee_name: str,
    asked: Sequence[str],
    granted: Sequence[str],
    terms: Terms,
    purpose: str,
    ends: datetime | None,
    text_version: str,
    language: str,
    at: datetime,
) -> Decision:
    """She lets an app read: replaces whatever stood for this app before."""
    return _decide(
        owner,
        act=Act.GRANT,
        actor=actor,
        grantee=grantee,
        grantee_name=grantee_name,
        scopes_asked=list(asked),
        scopes_granted=list(granted),
        scopes_refused=[scope for scope in asked if scope not in granted],
        terms=terms.as_json(),
        purpose=purpose,
        ends=ends,
        text_version=text_version,
        language=language,
        decided=at,
    )


def refuse(
    *,
    owner: Person,
    actor: Person,
    grantee: str,
    grantee_name: str,
    asked: Sequence[str],
    text_version: str,
    language: str,
    at: datetime,
) -> Decision:
    """She says no to everything that was asked; what she granted before stands."""
    return _decide(
        owner,
        act=Act.REFUSE,
        actor=actor,
        grantee=grantee,
        grantee_name=grantee_name,
        scopes_asked=list(asked),
        scopes_granted=[],
        scopes_refused=list(asked),
        terms=Terms().as_json(),
        purpose="",
        ends=None,
        text_version=text_version,
        language=language,
        decided=at,
    )


def withdraw(*, owner_id: int, grantee: str, actor: Person, at: datetime) -> Decision:
    """She ends what she granted. Raises NothingToWithdraw."""
    with transaction.atomic():
        _lock(owner_id)
        standing = current(owner_id, grantee)
        if standing is None:
            raise NothingToWithdraw(f"owner {owner_id} has granted nothing to {grantee}")
        return _decide(
            standing.owner,
            act=Act.WITHDRAW,
            actor=actor,
            grantee=grantee,
            grantee_name=standing.grantee_name,
            scopes_asked=[],
            scopes_granted=[],
            scopes_refused=standing.scopes_granted,
            terms=standing.terms,
            purpose=standing.purpose,
            ends=None,
            text_version=standing.text_version,
            language=standing.language,
            decided=at,
        )


def current(owner_id: int, grantee: str) -> Decision | None:
    """The grant that stands for this app, ended or not; None when there is none or it was withdrawn."""
    newest = _of_grantee(owner_id, grantee).order_by("-sequence").select_related("owner").first()
    return newest if newest is not None and newest.act == Act.GRANT else None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the gate needs of a decision that stands; ``patient_id`` is that of the owner's one Patient."""

    pk: int
    scopes_granted: list[str]
    terms: dict[str, Any]
    decided: datetime
    patient_id: str


# Asked at every read by an app: the same question as _standing, as one prepared statement.
_ASK_STANDING: Final = """
    SELECT d.id, d.scopes_granted, d.terms, d.decided, o.patient_id
    FROM consent_decision d JOIN accounts_person o ON o.id = d.owner_id
    WHERE d.id = %s AND d.owner_id = %s AND d.grantee_kind = 'app' AND d.grantee = %s AND d.act = 'grant'
    AND (d.ends IS NULL OR d.ends > %s) AND NOT EXISTS (
        SELECT 1 FROM consent_decision n WHERE n.owner_id = d.owner_id AND n.grantee_kind = d.grantee_kind
        AND n.grantee = d.grantee AND n.act IN ('grant', 'withdraw') AND n.sequence > d.sequence)
"""


def standing(decision_id: int, *, owner_id: int, grantee: str, at: datetime) -> Standing | None:
    """This very decision, if it is a grant, has not ended and nothing newer was decided for the same app."""
    rows = statements.read(_ASK_STANDING, [decision_id, owner_id, grantee, at])
    return Standing(*rows[0]) if rows else None


def grants_to(grantee: str, *, at: datetime) -> QuerySet[Decision]:
    """The grants to this app that stand now, one per owner with an open account, by owner."""
    return (
        _standing(at=at).filter(grantee_kind=Grantee.APP, grantee=grantee, owner__is_active=True).order_by("owner_id")
    )


def verify(owner_id: int) -> list[str]:
    """What is wrong with an owner's ledger, in words; empty when every decision is as it was written."""
    wrong, previous, expected = [], b"", 1
    for decision in Decision.objects.filter(owner_id=owner_id).order_by("sequence"):
        if decision.sequence != expected:
            wrong.append(f"a decision before {decision.sequence} is missing")
        elif bytes(decision.previous_hash) != previous:
            wrong.append(f"decision {decision.sequence} does not follow the one before it")
        if bytes(decision.hash) != _hash(decision):
            wrong.append(f"decision {decision.sequence} was altered")
        previous, expected = bytes(decision.hash), decision.sequence + 1
    return wrong


def _of_grantee(owner_id: int, grantee: str) -> QuerySet[Decision]:
    return Decision.objects.filter(owner_id=owner_id, grantee_kind=Grantee.APP, grantee=grantee, act__in=_DECISIVE)


def _standing(*, at: datetime) -> QuerySet[Decision]:
    """Grants that have not ended and that no newer decision for the same owner and app replaced or withdrew."""
    newer = Decision.objects.filter(
        owner_id=OuterRef("owner_id"),
        grantee_kind=OuterRef("grantee_kind"),
        grantee=OuterRef("grantee"),
        act__in=_DECISIVE,
        sequence__gt=OuterRef("sequence"),
    )
    return Decision.objects.filter(Q(ends__isnull=True) | Q(ends__gt=at), ~Exists(newer), act=Act.GRANT)


@transaction.atomic
def _decide(owner: Person, **said: Any) -> Decision:
    """Appends under the lock of the owner's ledger: two decisions at once become two rows of one chain."""
    _lock(owner.pk)
    last = Decision.objects.filter(owner=owner).order_by("-sequence").first()
    decision = Decision(
        owner=owner,
        grantee_kind=Grantee.APP,
        sequence=last.sequence + 1 if last else 1,
        previous_hash=bytes(last.hash) if last else b"",
        **said,
    )
    decision.hash = _hash(decision)
    decision.save(force_insert=True)
    return decision


def _lock(owner_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LEDGER_LOCK, owner_id])


def _hash(decision: Decision) -> bytes:
    said = [
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
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(bytes(decision.previous_hash) + text.encode()).digest()


def _instant(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else None
