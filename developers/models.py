"""What belongs to the people who write apps: reviews, tokens to register with, webhooks and faults on demand.

The app itself is ``gateway.Application``; nothing here opens a record.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from gateway.models import Application


class State(models.TextChoices):
    """Where an app stands between its developer and the people who may let it in."""

    DRAFT = "draft", _("Being tried out")
    SUBMITTED = "submitted", _("Waiting for review")
    APPROVED = "approved", _("Approved")
    RETURNED = "returned", _("Sent back")
    SUSPENDED = "suspended", pgettext_lazy("app", "Suspended")


class Review(models.Model):
    """One app's way to approval. ``note`` is what the reviewer tells the developer.

    ``management_digest`` is the SHA-256 of the registration access token (RFC 7592) of an app that registered itself.
    """

    application = models.OneToOneField(Application, models.CASCADE, primary_key=True, related_name="review")
    state = models.CharField(max_length=12, choices=State, default=State.DRAFT)
    note = models.CharField(max_length=1000, blank=True, default="")
    created = models.DateTimeField()
    submitted = models.DateTimeField(null=True)
    decided = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    management_digest = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="review_known_state"),
            models.CheckConstraint(
                condition=~Q(state=State.APPROVED) | Q(decided__isnull=False), name="review_approved_by_a_decision"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["submitted"], condition=Q(state=State.SUBMITTED), name="review_queue"),
        ]

    def __str__(self) -> str:
        return f"Review of application {self.application_id}"


class InitialToken(models.Model):
    """Lets a program register apps for this developer (RFC 7591 3); kept as its SHA-256, good until ``expires``."""

    digest = models.CharField(max_length=64, primary_key=True)
    developer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    expires = models.DateTimeField()

    def __str__(self) -> str:
        return f"InitialToken until {self.expires:%Y-%m-%d}"


class SyntheticPerson(models.Model):
    """A made-up person that a developer tries apps with. The account's password is told once."""

    person = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+")
    developer = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="synthetic_people")
    created = models.DateTimeField()

    def __str__(self) -> str:
        return f"SyntheticPerson {self.person_id}"


class FaultKind(models.TextChoices):
    """What goes wrong on demand, for one app on trial."""

    CODE_EXPIRED = "code", _("The code has expired when it is redeemed")
    TOKEN_REVOKED = "revoked", _("The person withdraws just before a call")
    TOO_MANY = "429", _("Too many requests: 429 with Retry-After")
    SLOW = "slow", _("The answer comes slowly")
    WRONG_AUD = "aud", _("The request names the wrong server (aud)")
    WITHHELD = "withheld", _("The person withheld everything")


class Fault(models.Model):
    """One fault that an app on trial meets in its next ``remaining`` requests of the fitting kind."""

    application = models.ForeignKey(Application, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=12, choices=FaultKind)
    remaining = models.IntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "kind"], name="developer_fault_once_per_kind"),
            models.CheckConstraint(condition=Q(kind__in=FaultKind.values), name="developer_fault_known_kind"),
            models.CheckConstraint(condition=Q(remaining__gte=0), name="developer_fault_counts_down"),
        ]

    def __str__(self) -> str:
        return f"Fault {self.kind} of application {self.application_id}"


class EventKind(models.TextChoices):
    """What an app can be told of."""

    NEW_DATA = "data.new", _("New records that it may see")
    REVOKED = "authorization.revoked", _("A person took back what she let it have")


class Subscription(models.Model):
    """Where an app wants to be told of what. ``sealed`` is the signing secret, sealed with the site's key."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    application = models.ForeignKey(Application, models.CASCADE, related_name="subscriptions")
    url = models.URLField(max_length=500)
    events = ArrayField(models.CharField(max_length=32, choices=EventKind))
    sealed = models.BinaryField()
    created = models.DateTimeField()
    ended = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Subscription {self.uid}"


class Heard(models.Model):
    """Up to when this subscription has been told of new data of one authorization."""

    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="+", db_index=False)
    authorization = models.ForeignKey("gateway.Authorization", models.CASCADE, related_name="+")
    until = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["subscription", "authorization"], name="heard_once_per_authorization"),
        ]

    def __str__(self) -> str:
        return f"Heard {self.subscription_id}/{self.authorization_id}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def waiting(self, *, at: datetime) -> DeliveryQuerySet:
        return self.filter(delivered__isnull=True, given_up__isnull=True, due__lte=at)


class Delivery(models.Model):
    """One message to one subscription. ``key`` names what happened, so that it is told once.

    ``attempts`` is the log: ``{"at", "status", "milliseconds", "problem"}`` of each. The body holds ids, kinds and
    counts, never a value of a record.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="deliveries", db_index=False)
    event = models.CharField(max_length=32, choices=EventKind)
    key = models.CharField(max_length=120)
    body = models.JSONField()
    created = models.DateTimeField()
    due = models.DateTimeField()
    attempts = models.JSONField(default=list)
    delivered = models.DateTimeField(null=True)
    given_up = models.DateTimeField(null=True)

    objects: ClassVar = DeliveryQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["subscription", "key"], name="delivery_tells_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due"],
                condition=Q(delivered__isnull=True, given_up__isnull=True),
                name="delivery_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.uid}"
