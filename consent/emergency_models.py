"""A record opened without its owner's leave, in an emergency: by whom, why, and for how long."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Emergency(models.Model):
    """``visit``: the one of the clinician; nobody else's. ``sealed_reason``: what he wrote, under the owner's key.

    ``told``: when the mail to her left. ``ended``: she ended it before its time.
    """

    uid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="emergencies")
    visit = models.UUIDField()
    clinician = models.CharField(max_length=200, help_text="as she is told")
    organization = models.CharField(max_length=200, help_text="as she is told")
    sealed_reason = models.BinaryField()
    began = models.DateTimeField()
    ends = models.DateTimeField()
    ended = models.DateTimeField(null=True)
    told = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-began"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(ends__gt=F("began")), name="emergency_ends_after_it_begins"),
            models.UniqueConstraint(fields=["owner", "visit"], name="emergency_once_in_a_visit"),
        ]

    def __str__(self) -> str:
        return f"Emergency {self.uid}"
