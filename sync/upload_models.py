"""Files a person gave us, and what became of each document in them.

Numbers, formats and states are in clear; names of files, whom a document names and the account of it are sealed under
the owner's key.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from records.models import Source


class UploadState(models.TextChoices):
    QUEUED = "queued", "waiting for a worker"
    RUNNING = "running", "being read"
    ASKING = "asking", "a document in it waits for her answer"
    DONE = "done", "every document is accounted for"
    FAILED = "failed", "it could not be read to its end"
    REMOVED = "removed", "she took it back"


UNREAD = (UploadState.QUEUED, UploadState.RUNNING)


class UploadQuerySet(models.QuerySet["Upload"]):
    def claimable(self, *, at: datetime, lease: timedelta) -> UploadQuerySet:
        free = Q(claim__isnull=True) | Q(heartbeat__lt=at - lease)
        return self.filter(free, state__in=UNREAD)


class Upload(models.Model):
    """One file. ``digest``: a hash of its content under the owner's key, so that only she is told the same file again.

    ``staged``: whether its bytes still lie sealed in storage (staging.py), where they wait to be read.
    ``sealed_about``: the id by which its documents call her, once one of them has been found to be about her.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    digest = models.BinaryField()
    size = models.BigIntegerField(help_text="bytes")
    sealed_name = models.BinaryField()
    sealed_about = models.BinaryField(null=True)
    staged = models.BooleanField(default=True)
    folder = models.UUIDField(null=True, help_text="where its bytes lie, if they are what a link led to")
    source = models.ForeignKey(Source, models.PROTECT, null=True, related_name="+")
    state = models.CharField(max_length=8, choices=UploadState, default=UploadState.QUEUED)
    problem = models.CharField(max_length=32, blank=True, default="")
    received = models.DateTimeField()
    rung = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    heartbeat = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0, help_text="takings since it last got on")
    finished = models.DateTimeField(null=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "digest"], name="upload_one_per_content"),
            models.CheckConstraint(condition=Q(state__in=UploadState.values), name="upload_known_state"),
            models.CheckConstraint(
                condition=~Q(state__in=[*UNREAD, UploadState.ASKING]) | Q(staged=True),
                name="upload_unread_is_staged",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(state__in=UNREAD), name="upload_unread"),
        ]

    def __str__(self) -> str:
        return f"Upload {self.pk} ({self.state})"

    @property
    def place(self) -> uuid.UUID:
        """Where in storage its bytes lie (staging.py)."""
        return self.folder or self.uid


class DocumentState(models.TextChoices):
    WAITING = "waiting", "not read yet"
    KEPT = "kept", "in her record"
    HELD = "held", "it does not seem to be about her: she is asked"
    DISCARDED = "discarded", "she said that it is not hers"
    REFUSED = "refused", "nothing of it could be kept"


class UploadedDocument(models.Model):
    """One document of a file: the file itself, or one member of a zip.

    ``mapped``: resources that are in her record; ``as_text``: parts that are there as text only; ``dropped``: what is
    not. ``sealed_account``: an OperationOutcome that says what and why; ``sealed_subject``: whom it names, while asked.
    ``confirmed``: she said that it is hers.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    upload = models.ForeignKey(Upload, models.CASCADE, related_name="documents", db_index=False)
    number = models.IntegerField(help_text="in the order in which they are read")
    position = models.IntegerField(default=-1, help_text="in the zip's list; -1: the file itself")
    sealed_name = models.BinaryField()
    format = models.CharField(max_length=16, blank=True, default="")
    state = models.CharField(max_length=9, choices=DocumentState, default=DocumentState.WAITING)
    confirmed = models.BooleanField(default=False)
    mapped = models.IntegerField(default=0)
    as_text = models.IntegerField(default=0)
    dropped = models.IntegerField(default=0)
    sealed_account = models.BinaryField(null=True)
    sealed_subject = models.BinaryField(null=True)

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "upload", "number"], name="document_numbered_within_its_upload"),
            models.CheckConstraint(condition=Q(state__in=DocumentState.values), name="document_known_state"),
        ]

    def __str__(self) -> str:
        return f"UploadedDocument {self.upload_id}/{self.number}"
