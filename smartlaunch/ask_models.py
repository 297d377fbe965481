"""How a chart in an EHR and a person here find each other, and what a clinician asked of her.

What a clinician typed is nobody's and names nobody; whose chart it is, and what she was asked, are her own rows.
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from smartlaunch.ehr_models import Ehr, Organization, Visit


class Answer(models.TextChoices):
    VISIT = "visit", "for this visit"
    SEASON = "season", "for 90 days"
    ALWAYS = "always", "until she stops it"
    NO = "no", "no"


class ChartLink(models.Model):
    """That a chart of an EHR is hers, by her own word. ``patient``: the id there. ``ended``: she took it back."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="chart_links")
    ehr = models.ForeignKey(Ehr, models.PROTECT, related_name="+")
    patient = models.CharField(max_length=64)
    confirmed = models.DateTimeField()
    ended = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["ehr", "patient", "owner"], condition=Q(ended__isnull=True), name="chart_link_once"
            ),
        ]

    def __str__(self) -> str:
        return f"ChartLink {self.pk}"


class ShownCode(models.Model):
    """A code she shows or tells a clinician, so that he can ask her: once, for a quarter of an hour.

    ``digest``: keyed, so that what stands here is not the code.
    """

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    expires = models.DateTimeField()

    def __str__(self) -> str:
        return f"ShownCode of {self.owner_id}"


class Ask(models.Model):
    """That a clinician asked, by a code or by the chart he has open. Whether there is anybody to ask, a worker finds
    out later: until then, and for him always, all asks are alike. ``digest`` is emptied when it was delivered.
    """

    uid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    visit = models.ForeignKey(Visit, models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, blank=True)
    asked = models.DateTimeField()
    delivered = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["asked"], condition=Q(delivered__isnull=True), name="asks_to_deliver"),
        ]

    def __str__(self) -> str:
        return f"Ask {self.uid}"


class ShareRequest(models.Model):
    """What she was asked: by whom, for which chart, and what she said. ``told``: when the mail left."""

    uid = models.UUIDField(primary_key=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="share_requests")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+")
    ehr = models.ForeignKey(Ehr, models.PROTECT, related_name="+")
    visit = models.UUIDField()
    visit_ends = models.DateTimeField()
    patient = models.CharField(max_length=64)
    clinician = models.CharField(max_length=200, help_text="as she was told")
    asked = models.DateTimeField()
    lapses = models.DateTimeField()
    told = models.DateTimeField(null=True)
    answered = models.DateTimeField(null=True)
    answer = models.CharField(max_length=8, choices=Answer, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["-asked"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner", "organization"],
                condition=Q(answered__isnull=True),
                name="share_request_one_waits_for_each_organization",
            ),
            models.CheckConstraint(
                condition=Q(answered__isnull=True, answer="")
                | (Q(answered__isnull=False) & Q(answer__in=["", *Answer.values])),
                name="share_request_known_answer",
            ),
        ]

    def __str__(self) -> str:
        return f"ShareRequest {self.uid}"
