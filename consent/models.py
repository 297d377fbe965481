"""The ledger: every decision a person takes about who may read her record, one row each, never edited (DESIGN D7)."""

from __future__ import annotations

import uuid
from typing import ClassVar, Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from consent.emergency_models import Emergency as Emergency


class Grantee(models.TextChoices):
    """Whom a decision is about. EVERYONE is every reader but the owner herself: only for hiding a record."""

    APP = "app", "an app"
    ORGANIZATION = "organization", "a clinic or hospital"
    CLINICIAN = "clinician", "one clinician"
    PERSON = "person", "another person"
    DELEGATE_APP = "delegate-app", "an app that a person who acts for her let in"
    LINK = "link", "whoever holds a link"
    EMERGENCY = "emergency", "whoever opens her record without leave, in an emergency"
    EVERYONE = "everyone", "everyone but her"


class Act(models.TextChoices):
    GRANT = "grant", "she lets the grantee read"
    REFUSE = "refuse", "she says no"
    WITHDRAW = "withdraw", "she ends what she granted"
    PAUSE = "pause", "she stops it for now"
    RESUME = "resume", "she lets a paused grantee read again, as before"
    RENEW = "renew", "she moves the end, all else as before"
    HIDE = "hide", "she hides one record"
    SHOW = "show", "she no longer hides it"


STANDING: Final = (Act.GRANT, Act.RESUME, Act.RENEW)
"""After one of these the grantee may read, until a newer decision or the end."""
DECISIVE: Final = (*STANDING, Act.WITHDRAW, Act.PAUSE)
"""A refusal is on record but ends nothing: she may say no to a new question and keep what she granted before."""


CONSENTS: Final = (*STANDING, Act.REFUSE)
"""What is a FHIR Consent of its own; a withdrawal or a pause ends the one before it."""


class Decision(models.Model):
    """One decision. The newest decisive row of an (owner, grantee) is what counts; a change is a new row.

    ``terms`` narrows what was granted: ``{"sources": [ids] | null, "from": µs | null, "until": µs | null,
    "labels": [label codes she chose to include]}`` (terms.py). ``record`` is ``Type/id`` where one record is hidden or
    shown. ``text_hash`` is the SHA-256 of the text she read (texts.py); ``shown`` what else stood before her, such as
    what the app promised. ``hash`` chains the rows of one owner.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="decisions", db_index=False)
    sequence = models.IntegerField()
    act = models.CharField(max_length=8, choices=Act)
    grantee_kind = models.CharField(max_length=12, choices=Grantee)
    grantee = models.CharField(max_length=140, help_text="client_id of an app; empty for everyone")
    grantee_name = models.CharField(max_length=200, help_text="as shown to her when she decided")
    scopes_asked = ArrayField(models.CharField(max_length=300))
    scopes_granted = ArrayField(models.CharField(max_length=300))
    scopes_refused = ArrayField(models.CharField(max_length=300))
    terms = models.JSONField()
    purpose = models.CharField(max_length=80)
    ends = models.DateTimeField(null=True)
    text_version = models.CharField(max_length=40)
    text_hash = models.CharField(max_length=64, default="")
    language = models.CharField(max_length=8)
    shown = models.JSONField(default=dict)
    record = models.CharField(max_length=130, default="")
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
            models.CheckConstraint(condition=Q(grantee_kind__in=Grantee.values), name="decision_known_grantee_kind"),
            models.CheckConstraint(
                condition=Q(act__in=[Act.HIDE, Act.SHOW]) ^ Q(record=""), name="decision_about_one_record"
            ),
            models.CheckConstraint(
                condition=~Q(grantee_kind=Grantee.EVERYONE) | Q(act__in=[Act.HIDE, Act.SHOW]),
                name="decision_everyone_is_never_let_in",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["owner", "grantee_kind", "grantee", "-sequence"], name="decision_newest_per_grantee"),
            models.Index(fields=["grantee", "owner", "-sequence"], name="decision_owners_of_grantee"),
        ]

    def __str__(self) -> str:
        return f"Decision {self.pk} ({self.act})"


class HiddenRecord(models.Model):
    """What the ledger's hide and show rows come to: one row per record hidden from a grantee, for the gate to read.

    Kept in the transaction of the decision; ``ledger.verify`` compares it with the decisions themselves.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    grantee_kind = models.CharField(max_length=12, choices=Grantee)
    grantee = models.CharField(max_length=140)
    record = models.CharField(max_length=130, help_text="Type/id")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner", "grantee_kind", "grantee", "record"], name="hidden_record_once_per_grantee"
            ),
        ]

    def __str__(self) -> str:
        return f"HiddenRecord {self.pk}"


class Relationship(models.TextChoices):
    """What the delegate is to the owner: http://terminology.hl7.org/CodeSystem/v3-RoleCode."""

    PARENT = "PRN", _("Parent")
    GUARDIAN = "GUARD", _("Guardian")
    SPOUSE = "SPS", _("Spouse or partner")
    CHILD = "CHILD", _("Child")
    FAMILY = "FAMMEMB", _("Another relative")
    FRIEND = "FRND", _("Friend")
    ATTORNEY = "POWATT", _("Holds a power of attorney")


class Delegation(models.Model):
    """A person who is asked to act for the owner, and whether she took it on.

    What she may see and until when is the owner's decision in the ledger (grantee: this ``uid``); this row only binds
    it to a person. ``guardian``: of a minor, so it also depends on the owner's age (guardians.py). ``invitation`` is
    the SHA-256 of the token in the mail, empty once it was answered.
    """

    uid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="delegations_given")
    delegate = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="delegations_held")
    name = models.CharField(max_length=200, help_text="as the owner calls her")
    email = models.EmailField(help_text="where the invitation went, in small letters")
    relationship = models.CharField(max_length=8, choices=Relationship)
    guardian = models.BooleanField(default=False)
    invitation = models.CharField(max_length=64, blank=True)
    invited = models.DateTimeField()
    lapses = models.DateTimeField()
    accepted = models.DateTimeField(null=True)
    declined = models.DateTimeField(null=True)
    reminded = models.DateTimeField(null=True, help_text="both were told that it ends soon")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["invitation"], condition=~Q(invitation=""), name="delegation_one_per_invitation"
            ),
            models.CheckConstraint(
                condition=Q(delegate__isnull=True, accepted__isnull=True)
                | Q(delegate__isnull=False, accepted__isnull=False, invitation=""),
                name="delegation_bound_when_accepted",
            ),
            models.CheckConstraint(
                condition=Q(delegate__isnull=True) | ~Q(delegate=F("owner")), name="delegation_to_another"
            ),
            models.CheckConstraint(condition=Q(relationship__in=Relationship.values), name="delegation_known_relation"),
        ]

    def __str__(self) -> str:
        return f"Delegation {self.uid}"
