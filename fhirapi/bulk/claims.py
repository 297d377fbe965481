"""A worker's hold on an export."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from fhirapi.models import Export, ExportState
from sync import leases


class Claim(leases.Lease[Export]):
    """One call's hold on one export."""

    def __init__(self, export: Export, key: uuid.UUID) -> None:
        super().__init__(Export.objects.all(), export.pk, key)
        self.export = export

    def advanced(self, **values: object) -> None:
        """It got on. Raises ClaimLost."""
        self.update(heartbeat=timezone.now(), attempts=0, **values)

    def finish(self, state: ExportState, *, at: datetime) -> None:
        """Raises ClaimLost."""
        self.update(claim=None, state=state, finished=at, expires=at + settings.EXPORT_LIFE)


def take(export_id: int, *, at: datetime) -> Claim | None:
    """Take hold of an export that is free; None if it is not."""
    free = Export.objects.filter(pk=export_id).claimable(at=at, lease=settings.SYNC_LEASE)
    key = leases.take(free, at=at, state=ExportState.RUNNING)
    if key is None:
        return None
    return Claim(Export.objects.select_related("application").get(pk=export_id), key)
