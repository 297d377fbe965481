"""What people let apps have, and the codes and tokens that prove it, stored as digests.

With ``Application`` these are the five OAuth models of django-oauth-toolkit, swapped before the first migration.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from gateway.models.applications import SCOPE_LENGTH_MAX, Application
from gateway.toolkit.models import (
    AbstractAccessToken,
    AbstractGrant,
    AbstractIDToken,
    AbstractRefreshToken,
    TokenChecksumField,
)


class AuthorizationQuerySet(models.QuerySet["Authorization"]):
    def live(self, *, at: datetime) -> AuthorizationQuerySet:
        return self.filter(revoked__isnull=True, expires__gt=at)


class Authorization(models.Model):
    """What one person let one app have, once she said yes: the target of codes and tokens (DESIGN D9).

    ``context`` is the launch context told to the app with every token (``{"patient": id}``). ``expires`` is the
    absolute end; ``decision`` the row of the consent ledger it stands on. A new yes to the same app replaces the old
    row, as it replaces the old decision. While ``paused`` is set no code or token of it is worth anything.
    ``authenticated`` is when she signed in (OIDC ``auth_time``). ``session`` is the digest of the sign-in that an
    ``online_access`` app lives and dies with; blank for the others.

    ``about`` is whose record it opens: null for her own; at a hospital, the patient for whose chart a clinician
    launched the app; else the owner for whom she acts by the ``delegation``, in whose ledger the decision then stands.
    She may have the same app open for several people at once.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="authorizations", db_index=False)
    about = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    delegation = models.ForeignKey("consent.Delegation", models.PROTECT, null=True, related_name="authorizations")
    application = models.ForeignKey(Application, models.PROTECT, related_name="authorizations")
    decision = models.ForeignKey("consent.Decision", models.PROTECT, related_name="+")
    scopes = ArrayField(
        models.CharField(max_length=SCOPE_LENGTH_MAX), help_text="as granted, spelt as the app gets them"
    )
    context = models.JSONField(default=dict)
    authenticated = models.DateTimeField()
    session = models.CharField(max_length=64, blank=True, default="")
    created = models.DateTimeField()
    expires = models.DateTimeField()
    revoked = models.DateTimeField(null=True)
    paused = models.DateTimeField(null=True)
    reminded = models.DateTimeField(null=True, help_text="when she was told that its end is near")
    last_used = models.DateTimeField(null=True)

    objects: ClassVar = AuthorizationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person", "application", "about", "delegation"],
                condition=Q(revoked__isnull=True),
                nulls_distinct=False,
                name="authorization_one_live_per_launch",
            ),
            models.CheckConstraint(condition=Q(expires__gt=F("created")), name="authorization_ends_later"),
            models.CheckConstraint(
                condition=Q(delegation__isnull=True) | Q(about__isnull=False), name="authorization_acts_for_somebody"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["person", "-created"], name="authorization_of_person")]

    def __str__(self) -> str:
        return f"Authorization {self.pk}"

    @property
    def owner_id(self) -> int:
        """In whose ledger and access log it stands."""
        return self.person_id if self.delegation_id is None or self.about_id is None else self.about_id

    @property
    def subject(self) -> uuid.UUID:
        """Who signed in."""
        return self.person.subject

    @property
    def fhir_user(self) -> str:
        """Who signed in, as SMART's ``fhirUser`` names her: of a delegate, what she is to whose record this is."""
        return self.person.fhir_user if self.delegation_id is None else f"RelatedPerson/{self.delegation_id}"


# Codes and tokens are written by the thousand, so their tables have the keys and indexes that a question of ours needs
# and no more: they are found by digest and by authorization, and swept by time in one statement. Of the package's
# columns, ``user`` and ``application`` repeat what the authorization row holds (its keys are the promise; an app is
# never deleted), and the links between tokens stay empty. A key on them would look up, and lock, a row for each token.


def _repeated(to: str, **options: Any) -> models.ForeignKey[Any, Any]:
    """A column of the package's that our questions do not go by."""
    return models.ForeignKey(to, models.CASCADE, related_name="+", db_index=False, db_constraint=False, **options)


def _unused(to: str, name: str) -> models.ForeignKey[Any, Any]:
    """A link of the package's that none of our rows has."""
    return models.ForeignKey(
        to, models.DO_NOTHING, null=True, blank=True, related_name=name, db_index=False, db_constraint=False
    )


class Grant(AbstractGrant):
    """An authorization code; ``code`` holds its SHA-256. Kept after use, so that a replay is recognised."""

    user = _repeated(settings.AUTH_USER_MODEL)
    application = _repeated(settings.OAUTH2_PROVIDER_APPLICATION_MODEL)
    code = models.CharField(max_length=255)
    authorization = models.ForeignKey(Authorization, models.CASCADE, related_name="+")
    consumed = models.DateTimeField(null=True)

    class Meta(AbstractGrant.Meta):
        abstract = False
        constraints: ClassVar = [models.UniqueConstraint(fields=["code"], name="grant_one_per_code")]


class AccessToken(AbstractAccessToken):
    """An opaque bearer token; ``token`` stays blank, ``token_checksum`` is its SHA-256.

    An authorization has at most one. A backend service's token has no ``authorization`` and no person: it opens only
    what people let the service have.
    """

    user = _repeated(settings.AUTH_USER_MODEL, null=True, blank=True)
    application = _repeated(settings.OAUTH2_PROVIDER_APPLICATION_MODEL, null=True, blank=True)
    token_checksum = TokenChecksumField(max_length=64)
    source_refresh_token = _unused(settings.OAUTH2_PROVIDER_REFRESH_TOKEN_MODEL, "refreshed_access_token")
    id_token = _unused(settings.OAUTH2_PROVIDER_ID_TOKEN_MODEL, "access_token")
    authorization = models.ForeignKey(Authorization, models.CASCADE, null=True, related_name="+", db_index=False)

    class Meta(AbstractAccessToken.Meta):
        abstract = False
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["token_checksum"], name="access_token_one_per_checksum"),
            models.UniqueConstraint(fields=["authorization"], name="access_token_one_per_authorization"),
        ]

    def allow_scopes(self, scopes: Iterable[str]) -> bool:
        """The package's own question is by equal strings; ours is asked of the parsed scopes (bearer.py)."""
        return not scopes or set(scopes) <= set(self.scope.split())

    @property
    def scopes(self) -> dict[str, str]:
        return {scope: scope for scope in self.scope.split()}


class RefreshToken(AbstractRefreshToken):
    """A refresh token; ``token_family`` is the ``uid`` of its authorization, and so of those that came from one code.

    ``replay`` is the answer that the rotation of this token gave, readable only with the token itself, for a client
    that lost the response (tokens.py).
    """

    user = _repeated(settings.AUTH_USER_MODEL)
    application = _repeated(settings.OAUTH2_PROVIDER_APPLICATION_MODEL)
    access_token = _unused(settings.OAUTH2_PROVIDER_ACCESS_TOKEN_MODEL, "refresh_token")
    authorization = models.ForeignKey(Authorization, models.CASCADE, related_name="+")
    replay = models.BinaryField(null=True)

    class Meta(AbstractRefreshToken.Meta):
        abstract = False
        # The package's (token_checksum, revoked) holds nothing for live rows, where revoked is NULL.
        unique_together: ClassVar = ()
        indexes: ClassVar = ()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["token_checksum"], name="refresh_token_one_per_checksum"),
        ]


class IDToken(AbstractIDToken):
    """Swapped because all five must be; no row is written, as an id_token is proved by its signature alone."""

    class Meta(AbstractIDToken.Meta):
        abstract = False


class SharedToken(models.Model):
    """A short token of a clinic's service, which an EHR's token was exchanged for (RFC 8693): one owner, one decision.

    ``kind`` and ``grantee`` are those of the decision, asked anew at every read. ``digest`` is the SHA-256 of the
    token. ``agent`` and ``name`` tell who worked there with it, for her access log.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    application = models.ForeignKey(Application, models.CASCADE, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=12)
    grantee = models.CharField(max_length=140)
    decision = models.ForeignKey("consent.Decision", models.PROTECT, related_name="+")
    scope = models.TextField()
    agent = models.CharField(max_length=120)
    name = models.CharField(max_length=200)
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"SharedToken of decision {self.decision_id}"
