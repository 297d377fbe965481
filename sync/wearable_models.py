"""In which order a person's devices are asked."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models


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
