"""What an organisation can ask the people who share with it."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from smartlaunch.ehr_models import Organization


class Questionnaire(models.Model):
    """A questionnaire of an organisation's: ``body`` is its FHIR JSON, or empty for one of ours, named by ``ours``.

    What it once asked under a url and a version stays what it asked; it is withdrawn, never removed, because answers
    point at it.
    """

    uid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="questionnaires")
    ours = models.CharField(max_length=40, blank=True, default="")
    url = models.CharField(max_length=200)
    version = models.CharField(max_length=50)
    title = models.CharField(max_length=200)
    body = models.BinaryField(default=b"")
    entered = models.DateTimeField()
    withdrawn = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["title", "-entered"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "url", "version"], name="questionnaire_is_url_and_version"),
            models.UniqueConstraint(
                fields=["organization", "url"], condition=Q(withdrawn__isnull=True), name="questionnaire_one_offered"
            ),
            models.CheckConstraint(
                condition=(Q(ours="") & ~Q(body=b"")) | (~Q(ours="") & Q(body=b"")),
                name="questionnaire_ours_or_its_own",
            ),
        ]

    def __str__(self) -> str:
        return f"Questionnaire {self.uid}"
