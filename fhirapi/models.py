"""Bulk exports: what a backend service asked for, and how far a worker got with each person's records.

The files of an export are pieces, each of one person and one kind, sealed with her own key, so that whoever withdraws
takes her lines out of every file, and whose key is destroyed is gone from them too.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from gateway.models import SCOPE_LENGTH_MAX, Application


class ExportState(models.TextChoices):
    QUEUED = "queued", "waits for a worker"
    RUNNING = "running", "a worker is on it"
    COMPLETE = "complete", "its files can be fetched"
    FAILED = "failed", "it could not be made"
    CANCELLED = "cancelled", "the client wants it no more"


OPEN_STATES = (ExportState.QUEUED, ExportState.RUNNING)


class ExportQuerySet(models.QuerySet["Export"]):
    def claimable(self, *, at: datetime, lease: timedelta) -> ExportQuerySet:
        free = Q(claim__isnull=True) | Q(heartbeat__lt=at - lease)
        return self.filter(free, state__in=OPEN_STATES)

    def over(self, *, at: datetime) -> ExportQuerySet:
        """Nobody will fetch these any more."""
        return self.filter(Q(state=ExportState.CANCELLED) | Q(expires__lte=at))


class Export(models.Model):
    """One order. ``kicked`` is its transaction time; ``people`` owner ids, None for all who let the client read.

    ``types`` are those asked for, empty for all that ``scopes`` reach; ``filters`` its ``_typeFilter`` queries.
    ``planned_through``: parts exist for the people up to this owner id.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    application = models.ForeignKey(Application, models.PROTECT, related_name="+")
    request = models.TextField(help_text="address of the kick-off, as it was asked")
    scopes = ArrayField(models.CharField(max_length=SCOPE_LENGTH_MAX))
    types = ArrayField(models.CharField(max_length=64))
    filters = ArrayField(models.TextField())
    people = ArrayField(models.IntegerField(), null=True)
    since = models.DateTimeField(null=True)
    kicked = models.DateTimeField()
    state = models.CharField(max_length=9, choices=ExportState, default=ExportState.QUEUED)
    planned = models.BooleanField(default=False)
    planned_through = models.IntegerField(default=0)
    claim = models.UUIDField(null=True)
    heartbeat = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0, help_text="takings since it last got on")
    rung = models.DateTimeField(null=True)
    polled = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    expires = models.DateTimeField(null=True)

    objects: ClassVar = ExportQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=ExportState.values), name="export_known_state"),
            models.CheckConstraint(
                condition=Q(state__in=OPEN_STATES, finished__isnull=True, expires__isnull=True)
                | (~Q(state__in=OPEN_STATES) & Q(claim__isnull=True, finished__isnull=False, expires__isnull=False)),
                name="export_ends_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["application", "state"], name="export_of_application"),
            models.Index(fields=["state", "heartbeat"], name="export_waiting"),
        ]

    def __str__(self) -> str:
        return f"Export {self.pk} ({self.state})"


class PartKind(models.TextChoices):
    CURRENT = "current", "records as they are"
    DELETED = "deleted", "records deleted since"


class PartState(models.TextChoices):
    WAITING = "waiting", "not all written"
    COMPLETE = "complete", "written"
    WITHDRAWN = "withdrawn", "she ended or changed her consent meanwhile"
    FAILED = "failed", "could not be read"


class ExportPart(models.Model):
    """One person's records of one kind. ``after``: the logical id up to which they are written.

    ``decision`` is what lets the client have them; ``resource_type`` is empty for the deleted ones, of all types.
    """

    export = models.ForeignKey(Export, models.CASCADE, related_name="parts", db_index=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    decision = models.ForeignKey("consent.Decision", models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=8, choices=PartKind)
    resource_type = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=9, choices=PartState, default=PartState.WAITING)
    after = models.CharField(max_length=64, blank=True, default="")
    lines = models.IntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["export", "owner", "kind", "resource_type"], name="export_part_once_per_person_and_type"
            ),
            models.CheckConstraint(condition=Q(state__in=PartState.values), name="export_part_known_state"),
        ]
        indexes: ClassVar = [models.Index(fields=["export", "state", "id"], name="export_part_in_order")]

    def __str__(self) -> str:
        return f"ExportPart {self.pk} ({self.state})"


class ExportPiece(models.Model):
    """Some lines of a part, as one sealed file of the storage ``exports``."""

    part = models.ForeignKey(ExportPart, models.CASCADE, related_name="pieces", db_index=False)
    number = models.IntegerField()
    lines = models.IntegerField()
    name = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["part", "number"], name="export_piece_in_order"),
            models.CheckConstraint(condition=Q(lines__gt=0), name="export_piece_holds_lines"),
        ]

    def __str__(self) -> str:
        return f"ExportPiece {self.part_id}/{self.number}"
