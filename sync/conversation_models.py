"""Of each message between a person and a clinic what is no part of what it says: when it was opened, and told of."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from records.models import Source


class Message(models.Model):
    """One message. What it says is a Communication of hers, ``logical_id``, from ``source``: one organisation's.

    ``once``: a digest of the form it came by, so that a second click sends nothing. ``seen``: when the other side first
    opened it. ``told``: when the mail to her left; of what she wrote herself always empty.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    source = models.ForeignKey(Source, models.PROTECT, related_name="+", db_index=False)
    logical_id = models.CharField(max_length=64)
    from_her = models.BooleanField()
    once = models.CharField(max_length=64)
    sent = models.DateTimeField()
    seen = models.DateTimeField(null=True)
    told = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "logical_id"], name="message_one_per_communication"),
            models.UniqueConstraint(fields=["owner", "once"], name="message_sent_once"),
            models.CheckConstraint(
                condition=Q(from_her=False) | Q(told__isnull=True), name="message_of_hers_is_told_nobody"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["owner", "source", "-sent"], name="messages_of_conversation"),
            models.Index(
                fields=["owner", "source", "from_her"], condition=Q(seen__isnull=True), name="messages_not_opened"
            ),
            models.Index(
                fields=["sent"],
                condition=Q(seen__isnull=True, told__isnull=True, from_her=False),
                name="messages_to_tell_of",
            ),
        ]

    def __str__(self) -> str:
        return f"Message {self.pk}"
