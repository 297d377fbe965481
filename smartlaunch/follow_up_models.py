"""What clinics asked her to answer, as far as it is no part of her record: by when, and what became of it."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from smartlaunch.ehr_models import Organization


class FollowUp(models.Model):
    """A questionnaire a clinician asked her to answer. All that is asked and said is in her record, in the conversation
    with that organisation: ``ask`` is the Communication that asks, ``questionnaire`` the Questionnaire of hers,
    ``response`` her QuestionnaireResponse.

    ``wanted``: the day by which it is wanted. ``declined``: she will not answer, of which nobody there is told.
    """

    uid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+", db_index=False)
    ask = models.CharField(max_length=64)
    questionnaire = models.CharField(max_length=64)
    response = models.CharField(max_length=64, blank=True, default="")
    asked = models.DateTimeField()
    wanted = models.DateField(null=True)
    answered = models.DateTimeField(null=True)
    declined = models.DateTimeField(null=True)
    taken_back = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-asked"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "ask"], name="follow_up_one_of_an_ask"),
            models.CheckConstraint(
                condition=Q(answered__isnull=True) | Q(declined__isnull=True), name="follow_up_answered_or_declined"
            ),
            models.CheckConstraint(
                condition=Q(answered__isnull=True, response="") | (Q(answered__isnull=False) & ~Q(response="")),
                name="follow_up_answered_by_a_response",
            ),
            models.CheckConstraint(
                condition=Q(taken_back__isnull=True) | Q(answered__isnull=False), name="follow_up_answered_before"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["owner", "organization", "-asked"], name="follow_ups_of_conversation"),
            models.Index(
                fields=["owner"], condition=Q(answered__isnull=True, declined__isnull=True), name="follow_ups_open"
            ),
        ]

    def __str__(self) -> str:
        return f"FollowUp {self.uid}"

    @property
    def open(self) -> bool:
        return self.answered is None and self.declined is None
