"""Webhooks: what an app asked to be told, told once each, signed, until it says that it heard.

Nothing rings for them inside the flows that matter: ``look`` finds what there is to tell in what those flows have
committed (an authorization that has ended, counters that have moved), so a message is neither lost with a crash nor
sent for what was rolled back. New data is counted through the gate as the app would see it; a message holds ids, kinds
and counts, and no value of any record.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from consent import gate
from consent.gate import ConsentMissing
from developers.models import Delivery, EventKind, Heard, Subscription
from gateway import authorizations
from gateway.errors import InvalidRegistration
from gateway.models import Application, Authorization
from records import sealing
from records.query import Query
from sync import outbound

MOST: Final = 5
ATTEMPTS_MAX: Final = 8
FIRST_PAUSE: Final = timedelta(seconds=30)
LEASE: Final = timedelta(minutes=5)
"""After this another worker takes over a delivery whose worker died. Longer than any request may take."""
SETTLED: Final = timedelta(seconds=15)
"""Records are counted this long after they were written, when the transaction that wrote them has surely ended."""
LOOK_BACK: Final = timedelta(days=1)
KEPT: Final = timedelta(days=30)
ANSWER_BYTES: Final = 10_000
SIGNATURE: Final = "Tributary-Signature"
_PURPOSE: Final = "webhook"


def subscribe(application: Application, url: str, events: Iterable[str], *, at: datetime) -> tuple[Subscription, str]:
    """The subscription and its signing secret, told this once. Raises InvalidRegistration."""
    if of(application).count() >= MOST:
        raise InvalidRegistration(f"an app has at most {MOST} webhooks")
    allowed = ("https://", "http://127.0.0.1:") if settings.SANDBOX else ("https://",)
    if not url.startswith(allowed):
        raise InvalidRegistration("a webhook must be https")
    secret = secrets.token_urlsafe(32)
    made = Subscription.objects.create(
        application=application,
        url=url,
        events=sorted(set(events)),
        sealed=sealing.seal_site_secret(_PURPOSE, secret.encode()),
        created=at,
    )
    return made, secret


def of(application: Application) -> QuerySet[Subscription]:
    return Subscription.objects.filter(application=application, ended__isnull=True).order_by("pk")


def end(subscription: Subscription, *, at: datetime) -> None:
    """It is told nothing more, and nothing that still waits."""
    Subscription.objects.filter(pk=subscription.pk, ended__isnull=True).update(ended=at)
    Delivery.objects.filter(subscription=subscription, delivered__isnull=True).update(given_up=at)


def log(subscription: Subscription) -> QuerySet[Delivery]:
    return Delivery.objects.filter(subscription=subscription).order_by("-pk")


def replay(delivery: Delivery, *, at: datetime) -> None:
    """The same message once more, whether it was heard or given up; its log goes on."""
    Delivery.objects.filter(pk=delivery.pk, subscription__ended__isnull=True).update(
        delivered=None, given_up=None, due=at
    )


# --- what there is to tell ---


def look(*, at: datetime) -> list[int]:
    """Writes down what is to be told, each once, and gives the ids of all deliveries that are due."""
    for subscription in Subscription.objects.filter(ended__isnull=True, application__active=True):
        if EventKind.REVOKED in subscription.events:
            _look_for_ends(subscription, at=at)
        if EventKind.NEW_DATA in subscription.events:
            _look_for_records(subscription, at=at)
    return list(Delivery.objects.waiting(at=at).order_by("due").values_list("pk", flat=True)[:1000])


def _look_for_ends(subscription: Subscription, *, at: datetime) -> None:
    """Authorizations that ended since the subscription began; one replaced by a newer yes has not been taken back."""
    since = max(subscription.created, at - LOOK_BACK)
    known = {"application_id": subscription.application_id}
    # Of the same record by the same person: whose it is, is empty for her own.
    again = Authorization.objects.live(at=at).filter(**known, person_id=OuterRef("person_id"))
    again = again.annotate(record=Coalesce("about_id", "person_id")).filter(record=OuterRef("record"))
    ended = Authorization.objects.filter(**known, revoked__gt=since).annotate(record=Coalesce("about_id", "person_id"))
    ended = ended.exclude(Exists(again))
    for authorization in ended.iterator():
        key = f"revoked {authorization.uid}"
        _tell(
            subscription,
            EventKind.REVOKED,
            key,
            {"authorization": str(authorization.uid), **_patient(authorization)},
            at=at,
        )


def _look_for_records(subscription: Subscription, *, at: datetime) -> None:
    # A clinician's app reads somebody else's chart, on his own decision: it is told of ends only.
    heard = Q(about__isnull=True) | Q(delegation__isnull=False)
    live = Authorization.objects.live(at=at).filter(heard, application_id=subscription.application_id)
    until = _whole_milliseconds(at - SETTLED)
    for authorization in live.select_related("application", "person", "about").iterator():
        # What opens nothing for the app tells it nothing either: paused, signed out of, or of a closed account.
        if not authorizations.is_live(authorization, at=at):
            continue
        begun = max(authorization.created, subscription.created)
        mark, _ = Heard.objects.get_or_create(
            subscription=subscription, authorization=authorization, defaults={"until": _whole_milliseconds(begun)}
        )
        if mark.until >= until:
            continue
        found = _new_records(authorization, since=mark.until, until=until, at=at)
        with transaction.atomic():
            if found:
                told = {"authorization": str(authorization.uid), **_patient(authorization), "resources": found}
                _tell(subscription, EventKind.NEW_DATA, f"data {authorization.uid} {until.isoformat()}", told, at=at)
                # Of two workers that looked at once, one moves the mark; the other's message is undone with it.
                moved = Heard.objects.filter(pk=mark.pk, until=mark.until).update(until=until)
                if not moved:
                    transaction.set_rollback(True)


def _new_records(authorization: Authorization, *, since: datetime, until: datetime, at: datetime) -> dict[str, int]:
    """How many records of each kind were written in that time that the app may search now; read through the gate."""
    reader = authorizations.reader(authorization)
    try:
        records = gate.readable(owner_id=authorization.owner_id, reader=reader, interaction="search", at=at)
    except ConsentMissing:
        return {}
    moved = {count.resource_type for count in records.counts() if count.changed > since}
    found = {}
    for kind in sorted(moved):
        when = (f"gt{_instant(since)}", f"le{_instant(until)}")
        query = Query.of(kind).where("_lastUpdated", when[0]).where("_lastUpdated", when[1])
        if number := records.count(query):
            found[kind] = number
    return found


def _whole_milliseconds(at: datetime) -> datetime:
    """As precise as a search can be, so that one window begins exactly where the last ended."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _patient(authorization: Authorization) -> dict[str, str]:
    """The patient the app was told of with its token."""
    return {"patient": authorization.context["patient"]} if "patient" in authorization.context else {}


def _tell(subscription: Subscription, event: str, key: str, data: dict[str, Any], *, at: datetime) -> None:
    uid = uuid.uuid4()
    body = {"id": str(uid), "type": str(event), "created": _instant(at), "data": data}
    Delivery.objects.bulk_create(
        [Delivery(uid=uid, subscription=subscription, event=event, key=key, body=body, created=at, due=at)],
        ignore_conflicts=True,
    )


# --- telling it ---


def deliver(delivery_id: int, *, at: datetime) -> None:
    """Sends one message if it is due, once, whoever else tries at the same moment. Safe to call at any time."""
    # Whoever moves ``due`` has the delivery until then.
    if not Delivery.objects.waiting(at=at).filter(pk=delivery_id).update(due=at + LEASE):
        return
    delivery = Delivery.objects.select_related("subscription").get(pk=delivery_id)
    status, problem = _send(delivery)
    after = timezone.now()
    milliseconds = int((after - at).total_seconds() * 1000)
    attempt = {"at": _instant(at), "status": status, "milliseconds": milliseconds, "problem": problem}
    delivery.attempts = [*delivery.attempts, attempt]
    if 200 <= status < 300:
        delivery.delivered = after
    elif len(delivery.attempts) % ATTEMPTS_MAX == 0:
        delivery.given_up = after
    else:
        delivery.due = after + FIRST_PAUSE * 3 ** (len(delivery.attempts) % ATTEMPTS_MAX - 1)
    delivery.save(update_fields=["attempts", "delivered", "given_up", "due"])


def signature(secret: str, body: bytes, *, at: datetime) -> str:
    """``t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">``: the time is signed too."""
    seconds = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def _send(delivery: Delivery) -> tuple[int, str]:
    """The status the app answered, 0 for none, and what went wrong in a word."""
    subscription = delivery.subscription
    secret = sealing.open_site_secret(_PURPOSE, bytes(subscription.sealed)).decode()
    body = json.dumps(delivery.body).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Tributary-Webhooks",
        "Tributary-Event": delivery.event,
        "Tributary-Delivery": str(delivery.uid),
        SIGNATURE: signature(secret, body, at=timezone.now()),
    }
    try:
        with outbound.GuardedSession() as session:
            session.body_bytes = ANSWER_BYTES
            answer = session.post(subscription.url, data=body, headers=headers)
    except outbound.CONNECTION_FAULTS as error:
        return 0, type(error).__name__
    return answer.status_code, "" if answer.ok else answer.reason or "refused"


def sweep(*, at: datetime) -> None:
    Delivery.objects.filter(created__lt=at - KEPT).delete()
