"""What a person asked to be reminded of, and of what she was."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Occasion(models.TextChoices):
    APPOINTMENT = "appointment", _("An appointment, the day before")
    RENEWAL = "renewal", _("A prescription that runs out within ten days")
    QUESTIONS = "questions", _("What a clinic asked you to answer, the day before it is wanted")


class How(models.TextChoices):
    """``text`` and ``call`` are accounts.phones.Way."""

    MAIL = "mail", _("By e-mail")
    TEXT = "text", _("By text message")
    CALL = "call", _("By a call")


class Wish(models.Model):
    """That she wants to be reminded; without one, nobody looks ahead in her record. ``looked``: when last."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    occasion = models.CharField(max_length=12, choices=Occasion)
    how = models.CharField(max_length=4, choices=How)
    looked = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "occasion"], name="wish_one_of_an_occasion"),
            models.CheckConstraint(condition=Q(occasion__in=Occasion.values), name="wish_known_occasion"),
            models.CheckConstraint(condition=Q(how__in=How.values), name="wish_known_way"),
        ]
        indexes: ClassVar = [models.Index(fields=["looked"], name="wish_by_last_look")]

    def __str__(self) -> str:
        return f"Wish {self.pk}"


class Reminder(models.Model):
    """One that was sent. ``about``: a digest of what it was about and when that is, so a new time is told of anew."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    about = models.CharField(max_length=64)
    sent = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "about"], name="reminder_sent_once"),
        ]

    def __str__(self) -> str:
        return f"Reminder {self.pk}"
