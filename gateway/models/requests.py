"""What an app asks for and is opened with, on its way to an answer: short-lived rows."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from gateway.models.applications import Application


class AuthorizationRequest(models.Model):
    """A validated authorization request waiting for her answer. ``answered`` is set by whoever answers first."""

    uid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey(Application, models.CASCADE, related_name="+")
    params = models.JSONField()
    launch = models.ForeignKey(
        "Launch", models.CASCADE, null=True, related_name="+", help_text="the launch it came from, spent by it"
    )
    created = models.DateTimeField()
    expires = models.DateTimeField(db_index=True)
    answered = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"AuthorizationRequest {self.uid}"


class Launch(models.Model):
    """An app being opened from here: the single-use ``launch`` token of SMART's EHR launch, kept as its SHA-256.

    Bound to whoever opened it and to the app. ``about`` is whose record it was opened from, null for her own: a patient
    of this hospital, or with ``delegation`` somebody for whom she acts. ``context`` is what else the app is told
    (``{"encounter": id, "intent": …}``).
    """

    digest = models.BinaryField(primary_key=True)
    application = models.ForeignKey(Application, models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    about = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    delegation = models.ForeignKey("consent.Delegation", models.CASCADE, null=True, related_name="+")
    context = models.JSONField(default=dict)
    expires = models.DateTimeField(db_index=True)
    used = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Launch until {self.expires:%Y-%m-%dT%H:%M:%SZ}"


class PushedRequest(models.Model):
    """An authorization request its client sent ahead (RFC 9126); ``digest`` is the SHA-256 of its ``request_uri``."""

    digest = models.BinaryField(primary_key=True)
    application = models.ForeignKey(Application, models.CASCADE, related_name="+")
    params = models.JSONField()
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"PushedRequest until {self.expires:%Y-%m-%dT%H:%M:%SZ}"
