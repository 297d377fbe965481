"""Apps that may ask, what people let them have, and the short-lived things that prove it.

The five OAuth models of django-oauth-toolkit are swapped for the ones below before the first migration. Codes, tokens
and client secrets are stored as digests; signing keys are sealed. ``Authorization`` is the row everything hangs on.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Person
from gateway import redirects
from gateway.toolkit.models import (
    AbstractAccessToken,
    AbstractApplication,
    AbstractGrant,
    AbstractIDToken,
    AbstractRefreshToken,
    TokenChecksumField,
)

SCOPE_LENGTH_MAX = 300
"""Characters of one scope that we accept; the ledger keeps each as written."""


INTROSPECTION = "__introspection"
"""The scope of a resource server, which may ask about any token of ours. SMART's extensions begin with ``__``."""


class AuthMethod(models.TextChoices):
    """How a client proves who it is at the token endpoint: IANA OAuth Token Endpoint Authentication Methods."""

    NONE = "none", "public, PKCE alone"
    BASIC = "client_secret_basic", "secret in the Authorization header"
    POST = "client_secret_post", "secret in the form"
    PRIVATE_KEY_JWT = "private_key_jwt", "signed assertion"


class SigningAlgorithm(models.TextChoices):
    """What an id_token is signed with: RS256 (OIDC's own default), or ES384 for an app that was registered so."""

    RS256 = "RS256", "RS256"
    ES384 = "ES384", "ES384"


class Purpose(models.TextChoices):
    """What an app wants records for: http://terminology.hl7.org/CodeSystem/v3-ActReason."""

    PATRQT = "PATRQT", _("for your own use")
    TREAT = "TREAT", _("for your treatment")
    COVERAGE = "COVERAGE", _("for your insurance or benefits")
    HRESCH = "HRESCH", _("for research")
    HMARKT = "HMARKT", _("for advertising")


class Retention(models.TextChoices):
    """How long an app keeps what it read: the first line of its privacy label."""

    UNSAID = "", _("It does not say how long it keeps your records.")
    SESSION = "session", _("It keeps your records only while you are using it.")
    CONNECTED = "connected", _("It keeps your records until you stop it.")
    YEAR = "year", _("It keeps your records for up to a year after you stop it.")
    LONGER = "longer", _("It keeps your records longer than a year after you stop it, or without an end.")


class Resale(models.TextChoices):
    """Whether an app hands on what it read."""

    UNSAID = "", _("It does not say whether it sells your records or passes them on.")
    NEVER = "never", _("It never sells your records or passes them on.")
    NAMELESS = "nameless", _("It sells or passes on your records, without your name.")
    SOLD = "sold", _("It sells or passes on your records.")


class Deletion(models.TextChoices):
    """How an app's copy of her records ends."""

    UNSAID = "", _("It does not say how its copy is deleted.")
    ITSELF = "itself", _("It deletes its copy by itself when you stop it.")
    ASKED = "asked", _("It deletes its copy when you ask it to.")
    NEVER = "never", _("It does not delete its copy.")


class Application(AbstractApplication):
    """A registered app. It is deactivated, never deleted: a deletion would take other people's tokens with it.

    ``scopes`` is the widest it may ask for, space-separated; ``description``, ``homepage_uri`` and ``policy_uri`` are
    what the consent page shows of it, with ``maker``, ``purpose`` and the privacy label: ``retention``, ``resale`` and
    ``deletion`` are what its maker promises. ``study_ends`` is the last day of a study, for one of research: she can
    choose it as the end. ``client_jwks`` and ``client_jwks_uri`` are spelt as the package's next release
    does. The authentication method is pinned: no other is accepted from this client.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="registered_applications"
    )
    authorization_grant_type = models.CharField(
        max_length=44,
        choices=AbstractApplication.GRANT_TYPES,
        default=AbstractApplication.GRANT_AUTHORIZATION_CODE,
    )
    algorithm = models.CharField(
        max_length=5,
        choices=SigningAlgorithm,
        default=SigningAlgorithm.RS256,
        help_text="what its id_tokens are signed with",
    )
    token_endpoint_auth_method = models.CharField(max_length=32, choices=AuthMethod)
    client_jwks = models.TextField(blank=True, default="", help_text="JSON Web Key Set of the app's public keys")
    client_jwks_uri = models.URLField(max_length=500, blank=True, default="")
    launch_uri = models.URLField(
        max_length=500, blank=True, default="", help_text="where the app is opened from here (SMART EHR launch)"
    )
    scopes = models.TextField(help_text="widest scopes it may ask for, space-separated")
    description = models.CharField(max_length=500, blank=True, default="")
    homepage_uri = models.URLField(max_length=500, blank=True, default="")
    policy_uri = models.URLField(max_length=500, blank=True, default="")
    maker = models.CharField(max_length=200, blank=True, default="", help_text="the company or people who make it")
    purpose = models.CharField(max_length=8, choices=Purpose, default=Purpose.PATRQT)
    study_ends = models.DateField(null=True, blank=True)
    retention = models.CharField(max_length=12, choices=Retention, blank=True, default=Retention.UNSAID)
    resale = models.CharField(max_length=12, choices=Resale, blank=True, default=Resale.UNSAID)
    deletion = models.CharField(max_length=12, choices=Deletion, blank=True, default=Deletion.UNSAID)
    active = models.BooleanField(default=True)
    on_trial = models.BooleanField(default=False, help_text="only synthetic people can let it in")
    previous_secret = models.CharField(max_length=128, blank=True, default="", help_text="good beside the new one")
    previous_secret_expires = models.DateTimeField(null=True, blank=True)

    class Meta(AbstractApplication.Meta):
        abstract = False
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(client_type="public", token_endpoint_auth_method=AuthMethod.NONE)
                | (Q(client_type="confidential") & ~Q(token_endpoint_auth_method=AuthMethod.NONE)),
                name="application_public_means_no_secret",
            ),
            models.CheckConstraint(
                condition=Q(token_endpoint_auth_method__in=AuthMethod.values), name="application_known_auth_method"
            ),
            models.CheckConstraint(condition=Q(skip_authorization=False), name="application_always_asks"),
            models.CheckConstraint(
                condition=Q(algorithm__in=SigningAlgorithm.values), name="application_known_algorithm"
            ),
            models.CheckConstraint(
                condition=Q(client_jwks="") | Q(client_jwks_uri=""), name="application_keys_from_one_place"
            ),
            models.CheckConstraint(condition=Q(purpose__in=Purpose.values), name="application_known_purpose"),
            models.CheckConstraint(
                condition=Q(retention__in=Retention.values, resale__in=Resale.values, deletion__in=Deletion.values),
                name="application_known_promises",
            ),
        ]

    def get_allowed_schemes(self) -> list[str]:
        return redirects.schemes(self.redirect_uris.split())

    def redirect_uri_allowed(self, uri: str) -> bool:
        return redirects.is_registered(uri, self.redirect_uris.split())

    def is_usable(self, request: object) -> bool:
        return self.active

    def admits(self, person: Person) -> bool:
        """Whether this person may be asked at all: an app on trial meets only people who are made up."""
        return person.is_synthetic or not self.on_trial

    @property
    def is_backend(self) -> bool:
        return speaks_for_itself(self.scopes.split(), self.token_endpoint_auth_method)


def speaks_for_itself(policy: Collection[str], method: str) -> bool:
    """Whether a client of these scopes has tokens of its own.

    A backend service proves itself by signature, and its policy holds ``system/`` scopes (SMART backend-services); a
    resource server may have a secret instead.
    """
    reads = method == AuthMethod.PRIVATE_KEY_JWT and any(scope.startswith("system/") for scope in policy)
    return reads or (method != AuthMethod.NONE and INTROSPECTION in policy)


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


class Logo(models.Model):
    """An app's picture, as logos.py has checked it; apart from the app, so that nothing else has to load it."""

    application = models.OneToOneField(Application, models.CASCADE, primary_key=True, related_name="logo")
    png = models.BinaryField()

    def __str__(self) -> str:
        return f"Logo of {self.application_id}"


class Usage(models.Model):
    """What one app did on one day (UTC), in numbers; nobody is named. ``used`` is how often each permission was used.

    ``used`` has keys such as ``Observation.s``: a FHIR type and the letter of SMART that the request needed.
    """

    application = models.ForeignKey(Application, models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    tokens = models.IntegerField(default=0)
    calls = models.IntegerField(default=0)
    errors = models.IntegerField(default=0)
    used = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["application", "day"], name="usage_one_row_per_app_and_day"),
        ]

    def __str__(self) -> str:
        return f"Usage {self.application_id} {self.day}"
