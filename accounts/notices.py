"""Mail that a person may do without: what is told of what others did, each kind switched off by itself.

What keeps her account hers (a new password, a sign-in, a link shut after wrong passcodes) is always told.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Person


class Notice(models.TextChoices):
    OPENED = "opened", _("Somebody opens a link of yours for the first time")
    ENDING = "ending", _("The access of an app, or of somebody who acts for you, ends soon")
    MESSAGE = "message", _("A clinic writes you a message")
    ACTING = "acting", _("Somebody agrees to act for you, stops, or lets an app in")


def is_wanted(person: Person, notice: Notice) -> bool:
    return notice not in person.silenced
