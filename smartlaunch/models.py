"""A launch: one attempt of a person to connect a hospital, from our page to the hospital's and back."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from smartlaunch.ask_models import Answer as Answer
from smartlaunch.ask_models import Ask as Ask
from smartlaunch.ask_models import ChartLink as ChartLink
from smartlaunch.ask_models import ShareRequest as ShareRequest
from smartlaunch.ask_models import ShownCode as ShownCode
from smartlaunch.ehr_models import Arrival as Arrival
from smartlaunch.ehr_models import Clinician as Clinician
from smartlaunch.ehr_models import ClinicRole as ClinicRole
from smartlaunch.ehr_models import Ehr as Ehr
from smartlaunch.ehr_models import Organization as Organization
from smartlaunch.ehr_models import RoleRule as RoleRule
from smartlaunch.ehr_models import Step as Step
from smartlaunch.ehr_models import Visit as Visit
from smartlaunch.follow_up_models import FollowUp as FollowUp
from smartlaunch.questionnaire_models import Questionnaire as Questionnaire
from sync.models import Hospital


class Launch(models.Model):
    """Kept in the database and found by its state, so that two tabs never mix and a session cannot be fed one (D14).

    ``state_hash`` is the SHA-256 of the ``state`` we sent; ``sealed`` holds the PKCE verifier, the nonce and the
    endpoints that were discovered when it began. It serves one person, once, for ten minutes.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    hospital = models.ForeignKey(Hospital, models.CASCADE, related_name="+")
    state_hash = models.BinaryField(unique=True)
    sealed = models.BinaryField()
    created = models.DateTimeField()
    expires = models.DateTimeField(db_index=True)
    used = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(expires__gt=F("created")),
                name="launch_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return f"Launch {self.pk}"
