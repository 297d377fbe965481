"""Switched faults of a sandbox hospital; in the database, because every web process has to see them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class FaultKind(models.TextChoices):
    """What goes wrong."""

    ERROR = "error", "answers 500"
    UNAVAILABLE = "unavailable", "answers 503 and says when to come again"
    THROTTLED = "throttled", "answers 429 and says when to come again"
    TRUNCATED = "truncated", "cuts its JSON off in the middle"
    SLOW = "slow", "answers late"
    EXPIRED = "expired", "calls the access token expired"
    STRANGER = "stranger", "slips a record of somebody else into a page"
    DROPPED = "dropped", "closes the connection in the middle of an answer"
    UNTIL = "until", "answers 429 and says by a date when to come again"
    REPEATED = "repeated", "sends a page twice, one after the other"
    REORDERED = "reordered", "sends the entries of a page in another order"
    TOTAL = "total", "states another total"
    REVOKED = "revoked", "takes back what the patient allowed"


class Fault(models.Model):
    """One fault that is switched on. ``path`` is a prefix of the addresses it touches.

    ``patient``: the one connection it touches, by the Patient id its token is for; empty for every request.

    The first ``after`` requests there pass; ``remaining`` is how many then fail, null for all until it is cleared.
    ``seconds`` is how late an answer comes, or when to come again.
    """

    kind = models.CharField(max_length=12, choices=FaultKind)
    path = models.CharField(max_length=200, default="/fhir/r4/")
    patient = models.CharField(max_length=64, blank=True, default="")
    after = models.IntegerField(default=0)
    remaining = models.IntegerField(null=True)
    seconds = models.IntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=FaultKind.values), name="fault_known_kind"),
            models.CheckConstraint(condition=Q(path__startswith="/"), name="fault_path_is_absolute"),
            models.CheckConstraint(
                condition=Q(remaining__isnull=True) | Q(remaining__gte=0), name="fault_never_less_than_none_left"
            ),
            models.CheckConstraint(condition=Q(after__gte=0) & Q(seconds__gte=0), name="fault_counts_forward"),
        ]
