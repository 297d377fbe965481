"""An export's life: begun, found again by the client that asked, asked how far it is, cancelled, swept out."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from rest_framework import exceptions

from accounts.models import Person
from consent import gate
from fhirapi.bulk import doorbell, files
from fhirapi.bulk.orders import Order
from fhirapi.errors import UnknownResource
from fhirapi.models import OPEN_STATES, Export, ExportState
from gateway.bearer import BackendBearer
from records.query import InvalidSearch

AT_ONCE: Final = 5
"""Exports of one client that may wait or run at the same time."""
HELD: Final = 50
"""Exports of one client whose files lie here at the same time: more are taken when some were deleted or expired."""
POLL_PAUSE: Final = timedelta(seconds=1)
RETRY_SECONDS: Final = 2
AT_ONCE_WAIT: Final = 60
# A worker that was cut off may still leave a file behind: the folder is looked at again until the row goes.
KEPT: Final = timedelta(hours=1)


class TooManyRequests(exceptions.Throttled):
    """Too many exports at once, or asked too often how far one is."""


class ExportFailed(exceptions.APIException):
    """It was tried several times and got no further; the client may ask for it again."""


@transaction.atomic
def begin(order: Order, *, service: BackendBearer, request: str, at: datetime) -> Export:
    """Raises InvalidSearch for a patient who is not the client's, TooManyRequests."""
    own = Export.objects.filter(application_id=service.application_id)
    held = own.filter(Q(expires__isnull=True) | Q(expires__gt=at))
    if own.filter(state__in=OPEN_STATES).count() >= AT_ONCE or held.count() >= HELD:
        raise TooManyRequests(AT_ONCE_WAIT)
    export = Export.objects.create(
        application_id=service.application_id,
        request=request,
        scopes=[str(scope) for scope in service.scopes],
        types=order.types,
        filters=order.filters,
        people=_people(order, service, at) if order.patients else None,
        since=order.since,
        # What the client will say as _since next time; its precision is that of meta.lastUpdated.
        kicked=at.replace(microsecond=at.microsecond // 1000 * 1000),
    )
    doorbell.ring(export.pk, at=at)
    return export


def _people(order: Order, service: BackendBearer, at: datetime) -> list[int]:
    """The owner ids of the patients named; one unknown and one not the client's are the same error."""
    wanted = set(order.patients)
    named = dict(Person.objects.filter(patient_id__in=wanted).values_list("pk", "patient_id"))
    lets = gate.cohort(service.client_id, at)
    if {patient for owner, patient in named.items() if owner in lets} != wanted:
        raise InvalidSearch("patient", "names somebody whose record this client may not export")
    return sorted(named)


def find(uid: uuid.UUID, *, service: BackendBearer, at: datetime) -> Export:
    """Raises UnknownResource for one that never was, is another client's, was cancelled or has expired."""
    export: Export | None = (
        Export.objects.select_related("application").filter(uid=uid, application_id=service.application_id).first()
    )
    if export is None or export.state == ExportState.CANCELLED or (export.expires and export.expires <= at):
        raise UnknownResource
    return export


def note_poll(export: Export, *, at: datetime) -> None:
    """Raises TooManyRequests for a client that asks again sooner than a second after it asked."""
    in_time = Q(polled__isnull=True) | Q(polled__lte=at - POLL_PAUSE)
    if not Export.objects.filter(in_time, pk=export.pk).update(polled=at):
        raise TooManyRequests(RETRY_SECONDS)


@transaction.atomic
def cancel(export: Export, *, at: datetime) -> None:
    """Ends it for good: running or done, its files are gone for the client at once and from storage soon."""
    locked = Export.objects.select_for_update().get(pk=export.pk)
    locked.state, locked.claim = ExportState.CANCELLED, None
    locked.finished, locked.expires = locked.finished or at, at
    locked.save(update_fields=["state", "claim", "finished", "expires"])
    doorbell.ring_sweep()


def sweep(*, at: datetime) -> int:
    """Removes the files of exports that nobody can fetch any more, and an hour later what is left of the exports."""
    swept = 0
    for export in Export.objects.over(at=at).iterator():
        files.remove_all(export)
        if export.expires is not None and export.expires <= at - KEPT:
            export.delete()
        swept += 1
    return swept
