"""A worker's hold on an export: taken by one conditional update, kept alive by heartbeats, lost by silence."""

from __future__ import annotations

import time
import uuid
from datetime import datetime

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from fhirapi.models import Export, ExportState


class ClaimLost(Exception):
    """Another worker holds the export, or it was cancelled: whoever finds this out keeps nothing more."""


class Claim:
    """One call's hold on one export."""

    def __init__(self, export: Export, key: uuid.UUID) -> None:
        self.export = export
        self._key = key
        self._quiet = settings.SYNC_LEASE.total_seconds() / 4
        self._beaten = time.monotonic()

    def pulse(self) -> None:
        """A sign of life, written at most four times a lease. Raises ClaimLost."""
        if time.monotonic() - self._beaten >= self._quiet:
            self._update(heartbeat=timezone.now())

    def lock(self) -> Export:
        """The export, locked until the transaction ends, still ours: closes the race of a piece that a worker thought
        dead writes late. Raises ClaimLost."""
        export = Export.objects.select_for_update().filter(pk=self.export.pk, claim=self._key).first()
        if export is None:
            raise ClaimLost(f"export {self.export.pk}")
        return export

    def advanced(self, **values: object) -> None:
        """It got on. Raises ClaimLost."""
        self._update(heartbeat=timezone.now(), attempts=0, **values)

    def finish(self, state: ExportState, *, at: datetime) -> None:
        """Raises ClaimLost."""
        self._update(claim=None, state=state, finished=at, expires=at + settings.EXPORT_LIFE)

    def _update(self, **values: object) -> None:
        if not Export.objects.filter(pk=self.export.pk, claim=self._key).update(**values):
            raise ClaimLost(f"export {self.export.pk}")
        self._beaten = time.monotonic()


def take(export_id: int, *, at: datetime) -> Claim | None:
    """Take hold of an export that is free; None if it is not. Two at once: exactly one gets it."""
    key = uuid.uuid4()
    free = Export.objects.filter(pk=export_id).claimable(at=at, lease=settings.SYNC_LEASE)
    if not free.update(claim=key, heartbeat=at, state=ExportState.RUNNING, attempts=F("attempts") + 1):
        return None
    return Claim(Export.objects.select_related("application").get(pk=export_id), key)
