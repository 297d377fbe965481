"""The ledger: every decision a person takes about who may read her record, one row each, never edited (DESIGN D7)."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q


class Grantee(models.TextChoices):
    APP = "app", "an app"


class Act(models.TextChoices):
    GRANT = "grant", "she lets the grantee read"
    REFUSE = "refuse", "she says no"
    WITHDRAW = "withdraw", "she ends what she granted"


class Decision(models.Model):
    """One decision. The newest row of an (owner, grantee) is what counts; a change is a new row.

    ``terms`` narrows what was granted: ``{"sources": [ids] | null, "from": µs | null, "until": µs | null,
    "labels": [label codes she chose to include]}`` (terms.py). ``hash`` chains the rows of one owner.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="decisions", db_index=False)
    sequence = models.IntegerField()
    act = models.CharField(max_length=8, choices=Act)
    grantee_kind = models.CharField(max_length=8, choices=Grantee)
    grantee = models.CharField(max_length=120, help_text="client_id")
    grantee_name = models.CharField(max_length=200, help_text="as shown to her when she decided")
    scopes_asked = ArrayField(models.CharField(max_length=300))
    scopes_granted = ArrayField(models.CharField(max_length=300))
    scopes_refused = ArrayField(models.CharField(max_length=300))
    terms = models.JSONField()
    purpose = models.CharField(max_length=80)
    ends = models.DateTimeField(null=True)
    text_version = models.CharField(max_length=40)
    language = models.CharField(max_length=8)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    decided = models.DateTimeField()
    previous_hash = models.BinaryField()
    hash = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "sequence"], name="decision_one_chain_per_owner"),
            models.CheckConstraint(
                condition=Q(ends__isnull=True) | Q(ends__gt=F("decided")), name="decision_ends_later"
            ),
            models.CheckConstraint(condition=Q(act__in=Act.values), name="decision_known_act"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["owner", "grantee_kind", "grantee", "-sequence"], name="decision_newest_per_grantee"),
            models.Index(fields=["grantee", "owner", "-sequence"], name="decision_owners_of_grantee"),
        ]

    def __str__(self) -> str:
        return f"Decision {self.pk} ({self.act})"
