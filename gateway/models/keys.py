"""Keys that sign ours, keys that clients publish, and assertions that were used; ours are sealed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from gateway.models.applications import Application, SigningAlgorithm


class SigningKey(models.Model):
    """A key that signs id_tokens (keys.py says which and when). ``retired`` is when it stops, which may be to come."""

    kid = models.CharField(max_length=64, primary_key=True, help_text="RFC 7638 thumbprint")
    algorithm = models.CharField(max_length=8, choices=SigningAlgorithm, default=SigningAlgorithm.RS256)
    public = models.JSONField(help_text="public JWK")
    sealed = models.BinaryField(help_text="private JWK, sealed with the site's key")
    created = models.DateTimeField()
    retired = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(algorithm__in=SigningAlgorithm.values), name="signing_key_known_algorithm"
            ),
        ]

    def __str__(self) -> str:
        return f"SigningKey {self.kid}"


class FetchedKeySet(models.Model):
    """The keys a client publishes at its JWKS URL, as last fetched (keysets.py).

    ``tried`` is the last attempt, ``failed`` whether it did not succeed; ``body`` may be used until ``fresh_until``,
    which is what the client's own Cache-Control allowed.
    """

    application = models.OneToOneField(Application, models.CASCADE, primary_key=True, related_name="+")
    uri = models.URLField(max_length=500)
    body = models.TextField(blank=True, default="")
    tried = models.DateTimeField()
    failed = models.BooleanField(default=False)
    fresh_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"FetchedKeySet of application {self.application_id}"


class UsedAssertion(models.Model):
    """A client assertion seen before: SHA-256 of issuer and ``jti``, kept until the assertion would have expired."""

    digest = models.BinaryField(primary_key=True)
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"UsedAssertion until {self.expires:%Y-%m-%dT%H:%M:%SZ}"
