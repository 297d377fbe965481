"""People: who signs in, and whose record it is."""

from __future__ import annotations

import uuid
from typing import ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


def new_patient_id() -> str:
    """A fresh logical id for the Patient resource of a person."""
    return str(uuid.uuid4())


class Role(models.TextChoices):
    """What a person is here for; it decides which pages exist for them, never what they may read."""

    PATIENT = "patient", _("Patient")
    CLINICIAN = "clinician", _("Clinician")
    DEVELOPER = "developer", _("App developer")


class PersonManager(BaseUserManager["Person"]):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> Person:
        person = self.model(email=self.normalize_email(email).lower(), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> Person:
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> Person:
        return self.get(email__iexact=username)


# The toolkit gives its models no managers that the type checker could resolve; nobody follows those from here.
class Person(AbstractBaseUser, PermissionsMixin):  # type: ignore[django-manager-missing]
    """Someone who signs in. As owner of a record, ``id`` leads every clinical row (DESIGN D2).

    ``subject`` is the opaque, stable OIDC ``sub``; ``patient_id`` is the logical id of the one Patient resource that
    stands for this person in our API, the ``patient`` of every launch context.
    """

    # 32 bits on purpose: it stands in every search row.
    id = models.AutoField(primary_key=True)
    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    subject = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient_id = models.CharField(max_length=64, default=new_patient_id, unique=True, editable=False)
    practitioner_id = models.CharField(
        max_length=64, blank=True, default="", editable=False, help_text="of a hospital's clinician: her Practitioner"
    )
    role = models.CharField(max_length=16, choices=Role, default=Role.PATIENT)
    language = models.CharField(_("language"), max_length=8, default="en")
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    silenced = models.JSONField(default=list, blank=True, help_text="kinds of accounts.notices.Notice she does without")
    phone = models.CharField(max_length=16, blank=True, default="", help_text="E.164, and shown to be hers by a code")
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    is_synthetic = models.BooleanField(default=False, help_text="made up, for testing apps: nobody is behind it")
    created = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[PersonManager] = PersonManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("email"), name="person_one_account_per_email"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="person_known_role"),
        ]

    def __str__(self) -> str:
        return f"Person {self.pk}"

    @property
    def zone(self) -> ZoneInfo:
        """Her time zone; UTC where what is kept of it names none."""
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")

    @property
    def fhir_user(self) -> str:
        """The FHIR resource that stands for whoever signs in, as ``Type/id``."""
        return f"Practitioner/{self.practitioner_id}" if self.practitioner_id else f"Patient/{self.patient_id}"
