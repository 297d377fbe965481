"""Append-only events: who, what, when, on whose behalf, under which consent (DESIGN D15).

This room lies below all others, so people and consents are plain numbers here, and an event outlives what it names.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Action(models.TextChoices):
    """AuditEvent.action: http://hl7.org/fhir/audit-event-action."""

    CREATE = "C", "create"
    READ = "R", "read"
    UPDATE = "U", "update"
    DELETE = "D", "delete"
    EXECUTE = "E", "execute"


class Agent(models.TextChoices):
    """What kind of actor did it."""

    OWNER = "owner", "the owner herself"
    DELEGATE = "delegate", "a person who acts for the owner"
    APP = "app", "an app she let in"
    SOURCE = "source", "a source that feeds her record"
    LINK = "link", "whoever holds a link she made"
    STAFF = "staff", "a clinician of the hospital that holds it"
    SYSTEM = "system", "Tributary itself"
    UNKNOWN = "unknown", "somebody who did not say who, or said it wrongly"


class Outcome(models.TextChoices):
    """AuditEvent.outcome: http://hl7.org/fhir/audit-event-outcome."""

    SUCCESS = "0", "success"
    REFUSED = "4", "refused"
    FAILED = "8", "failed"


class Event(models.Model):
    """One event in the chain of one owner. Written only by the SQL function ``audit_append``; see events.py.

    ``hash`` is SHA-256 over the previous hash and the event's own text, so an altered, removed or inserted event
    breaks the chain. ``detail`` holds kinds and numbers (``{"types": {"Observation": 50}}``), never clinical values.
    """

    pk = models.CompositePrimaryKey("owner_id", "sequence")
    owner_id = models.IntegerField()
    sequence = models.BigIntegerField()
    recorded = models.DateTimeField()
    action = models.CharField(max_length=1, choices=Action)
    interaction = models.CharField(max_length=32)
    outcome = models.CharField(max_length=1, choices=Outcome)
    agent_kind = models.CharField(max_length=8, choices=Agent)
    agent = models.CharField(max_length=120, help_text="subject, client_id or source url")
    agent_name = models.CharField(max_length=200, help_text="as shown to the owner at that time")
    consent_id = models.BigIntegerField(null=True)
    origin = models.CharField(max_length=64, blank=True, help_text="network address")
    detail = models.JSONField(default=dict)
    previous_hash = models.BinaryField()
    hash = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(sequence__gt=0), name="event_sequence_counts_from_one"),
        ]

    def __str__(self) -> str:
        return f"Event {self.owner_id}/{self.sequence} {self.interaction}"


class Head(models.Model):
    """How far one owner's chain has come. Without it, events taken from the end would not be missed.

    ``audit_append`` moves it with every event. ``sealed``: the last event a checkpoint vouches for; ``told``: the last
    one handed to the security log outside (exports.py).
    """

    owner_id = models.IntegerField(primary_key=True)
    sequence = models.BigIntegerField()
    hash = models.BinaryField()
    sealed = models.BigIntegerField(default=0)
    told = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(sequence__gt=0), name="head_sequence_counts_from_one"),
        ]

    def __str__(self) -> str:
        return f"Head {self.owner_id}/{self.sequence}"


class Checkpoint(models.Model):
    """That a chain stood so at that moment, sealed with a key that is not in the database (checkpoints.py).

    The rows of all owners are one chain, so that a checkpoint taken away is missed too.
    """

    number = models.BigIntegerField(primary_key=True)
    owner_id = models.IntegerField()
    sequence = models.BigIntegerField()
    hash = models.BinaryField()
    taken = models.DateTimeField()
    previous_seal = models.BinaryField()
    seal = models.BinaryField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["owner_id", "sequence"], name="checkpoint_of_owner")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(number__gt=0), name="checkpoint_number_counts_from_one"),
        ]

    def __str__(self) -> str:
        return f"Checkpoint {self.number} of {self.owner_id}/{self.sequence}"
