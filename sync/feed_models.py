"""Group exports that organisations let us fetch, and the ledger of each shipment (FHIR Bulk Data Access, as a client).

The ledger holds numbers, types and states in clear. Addresses of an export are sealed: who knows one may be let in.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q


class Feed(models.Model):
    """What one organisation exports to us as a backend service; staff enters it (``manage.py feed_enter``).

    ``group``: ``Group/[id]``, ``Patient``, or empty for all that the server has. ``sealed_key``: our private key there,
    as a JWK. ``types``: with commas, empty for all. ``by_patient``: whether it can be asked for named patients only.
    ``since``: the last shipment's ``transactionTime`` as the server spelt it; ``whole``: when everything came last.
    """

    hospital = models.OneToOneField("sync.Hospital", models.PROTECT, related_name="feed")
    group = models.CharField(max_length=80, blank=True)
    client_id = models.CharField(max_length=200)
    sealed_key = models.BinaryField()
    scopes = models.CharField(max_length=500)
    types = models.CharField(max_length=1000, blank=True)
    by_patient = models.BooleanField(default=False)
    every = models.DurationField()
    active = models.BooleanField(default=True)
    due = models.DateTimeField(null=True)
    since = models.CharField(max_length=40, blank=True, default="")
    whole = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Feed {self.pk}"


class ShipmentState(models.TextChoices):
    QUEUED = "queued", "to be ordered"
    ORDERED = "ordered", "the organisation is writing it"
    FETCHING = "fetching", "its files are being read"
    COMPLETE = "complete", "every line is accounted for"
    PARTIAL = "partial", "some of it could not be had or read"
    FAILED = "failed", "nothing came of it"
    EXPIRED = "expired", "it was gone before it was read: ordered anew"


OPEN = (ShipmentState.QUEUED, ShipmentState.ORDERED, ShipmentState.FETCHING)


class ShipmentQuerySet(models.QuerySet["Shipment"]):
    def claimable(self, *, at: datetime, lease: timedelta) -> ShipmentQuerySet:
        """Open, due, and either never claimed or silent for longer than the lease."""
        free = Q(claim__isnull=True) | Q(heartbeat__lt=at - lease)
        return self.filter(free, state__in=OPEN, due__lte=at)


class Shipment(models.Model):
    """One export, from its order to its last line. ``claim``, ``heartbeat``, ``attempts``, ``rung``: as of a run.

    ``since``: what was asked for; empty for everything. ``sealed_status``: where the export is asked for.
    ``anew``: how many shipments before it expired. ``said``: the server's X-Progress, for staff. ``signed``: whether
    its files want a token.
    """

    feed = models.ForeignKey(Feed, models.PROTECT, related_name="shipments", db_index=False)
    state = models.CharField(max_length=8, choices=ShipmentState, default=ShipmentState.QUEUED)
    problem = models.CharField(max_length=32, blank=True, default="")
    since = models.CharField(max_length=40, blank=True)
    anew = models.SmallIntegerField(default=0)
    queued = models.DateTimeField()
    due = models.DateTimeField()
    rung = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    heartbeat = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    sealed_status = models.BinaryField(null=True)
    said = models.CharField(max_length=100, blank=True, default="")
    transaction_time = models.CharField(max_length=40, blank=True, default="")
    expires = models.DateTimeField(null=True)
    signed = models.BooleanField(default=True)
    finished = models.DateTimeField(null=True)

    objects = ShipmentQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["feed"], condition=Q(state__in=OPEN), name="shipment_one_at_a_time_per_feed"
            ),
            models.CheckConstraint(
                name="shipment_finished_exactly_when_it_ended",
                condition=Q(state__in=OPEN, finished__isnull=True) | (~Q(state__in=OPEN) & Q(finished__isnull=False)),
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["feed", "-id"], name="shipment_newest_of_feed")]

    def __str__(self) -> str:
        return f"Shipment {self.pk} ({self.state})"


class FileKind(models.TextChoices):
    OUTPUT = "output", "resources"
    DELETED = "deleted", "what the organisation no longer has"
    ERROR = "error", "what went wrong with the export itself"


class FileState(models.TextChoices):
    WAITING = "waiting", "not begun or under way"
    COMPLETE = "complete", "read to its end"
    SHORT = "short", "read to its end, with fewer lines than the manifest says"
    FAILED = "failed", "could not be had"


class ShippedFile(models.Model):
    """One file of the manifest: how far it was read, and what became of every line.

    ``stated``: the manifest's count, null where it gives none. Each of ``lines`` is one of ``taken`` (somebody here is
    linked to whom it is about), ``others`` (nobody here is: dropped unstored), ``unassigned`` (it does not say whom
    it is about, or nothing of a linked person leads to it: dropped) and ``unreadable``.
    """

    shipment = models.ForeignKey(Shipment, models.CASCADE, related_name="files", db_index=False)
    number = models.SmallIntegerField()
    kind = models.CharField(max_length=8, choices=FileKind)
    resource_type = models.CharField(max_length=64)
    sealed_address = models.BinaryField()
    stated = models.BigIntegerField(null=True)
    state = models.CharField(max_length=8, choices=FileState, default=FileState.WAITING)
    problem = models.CharField(max_length=32, blank=True, default="")
    lines = models.BigIntegerField(default=0)
    taken = models.BigIntegerField(default=0)
    others = models.BigIntegerField(default=0)
    unassigned = models.BigIntegerField(default=0)
    unreadable = models.BigIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["shipment", "number"], name="shippedfile_numbered_in_its_shipment"),
            models.CheckConstraint(
                name="shippedfile_accounts_for_every_line",
                condition=Q(lines=F("taken") + F("others") + F("unassigned") + F("unreadable")),
            ),
        ]

    def __str__(self) -> str:
        return f"ShippedFile {self.shipment_id}/{self.number} {self.resource_type}"


class ShipmentShare(models.Model):
    """What one shipment brought one connection, of one type: the person's own account of it."""

    shipment = models.ForeignKey(Shipment, models.CASCADE, related_name="shares")
    connection = models.ForeignKey("sync.Connection", models.CASCADE, related_name="shares", db_index=False)
    resource_type = models.CharField(max_length=64)
    received = models.IntegerField(default=0)
    new = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0)
    invalid = models.IntegerField(default=0)
    unusable = models.IntegerField(default=0)
    deleted = models.IntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "shipment", "resource_type"], name="shipmentshare_once_a_type"
            ),
        ]

    def __str__(self) -> str:
        return f"ShipmentShare {self.shipment_id}/{self.connection_id} {self.resource_type}"
