"""Feeds: organisations that export the records of whole groups to us, and when the next shipment of each is ordered.

A group holds many people. What is ordered follows from who of ours is linked there (sync.recipients): nobody, and
nothing is ordered; somebody new, and everything is asked for instead of what changed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from records import sealing
from sync import recipients
from sync.feed_models import OPEN
from sync.models import Connection, Feed, Hospital, Shipment

PERFORM: Final = "sync.tasks.perform_shipment"
SCOPES: Final = "system/*.rs"
PATIENCE: Final = timedelta(seconds=60)
WHOLE_EVERY: Final = timedelta(days=30)
"""What an organisation forgot to count as changed comes with everything, so often."""
AT_ONCE: Final = 100


@transaction.atomic
def enter(
    hospital: Hospital,
    *,
    client_id: str,
    private_jwk: str,
    group: str = "",
    types: str = "",
    scopes: str = SCOPES,
    by_patient: bool = False,
    every: timedelta,
    at: datetime,
) -> Feed:
    """Enter a hospital's feed, or bring it up to date: its next shipment is ordered at once."""
    sealed = sealing.seal_site_secret(purpose(hospital), private_jwk.encode())
    changing = {
        "client_id": client_id,
        "sealed_key": sealed,
        "group": group,
        "types": types,
        "scopes": scopes,
        "by_patient": by_patient,
        "every": every,
        "active": True,
        "due": at,
    }
    feed, _ = Feed.objects.update_or_create(hospital=hospital, defaults=changing)
    return feed


@transaction.atomic
def stop(hospital: Hospital) -> None:
    """Order nothing more; a shipment under way is read to its end."""
    Feed.objects.filter(hospital=hospital).update(active=False, due=None)


def purpose(hospital: Hospital) -> str:
    return f"feed|{hospital.fhir_base}"


def start_due(*, at: datetime) -> int:
    """Order from every feed whose time has come and that has anybody to bring something to; how many."""
    due = Feed.objects.filter(active=True, due__lte=at).select_related("hospital").order_by("due")
    begun = [begin(feed, at=at) for feed in due[:AT_ONCE]]
    return sum(each is not None for each in begun)


@transaction.atomic
def begin(feed: Feed, *, at: datetime) -> Shipment | None:
    """Queue a shipment; None while one is under way, or where nobody is linked. Twice at once begins one."""
    feed = Feed.objects.select_for_update(no_key=True).get(pk=feed.pk)
    Feed.objects.filter(pk=feed.pk).update(due=at + feed.every)
    linked = recipients.linked(feed.hospital)
    if Shipment.objects.filter(feed=feed, state__in=OPEN).exists() or not linked.exists():
        return None
    everything = not feed.since or feed.whole is None or feed.whole < at - WHOLE_EVERY
    since = "" if everything or linked.exclude(fed=feed.since).exists() else feed.since
    shipment = Shipment.objects.create(feed=feed, since=since, queued=at, due=at)
    # Who leaves before the end loses this mark (sync.connections), and with it the end's word that she has it all.
    linked.update(fed=mark(shipment))
    ring(shipment.pk, at=at)
    return shipment


@transaction.atomic
def begin_anew(shipment: Shipment, *, at: datetime) -> Shipment:
    """Order again what was gone before it was read, for the same people; the old one has ended."""
    following = Shipment.objects.create(
        feed_id=shipment.feed_id, since=shipment.since, anew=shipment.anew + 1, queued=at, due=at
    )
    Connection.objects.filter(hospital_id=shipment.feed.hospital_id, fed=mark(shipment)).update(fed=mark(following))
    ring(following.pk, at=at)
    return following


@transaction.atomic
def note_complete(shipment: Shipment, *, at: datetime) -> None:
    """From now on only what changed since is asked for, as long as nobody new is linked."""
    Feed.objects.filter(pk=shipment.feed_id).update(
        since=shipment.transaction_time, whole=F("whole") if shipment.since else at
    )
    marked = Connection.objects.filter(hospital_id=shipment.feed.hospital_id, fed=mark(shipment))
    marked.update(fed=shipment.transaction_time)


def mark(shipment: Shipment) -> str:
    return f"#{shipment.pk}"


def ring(shipment_id: int, *, at: datetime) -> None:
    """Ring once this transaction has committed; ``ring_again`` finds what no worker heard."""
    Shipment.objects.filter(pk=shipment_id).update(rung=at)
    transaction.on_commit(partial(current_app.send_task, PERFORM, args=[shipment_id]), robust=True)


def ring_again(*, at: datetime) -> int:
    """Ring for shipments that wait with nobody on them."""
    unanswered = Q(rung__isnull=True) | Q(rung__lt=at - PATIENCE) | Q(heartbeat__gte=F("rung")) | Q(due__gt=F("rung"))
    waiting = Shipment.objects.claimable(at=at, lease=settings.SYNC_LEASE).filter(unanswered)
    shipment_ids = list(waiting.order_by("due").values_list("pk", flat=True)[:AT_ONCE])
    for shipment_id in shipment_ids:
        ring(shipment_id, at=at)
    return len(shipment_ids)
