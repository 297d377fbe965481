"""Opening a record without leave (break-glass): off unless an organisation switched it on, short, and told at once.

She can forbid it for all of them: a refusal in her ledger, whose grantee is the emergency itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from accounts.models import Person
from consent import chain, ledger
from consent.models import Act, Decision, Emergency, Grantee
from consent.terms import Terms
from records import sealing

LIFE: Final = timedelta(hours=1)
REASON_MIN, REASON_MAX = 10, 500
_PURPOSE: Final = "emergency"
_GRANTEE: Final = {"kind": Grantee.EMERGENCY, "grantee": "emergency"}
_SCOPES: Final = ("patient/*.rs",)


def begin(
    owner_id: int, *, visit: UUID, clinician: str, organization: str, reason: str, ends: datetime, at: datetime
) -> Emergency:
    """One for each visit, once. Whoever calls this tells her and writes it into her access log."""
    return Emergency.objects.create(
        owner_id=owner_id,
        visit=visit,
        clinician=clinician,
        organization=organization,
        sealed_reason=sealing.seal_secret(owner_id, _PURPOSE, reason.encode()),
        began=at,
        ends=min(at + LIFE, ends),
    )


def of_visit(owner_id: int, visit: UUID, *, at: datetime) -> Emergency | None:
    """The one that stands for this visit: none once she forbade it."""
    found = Emergency.objects.filter(owner_id=owner_id, visit=visit, ended__isnull=True, ends__gt=at).first()
    return found if found is not None and allowed(owner_id) else None


def stands(owner_id: int, uid: UUID, visit: UUID, *, at: datetime) -> bool:
    found = of_visit(owner_id, visit, at=at)
    return found is not None and found.pk == uid


def allowed(owner_id: int) -> bool:
    """Whether she lets it happen: as long as she said nothing, and once she said so after she had forbidden it."""
    said = Decision.objects.filter(owner_id=owner_id, grantee_kind=Grantee.EMERGENCY)
    return said.order_by("-sequence").values_list("act", flat=True).first() in (None, Act.GRANT)


@transaction.atomic
def forbid(owner: Person, *, read: ledger.Reading, at: datetime) -> bool:
    """From now on nobody opens her record so, and what is open is shut. False where she forbade it before."""
    chain.lock(owner.pk)
    if not allowed(owner.pk):
        return False
    if ledger.current(owner.pk, _GRANTEE["grantee"], kind=Grantee.EMERGENCY) is not None:
        ledger.withdraw(owner_id=owner.pk, actor=owner, at=at, **_GRANTEE)
    ledger.refuse(owner=owner, actor=owner, grantee_name="Emergency", asked=_SCOPES, read=read, at=at, **_GRANTEE)
    Emergency.objects.filter(owner=owner, ended__isnull=True, ends__gt=at).update(ended=at)
    return True


@transaction.atomic
def allow(owner: Person, *, read: ledger.Reading, at: datetime) -> bool:
    """She takes the refusal back. False where there is none."""
    chain.lock(owner.pk)
    if allowed(owner.pk):
        return False
    ledger.grant(
        owner=owner,
        actor=owner,
        grantee_name="Emergency",
        asked=_SCOPES,
        granted=_SCOPES,
        terms=Terms(),
        purpose="",
        ends=None,
        read=read,
        at=at,
        **_GRANTEE,
    )
    return True


def of(owner_id: int) -> list[Emergency]:
    """All of hers, the newest first."""
    return list(Emergency.objects.filter(owner_id=owner_id))


def reason(emergency: Emergency) -> str:
    return sealing.open_secret(emergency.owner_id, _PURPOSE, bytes(emergency.sealed_reason)).decode()


def end(owner_id: int, uid: UUID, *, at: datetime) -> bool:
    """She ends it before its time. False where there is none to end."""
    open_still = Emergency.objects.filter(owner_id=owner_id, pk=uid, ended__isnull=True, ends__gt=at)
    return bool(open_still.update(ended=at))
