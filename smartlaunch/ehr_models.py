"""EHRs that open us inside them, the organisations behind them, the clinicians who came so, and their visits.

Nobody's record is in these tables. Whom a visit is about at the EHR, and the EHR's tokens, are sealed.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from sync.models import AuthMethod


class ClinicRole(models.TextChoices):
    """What somebody who works there may do here, within what a patient shared."""

    NONE = "none", _("May not come in")
    READER = "reader", _("Looks only")
    CLINICIAN = "clinician", _("Looks, and sends reports into the chart")


class Organization(models.Model):
    """A clinic or hospital that somebody may share with: ``str(uid)`` is the grantee of decisions about it.

    ``staff``: who may open its pages here, with accounts of this site. Its clinicians have none: its EHR brings them.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.SlugField(unique=True, max_length=64)
    name = models.CharField(max_length=200)
    active = models.BooleanField(default=True)
    created = models.DateTimeField(auto_now_add=True)
    staff = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="organizations", blank=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Ehr(models.Model):
    """An EHR of an organisation that may launch us. ``iss`` is its FHIR base, compared letter by letter.

    ``slug`` is the part of our redirect address that is this EHR's alone (RFC 9700 4.4). ``sealed_secret``: the client
    secret, or the private key as a JWK, by ``auth_method``. ``frame_ancestors``: origins whose pages may hold ours.
    ``write_back``: whether reports may be sent there; ``break_glass``: whether a clinician may look without her leave
    in an emergency. ``cds_issuer``: who calls our CDS Hooks service for it, signing with the keys at ``cds_jwks_uri``.
    ``service_client_id``: the client of ours that may exchange its tokens (RFC 8693). Each empty where it does not.
    """

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="ehrs")
    slug = models.SlugField(unique=True, max_length=64)
    name = models.CharField(max_length=200)
    iss = models.CharField(unique=True, max_length=500)
    client_id = models.CharField(max_length=200)
    auth_method = models.CharField(max_length=32, choices=AuthMethod, default=AuthMethod.NONE)
    sealed_secret = models.BinaryField(null=True)
    scopes = models.TextField()
    frame_ancestors = ArrayField(models.CharField(max_length=200), default=list)
    write_back = models.BooleanField(default=False)
    break_glass = models.BooleanField(default=False)
    cds_issuer = models.CharField(max_length=500, blank=True, default="")
    cds_jwks_uri = models.URLField(max_length=500, blank=True, default="")
    service_client_id = models.CharField(max_length=100, blank=True, default="")
    active = models.BooleanField(default=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="ehr_secret_fits_its_method",
                condition=Q(auth_method=AuthMethod.NONE, sealed_secret__isnull=True)
                | (Q(auth_method__in=[AuthMethod.SECRET, AuthMethod.KEY]) & Q(sealed_secret__isnull=False)),
            ),
            models.UniqueConstraint(
                fields=["cds_issuer"], condition=~Q(cds_issuer=""), name="ehr_one_per_issuer_of_hooks"
            ),
            models.UniqueConstraint(
                fields=["service_client_id"], condition=~Q(service_client_id=""), name="ehr_one_per_service"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RoleRule(models.Model):
    """One line of an organisation's rules: who signs in with this claim has this role. The first that fits counts.

    ``claim`` is a claim of the EHR's id_token, or ``fhirUser`` for the type of the resource it points at; ``value`` is
    compared with the claim, or with each entry of a list. Whom no rule fits does not come in.
    """

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="rules")
    place = models.PositiveSmallIntegerField()
    claim = models.CharField(max_length=100)
    value = models.CharField(max_length=200)
    role = models.CharField(max_length=16, choices=ClinicRole)

    class Meta:
        ordering: ClassVar = ["organization", "place"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "place"], name="role_rule_has_a_place_of_its_own"),
            models.CheckConstraint(condition=Q(role__in=ClinicRole.values), name="role_rule_known_role"),
        ]

    def __str__(self) -> str:
        return f"RoleRule {self.pk}"


class Clinician(models.Model):
    """Somebody whom an organisation's EHR signed in: who that is, (issuer, subject) say, and nothing else does (D14).

    ``fhir_user`` is ``Type/id`` under that EHR's ``iss``. ``role`` is what the rules made of the last sign-in.
    """

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="clinicians")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    fhir_user = models.CharField(max_length=150)
    name = models.CharField(max_length=200)
    role = models.CharField(max_length=16, choices=ClinicRole)
    active = models.BooleanField(default=True)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization", "issuer", "subject"], name="clinician_is_issuer_and_subject"
            ),
            models.CheckConstraint(condition=Q(role__in=ClinicRole.values), name="clinician_known_role"),
        ]

    def __str__(self) -> str:
        return f"Clinician {self.pk}"


class Step(models.TextChoices):
    """How far a launch came, in order."""

    OPENED = "opened", _("The EHR opened us with an address that is in the list")
    COOKIE = "cookie", _("The browser took our cookie inside the frame")
    DISCOVERED = "discovered", _("The EHR told its endpoints, with PKCE by S256")
    RETURNED = "returned", _("The EHR sent the browser back, with a code for this very launch")
    EXCHANGED = "exchanged", _("The EHR took the code and our proof of who we are, and gave a token")
    IDENTIFIED = "identified", _("The id_token is the EHR's own, for us, for this launch, and names somebody there")
    ADMITTED = "admitted", _("The rules let that clinician in")
    COMPLETE = "complete", _("The EHR told whose chart is open")


class Arrival(models.Model):
    """A launch from an EHR that has not come back yet: once, for ten minutes, in the browser it began in.

    ``uid`` becomes that of the visit. ``state_hash`` is the SHA-256 of the state we send, ``secret_hash`` of what our
    cookie holds; ``sealed`` the launch token, the state, the PKCE verifier, the nonce and, once they were discovered,
    the endpoints; emptied when it is used. ``reached`` and ``problem``, a smartlaunch.refusals.Reason, are for the
    organisation's diagnosis.
    """

    uid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    ehr = models.ForeignKey(Ehr, models.CASCADE, related_name="+")
    state_hash = models.BinaryField(unique=True)
    secret_hash = models.BinaryField()
    sealed = models.BinaryField(null=True)
    created = models.DateTimeField()
    expires = models.DateTimeField(db_index=True)
    used = models.DateTimeField(null=True)
    reached = models.CharField(max_length=12, choices=Step, default=Step.OPENED)
    problem = models.CharField(max_length=20, blank=True, default="")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["ehr", "-created"], name="arrivals_of_ehr")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(expires__gt=F("created")), name="arrival_ends_after_it_begins"),
            models.CheckConstraint(condition=Q(reached__in=Step.values), name="arrival_known_step"),
        ]

    def __str__(self) -> str:
        return f"Arrival {self.uid}"


class VisitQuerySet(models.QuerySet["Visit"]):
    def open(self, *, at: datetime) -> VisitQuerySet:
        """Not over, and nobody it stands on has been shut out."""
        return self.filter(
            ended__isnull=True,
            ends__gt=at,
            ehr__active=True,
            clinician__active=True,
            clinician__organization__active=True,
        ).exclude(clinician__role=ClinicRole.NONE)


class Visit(models.Model):
    """A clinician with one patient's chart open in his EHR: one frame, one tab. Its address and its cookie name it.

    ``person``: whose record here it is about, while she shares something with it. ``sealed``: JSON
    ``{"patient", "encounter", "scope"}``, ids as the EHR has them, for as long as the row is kept; ``sealed_token``:
    the EHR's token, emptied when the visit is over. ``ends``: when that token does.
    """

    uid = models.UUIDField(primary_key=True, editable=False)
    ehr = models.ForeignKey(Ehr, models.PROTECT, related_name="visits")
    clinician = models.ForeignKey(Clinician, models.PROTECT, related_name="visits")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    secret_hash = models.BinaryField()
    sealed = models.BinaryField()
    sealed_token = models.BinaryField(null=True)
    need_patient_banner = models.BooleanField(default=True)
    smart_style_url = models.CharField(max_length=500, blank=True)
    intent = models.CharField(max_length=100, blank=True)
    began = models.DateTimeField()
    ends = models.DateTimeField(db_index=True)
    ended = models.DateTimeField(null=True)

    objects = VisitQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(ends__gt=F("began")), name="visit_ends_after_it_begins"),
        ]
        indexes: ClassVar = [models.Index(fields=["clinician", "-began"], name="visits_of_clinician")]

    def __str__(self) -> str:
        return f"Visit {self.uid}"
