"""Stop and delete: everything that one hospital brought leaves her record, and it brings nothing more.

The records of a connection are those of its hospital. As with every deletion they are hidden and keep their sealed
versions; what is destroyed for good is what she erases (custody.erasures).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from celery import current_app
from django.db import transaction
from django.utils import timezone

from audit import events
from audit.models import Action, Agent
from records import patient, store, twins
from sync import connections, pieces
from sync.models import Connection, PageEntry, Pointer, RunStep

REMOVE: Final = "sync.tasks.remove"
BATCH: Final = 500
AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Preview:
    """What would go. ``total`` records, of which ``elsewhere`` have a twin that another source brought and that stays
    (records.twins says what that can mean). ``shared``: another account of hers at the same hospital brings records
    as well, and whose is whose cannot be told.
    """

    total: int
    elsewhere: int
    shared: bool


class Shared(Exception):
    """Two connections of hers bring records of one hospital: neither can take its own away."""


def preview(connection: Connection) -> Preview:
    """What "stop and delete" would take away now."""
    owner_id, source_id = connection.owner_id, connection.hospital.source_id
    total = sum(store.held(owner_id=owner_id, source_id=source_id).values())
    elsewhere = twins.count(owner_id=owner_id, source_id=source_id) if total else 0
    return Preview(total, elsewhere, _is_shared(connection))


def _is_shared(connection: Connection) -> bool:
    beside = Connection.objects.filter(owner_id=connection.owner_id, hospital_id=connection.hospital_id)
    return beside.exclude(pk=connection.pk).exists()


@transaction.atomic
def ask(connection: Connection, *, at: datetime, origin: str = "") -> None:
    """Stop the updates and have what came deleted. Raises Shared."""
    if _is_shared(connection):
        raise Shared(str(connection.pk))
    Connection.objects.filter(pk=connection.pk).update(removal=at)
    connections.stop(connection, at=at, origin=origin)
    ring(connection.pk)


def ring(connection_id: int) -> None:
    """Ring once this transaction has committed; ``ring_again`` finds what no worker heard."""
    transaction.on_commit(partial(current_app.send_task, REMOVE, args=[connection_id]), robust=True)


def ring_again() -> int:
    """Ring for removals that have not ended."""
    waiting = list(
        Connection.objects.filter(removal__isnull=False).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]
    )
    for connection_id in waiting:
        ring(connection_id)
    return len(waiting)


def perform(connection_id: int) -> int:
    """Take away, some at a time, until nothing is left; how many went. Twice, or two at once, take nothing more."""
    connection = Connection.objects.select_related("hospital__source", "owner").get(pk=connection_id)
    if connection.removal is None:
        return 0
    gone = 0
    while taken := _take_some(connection):
        gone += taken
    patient.compose(connection.owner_id, at=timezone.now())
    _forget(connection)
    return gone


@transaction.atomic
def _take_some(connection: Connection) -> int:
    source = connection.hospital.source
    names = store.names(owner_id=connection.owner_id, source_id=source.pk, limit=BATCH)
    if not names:
        return 0
    at = timezone.now()
    hidden = store.delete(owner_id=connection.owner_id, source_id=source.pk, references=names, at=at)
    by_type: dict[str, int] = {}
    for resource_type, _ in names:
        by_type[resource_type] = by_type.get(resource_type, 0) + 1
    events.append(
        owner_id=connection.owner_id,
        action=Action.DELETE,
        interaction="remove",
        agent_kind=Agent.OWNER,
        agent=str(connection.owner.subject),
        agent_name=connection.owner.name,
        detail={"types": by_type, "source": source.url[:120], "name": connection.hospital.name, "deleted": hidden},
    )
    return len(names)


@transaction.atomic
def _forget(connection: Connection) -> None:
    """The ledger keeps its figures; what it knew of single records goes, so that connecting again begins anew."""
    Pointer.objects.filter(connection=connection).delete()
    pieces.forget(connection)
    steps = RunStep.objects.filter(run__owner_id=connection.owner_id, run__connection=connection)
    PageEntry.objects.filter(step__in=steps, listing__isnull=False).update(listing=None)
    steps.filter(sealed_next__isnull=False).update(sealed_next=None)
    Connection.objects.filter(pk=connection.pk, removal=connection.removal).update(
        removal=None, last_success=None, last_new_data=None
    )
