"""Apps that may ask, what they promise, and what they did in numbers. Client secrets are stored as digests."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Person
from gateway import redirects
from gateway.toolkit.models import (
    AbstractApplication,
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
