"""In which order a person's devices are asked, and what a maker of devices has handed over."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class DeviceOrder(models.Model):
    """Her order for one metric: ``devices`` are the ids of her Device records, the one asked first in front. Those she
    did not name follow (sync.sources.wearables.overlaps)."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    metric = models.CharField(max_length=32)
    devices = ArrayField(models.CharField(max_length=64))

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "metric"], name="device_order_one_per_metric")
        ]

    def __str__(self) -> str:
        return f"DeviceOrder {self.owner_id} {self.metric}"


class Piece(models.Model):
    """A piece of a day as a maker handed it over: kept, because a day is composed anew when another piece of it comes.

    One row for each local day that it tells of. ``kind``: under which name the maker sends it; ``digest``: of the
    maker's own name for it, under which a newer version takes its place. ``sealed``: its JSON, compressed; where
    ``day`` is null, the address at which it is to be fetched. ``waiting``: as it stands it is not in the record yet;
    ``stamp`` is another one whenever its content changes, so that what a newer version says is never taken for read.
    """

    connection = models.ForeignKey("sync.Connection", models.CASCADE, related_name="pieces", db_index=False)
    kind = models.CharField(max_length=32)
    digest = models.BinaryField()
    day = models.DateField(null=True)
    sealed = models.BinaryField()
    waiting = models.BooleanField(default=True)
    stamp = models.UUIDField()
    received = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "digest", "day"], name="piece_once_a_day", nulls_distinct=False
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["connection", "kind", "day"], name="piece_of_a_day"),
            models.Index(fields=["connection", "kind", "-day"], condition=Q(waiting=True), name="piece_waiting"),
        ]

    def __str__(self) -> str:
        return f"Piece {self.pk}"
