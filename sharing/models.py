"""What a person hands over by herself: SMART Health Links and health cards; the keys that sign those."""

from __future__ import annotations

import uuid
from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import Q

PASSCODE_TRIES: Final = 5
"""Wrong passcodes in the whole life of a link; the last one shuts it for good."""


class Content(models.TextChoices):
    SUMMARY = "summary", "an International Patient Summary"
    RECORDS = "records", "the records themselves"


class HealthLink(models.Model):
    """A link she made. What it reaches, until when and why is a decision in her ledger; its grantee is this ``uid``.

    ``digest``: SHA-256 of the secret in its address. ``sealed``: that secret and the passcode, under her key. The key
    that opens its files is kept nowhere (links.py). ``frozen``: the content as it was when she made it, sealed under
    her key; None for a live one, which is read anew each time. ``tries``: wrong passcodes that are left; None where
    there is no passcode. ``opened``: when somebody first saw what is in it; ``told``: when she was told of that.
    """

    uid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="health_links")
    digest = models.CharField(max_length=64, unique=True)
    sealed = models.BinaryField()
    label = models.CharField(max_length=80)
    content = models.CharField(max_length=8, choices=Content)
    frozen = models.BinaryField(null=True)
    tries = models.SmallIntegerField(null=True)
    made = models.DateTimeField()
    opened = models.DateTimeField(null=True)
    told = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(content__in=Content.values), name="health_link_known_content"),
            models.CheckConstraint(
                condition=Q(tries__isnull=True) | Q(tries__gte=0), name="health_link_tries_end_at_none"
            ),
            models.CheckConstraint(
                condition=Q(told__isnull=True) | Q(opened__isnull=False), name="health_link_told_of_what_happened"
            ),
        ]

    def __str__(self) -> str:
        return f"HealthLink {self.uid}"

    @property
    def is_live(self) -> bool:
        return self.frozen is None

    @property
    def has_passcode(self) -> bool:
        return self.tries is not None

    @property
    def is_direct(self) -> bool:
        """Whether the address gives the one file itself, without a manifest (flag ``U``, never beside ``P``)."""
        return not self.has_passcode

    @property
    def flag(self) -> str:
        """Letters of the specification, in the order of the alphabet."""
        return "".join(
            letter for letter, holds in (("L", self.is_live), ("P", self.has_passcode), ("U", self.is_direct)) if holds
        )


class CardKey(models.Model):
    """A key of this site that signs health cards. Published for good: a card is believed as long as its key is."""

    kid = models.CharField(max_length=64, primary_key=True, help_text="RFC 7638 thumbprint")
    public = models.JSONField(help_text="public JWK")
    sealed = models.BinaryField(help_text="private JWK, sealed with the site's key")
    created = models.DateTimeField()

    def __str__(self) -> str:
        return f"CardKey {self.kid}"


class Card(models.Model):
    """A health card she made: that it was, and nothing of what it says.

    ``kid``: the key that signed it, which may be gone. ``shots``: how many immunizations it holds. The ``rid`` in the
    card is made of her key and ``uid`` whenever it is needed (cards.py).
    """

    uid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="health_cards")
    kid = models.CharField(max_length=64)
    shots = models.PositiveSmallIntegerField()
    made = models.DateTimeField()
    taken_back = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["owner", "-made"], name="card_of_owner_newest_first")]

    def __str__(self) -> str:
        return f"Card {self.uid}"


class TakenBack(models.Model):
    """What is published of a card that was taken back: its ``rid``, and not whose it was or when."""

    key = models.ForeignKey(CardKey, models.CASCADE, related_name="taken_back")
    rid = models.CharField(max_length=24)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["key", "rid"], name="taken_back_once")]

    def __str__(self) -> str:
        return f"TakenBack {self.pk}"
