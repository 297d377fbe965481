"""Her record as a whole: asked to be erased, and erased."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q


class ErasureState(models.TextChoices):
    ASKED = "asked", "she can still change her mind"
    BEGUN = "begun", "her key is destroyed, rows are being removed"
    DONE = "done", "nothing of her is left"
    CANCELLED = "cancelled", "she changed her mind"


OPEN_STATES = (ErasureState.ASKED, ErasureState.BEGUN)


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def claimable(self, *, at: datetime, lease: timedelta) -> ErasureQuerySet:
        """Due, or begun by somebody who has fallen silent."""
        free = Q(claim__isnull=True) | Q(heartbeat__lt=at - lease)
        return self.filter(free, state__in=OPEN_STATES, due__lte=at)


class Erasure(models.Model):
    """One person's wish to be erased, and how far it is.

    ``sealed_address``: JSON of where and in which language to send the certificate, sealed with the site's key, empty
    once that is sent. ``farewells``: how many hospitals were and were not told. ``removed``: rows by table.
    ``certificate``: what she was sent. Once done, nothing in the row names her.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=9, choices=ErasureState, default=ErasureState.ASKED)
    asked = models.DateTimeField()
    due = models.DateTimeField()
    begun = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    heartbeat = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    farewells = models.JSONField(default=dict)
    removed = models.JSONField(default=dict)
    certificate = models.TextField(blank=True, default="")
    sealed_address = models.BinaryField(null=True)

    objects: ClassVar = ErasureQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=ErasureState.values), name="erasure_known_state"),
            models.UniqueConstraint(
                fields=["person"], condition=Q(state__in=OPEN_STATES), name="erasure_one_open_per_person"
            ),
            models.CheckConstraint(
                condition=~Q(state=ErasureState.DONE) | Q(person__isnull=True), name="erasure_done_names_nobody"
            ),
        ]

    def __str__(self) -> str:
        return f"Erasure {self.uid} ({self.state})"


class DownloadState(models.TextChoices):
    QUEUED = "queued", "waits for a worker"
    RUNNING = "running", "a worker is on it"
    COMPLETE = "complete", "it can be fetched"
    FAILED = "failed", "it could not be made"


UNFINISHED = (DownloadState.QUEUED, DownloadState.RUNNING)


class DownloadQuerySet(models.QuerySet["Download"]):
    def claimable(self, *, at: datetime, lease: timedelta) -> DownloadQuerySet:
        free = Q(claim__isnull=True) | Q(heartbeat__lt=at - lease)
        return self.filter(free, state__in=UNFINISHED)


class Download(models.Model):
    """A copy of her whole record, made by a worker in sealed pieces.

    ``asked`` is the moment it is as of. ``step`` and ``after``: the part that is being written and where to go on in
    it (downloads.py); so whoever comes after a crash writes the next piece and no other.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=DownloadState, default=DownloadState.QUEUED)
    asked = models.DateTimeField()
    step = models.IntegerField(default=0)
    after = models.CharField(max_length=300, blank=True, default="")
    claim = models.UUIDField(null=True)
    heartbeat = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0, help_text="takings since it last got on")
    finished = models.DateTimeField(null=True)
    expires = models.DateTimeField(null=True)

    objects: ClassVar = DownloadQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=DownloadState.values), name="download_known_state"),
            models.UniqueConstraint(
                fields=["owner"], condition=Q(state__in=UNFINISHED), name="download_one_at_a_time_per_owner"
            ),
        ]

    def __str__(self) -> str:
        return f"Download {self.pk} ({self.state})"


class DownloadPiece(models.Model):
    """Part of one file of a download, sealed in storage under ``name``. ``path``: the file in the archive."""

    download = models.ForeignKey(Download, models.CASCADE, related_name="pieces", db_index=False)
    number = models.IntegerField()
    path = models.CharField(max_length=200)
    lines = models.IntegerField()
    name = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["download", "number"], name="download_piece_in_order"),
        ]

    def __str__(self) -> str:
        return f"DownloadPiece {self.download_id}/{self.number}"
