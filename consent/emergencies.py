"""Opening a record without leave (break-glass): off unless an organisation switched it on, short, and told at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from consent.models import Emergency
from records import sealing

LIFE: Final = timedelta(hours=1)
REASON_MIN, REASON_MAX = 10, 500
_PURPOSE: Final = "emergency"


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
    """The one that stands for this visit."""
    return Emergency.objects.filter(owner_id=owner_id, visit=visit, ended__isnull=True, ends__gt=at).first()


def stands(owner_id: int, uid: UUID, visit: UUID, *, at: datetime) -> bool:
    found = of_visit(owner_id, visit, at=at)
    return found is not None and found.pk == uid


def of(owner_id: int) -> list[Emergency]:
    """All of hers, the newest first."""
    return list(Emergency.objects.filter(owner_id=owner_id))


def reason(emergency: Emergency) -> str:
    return sealing.open_secret(emergency.owner_id, _PURPOSE, bytes(emergency.sealed_reason)).decode()


def end(owner_id: int, uid: UUID, *, at: datetime) -> bool:
    """She ends it before its time. False where there is none to end."""
    open_still = Emergency.objects.filter(owner_id=owner_id, pk=uid, ended__isnull=True, ends__gt=at)
    return bool(open_still.update(ended=at))
