"""Hospitals, an owner's connections to them, and the ledger of what each run asked for and got (DESIGN D10).

The ledger holds numbers, types and states in clear; whatever may name a person at the hospital (tokens, next links,
lists of ids) is sealed under the owner's key.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import Q

from records.models import Source
from sync.conversation_models import Message as Message
from sync.feed_models import Feed as Feed
from sync.feed_models import FileKind as FileKind
from sync.feed_models import FileState as FileState
from sync.feed_models import Shipment as Shipment
from sync.feed_models import ShipmentShare as ShipmentShare
from sync.feed_models import ShipmentState as ShipmentState
from sync.feed_models import ShippedFile as ShippedFile
from sync.upload_models import DocumentState as DocumentState
from sync.upload_models import Upload as Upload
from sync.upload_models import UploadedDocument as UploadedDocument
from sync.upload_models import UploadState as UploadState
from sync.wearable_models import DeviceOrder as DeviceOrder
from sync.wearable_models import Piece as Piece


class AuthMethod(models.TextChoices):
    """How we prove at the token endpoint who we are: RFC 7591 ``token_endpoint_auth_method``."""

    NONE = "none", "public client"
    SECRET = "client_secret_basic", "secret"
    KEY = "private_key_jwt", "signed assertion"


class HospitalQuerySet(models.QuerySet["Hospital"]):
    def active(self) -> HospitalQuerySet:
        return self.filter(active=True)


class Hospital(models.Model):
    """A FHIR server that a person may connect; by which names she finds it stands in its brands.

    ``fhir_base`` is the SMART ``iss``, kept exactly as the hospital spells it because it is also sent as ``aud``.
    ``client_id`` is empty where we are not registered yet. ``vendor`` names a profile of sync.vendors; ``fhir_version``
    is what a list said of it, or empty. ``sealed_secret`` is the client secret, or the private key as a JWK, by
    ``auth_method`` (records.sealing). ``sealed_signing``: what a maker of devices signs its notices with, where that is
    another secret (sync.notices).
    """

    slug = models.SlugField(unique=True, max_length=64)
    name = models.CharField(max_length=200)
    place = models.CharField(max_length=200, blank=True)
    fhir_base = models.URLField(unique=True, max_length=500)
    source = models.OneToOneField(Source, models.PROTECT, related_name="hospital")
    client_id = models.CharField(max_length=200, blank=True, default="")
    vendor = models.CharField(max_length=32, blank=True, default="")
    fhir_version = models.CharField(max_length=16, blank=True, default="")
    auth_method = models.CharField(max_length=32, choices=AuthMethod, default=AuthMethod.NONE)
    sealed_secret = models.BinaryField(null=True)
    sealed_signing = models.BinaryField(null=True)
    scopes = models.TextField()
    active = models.BooleanField(default=True)

    objects = HospitalQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="hospital_secret_fits_its_method",
                condition=Q(auth_method=AuthMethod.NONE, sealed_secret__isnull=True)
                | (Q(auth_method__in=[AuthMethod.SECRET, AuthMethod.KEY]) & Q(sealed_secret__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Brand(models.Model):
    """A name by which a hospital is found: its own, one of its sites', that of its portal.

    ``listing`` is the list it was taken from (sync.directory), ``key`` its name there. ``words``: all it is found by,
    folded (sync.directory.fold), its name first.
    """

    hospital = models.ForeignKey(Hospital, models.CASCADE, related_name="brands")
    listing = models.CharField(max_length=200)
    key = models.CharField(max_length=300)
    name = models.CharField(max_length=200)
    place = models.CharField(max_length=200, blank=True)
    portal = models.CharField(max_length=200, blank=True)
    words = models.TextField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["listing", "key", "hospital"], name="brand_once_in_its_listing"),
        ]
        indexes: ClassVar = [GinIndex(SearchVector("words", config="simple"), name="brand_by_words")]

    def __str__(self) -> str:
        return self.name


class ConnectionState(models.TextChoices):
    ACTIVE = "active", "updates come"
    NEEDS_REAUTH = "needs_reauth", "the hospital asks her to sign in again"
    STOPPED = "stopped", "she stopped the updates"
    HELD = "held", "it seems to be about somebody else: she is asked"


class Schedule(models.TextChoices):
    """How often updates come by themselves: her choice for each connection."""

    DAILY = "daily", "every day"
    WEEKLY = "weekly", "every week"
    MONTHLY = "monthly", "every month"
    ASKED = "asked", "only when she asks"


class Farewell(models.TextChoices):
    """Whether the hospital has revoked the tokens of a stopped connection (RFC 7009)."""

    WAITING = "waiting", "to be told"
    HEARD = "heard", "revoked there"
    NOT_OFFERED = "not_offered", "the hospital has no way to be told"
    NOT_HEARD = "not_heard", "told several times, never confirmed"


class Connection(models.Model):
    """An owner's link to one patient account at one hospital; reconnecting swaps the tokens in place.

    ``sealed_tokens``: JSON ``{"access_token", "refresh_token"}``; null once stopped, when ``sealed_farewell`` keeps
    them until the hospital has revoked them. ``token_expires`` is null where the hospital did not say.
    ``last_attempt``, ``last_success``, ``last_new_data`` are three different things. ``due``: when the next update
    begins by itself, null while there is none to come. ``removal``: when she asked that what came be deleted; null
    before, and again once it is. ``recognized``: when her Patient there was found to be her, by what it says or by her
    own word; ``sealed_subject``: whom it names, while she is asked. ``fed``: how far she has what the hospital
    exports to us as a group: its ``since``, ``#`` and the number of a shipment under way, or empty (sync.feeds).
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="connections",
        db_index=False,
    )
    hospital = models.ForeignKey(Hospital, models.PROTECT, related_name="connections")
    patient = models.CharField(max_length=64, help_text="id of her Patient at the hospital")
    sealed_tokens = models.BinaryField(null=True)
    token_endpoint = models.URLField(max_length=500)
    revocation_endpoint = models.URLField(max_length=500, blank=True, default="")
    sealed_farewell = models.BinaryField(null=True)
    farewell = models.CharField(max_length=12, choices=Farewell, blank=True, default="")
    farewell_tries = models.SmallIntegerField(default=0)
    farewell_tried = models.DateTimeField(null=True)
    token_expires = models.DateTimeField(null=True)
    scope = models.TextField(blank=True)
    state = models.CharField(max_length=16, choices=ConnectionState, default=ConnectionState.ACTIVE)
    connected = models.DateTimeField()
    recognized = models.DateTimeField(null=True)
    sealed_subject = models.BinaryField(null=True)
    last_attempt = models.DateTimeField(null=True)
    last_success = models.DateTimeField(null=True)
    last_new_data = models.DateTimeField(null=True)
    schedule = models.CharField(max_length=8, choices=Schedule, default=Schedule.DAILY)
    due = models.DateTimeField(null=True)
    removal = models.DateTimeField(null=True)
    fed = models.CharField(max_length=40, blank=True, default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner", "hospital", "patient"],
                name="connection_one_per_account",
            ),
            models.CheckConstraint(
                name="connection_active_holds_tokens",
                condition=~Q(state=ConnectionState.ACTIVE) | Q(sealed_tokens__isnull=False),
            ),
            models.CheckConstraint(
                name="connection_stopped_holds_no_tokens",
                condition=~Q(state=ConnectionState.STOPPED) | Q(sealed_tokens__isnull=True),
            ),
            models.CheckConstraint(condition=~Q(patient=""), name="connection_names_its_patient"),
            models.CheckConstraint(
                name="connection_held_says_whom",
                condition=Q(state=ConnectionState.HELD, sealed_subject__isnull=False)
                | (~Q(state=ConnectionState.HELD) & Q(sealed_subject__isnull=True)),
            ),
            models.CheckConstraint(
                name="connection_waiting_farewell_holds_tokens",
                condition=Q(farewell=Farewell.WAITING, sealed_farewell__isnull=False)
                | (~Q(farewell=Farewell.WAITING) & Q(sealed_farewell__isnull=True)),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(farewell=Farewell.WAITING), name="connection_farewell_waiting"),
            models.Index(
                fields=["due"],
                condition=Q(state=ConnectionState.ACTIVE, due__isnull=False),
                name="connection_by_due",
            ),
            models.Index(fields=["id"], condition=Q(removal__isnull=False), name="connection_being_removed"),
            models.Index(fields=["hospital", "patient"], name="connection_by_account"),
        ]

    def __str__(self) -> str:
        return f"Connection {self.pk}"


class RunKind(models.TextChoices):
    FIRST = "first", "the first pull"
    UPDATE = "update", "an update"


class RunState(models.TextChoices):
    QUEUED = "queued", "waiting for a worker"
    RUNNING = "running", "running"
    COMPLETE = "complete", "everything arrived"
    PARTIAL = "partial", "some of it is missing"
    FAILED = "failed", "nothing could be updated"


UNFINISHED = (RunState.QUEUED, RunState.RUNNING)


class RunQuerySet(models.QuerySet["Run"]):
    def unfinished(self) -> RunQuerySet:
        return self.filter(state__in=UNFINISHED)

    def claimable(self, *, at: datetime, lease: timedelta) -> RunQuerySet:
        """Unfinished, due, and either never claimed or silent for longer than the lease."""
        free = Q(claim__isnull=True) | Q(heartbeat__lt=at - lease)
        return self.unfinished().filter(free, due__lte=at)


class Run(models.Model):
    """One pull. ``claim`` names the worker call that holds it, ``heartbeat`` is its last sign of life.

    ``due`` lies ahead while the hospital asked us to wait. ``attempts`` counts the claims since a page last arrived, so
    that a run which cannot get on ends. ``rung`` is when its doorbell was last rung.
    ``problem`` is a code of sync.problems; its sentence is chosen where it is shown.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="runs", db_index=False)
    kind = models.CharField(max_length=8, choices=RunKind)
    state = models.CharField(max_length=8, choices=RunState, default=RunState.QUEUED)
    problem = models.CharField(max_length=32, blank=True)
    queued = models.DateTimeField()
    due = models.DateTimeField()
    rung = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    claim = models.UUIDField(null=True)
    claimed = models.DateTimeField(null=True)
    heartbeat = models.DateTimeField(null=True)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(state__in=UNFINISHED),
                name="run_one_at_a_time_per_connection",
            ),
            models.CheckConstraint(
                name="run_finished_exactly_when_it_ended",
                condition=Q(state__in=UNFINISHED, finished__isnull=True)
                | (~Q(state__in=UNFINISHED) & Q(finished__isnull=False)),
            ),
            models.CheckConstraint(
                name="run_claim_has_a_heartbeat",
                condition=Q(claim__isnull=True) | Q(heartbeat__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["owner", "connection", "-id"], name="run_newest_of_connection"),
            models.Index(
                fields=["due"],
                condition=Q(state__in=UNFINISHED),
                name="run_unfinished_by_due",
            ),
        ]

    def __str__(self) -> str:
        return f"Run {self.pk} ({self.state})"


class StepKind(models.TextChoices):
    SEARCH = "search", "a search over her compartment"
    POINTED = "pointed", "resources that hers point to"
    ABSENT = "absent", "what the hospital no longer lists"


class StepState(models.TextChoices):
    WAITING = "waiting", "not begun or under way"
    COMPLETE = "complete", "listed to the end"
    FAILED = "failed", "a page could not be had"
    REFUSED = "refused", "the hospital does not let us read it"
    UNSUPPORTED = "unsupported", "the hospital does not have this search"
    SHORT = "short", "listed to its end, and fewer than the hospital says it has"
    REPLACED = "replaced", "asked by category instead, or anew"


class RunStep(models.Model):
    """One type (and query) of a run: what the server said it has, what was asked, got and stored.

    ``total`` is the server's own figure, the highest of several, null where it gave none. ``received`` counts the
    matches that arrived, stored or not, ``included`` what came along with them. Each of these is one of new, changed,
    unchanged, unusable (could not be stored at all) or held_back (belongs to somebody else); ``invalid`` are stored and
    flagged, ``missing`` are known of but not to be had. ``listed``: how many different matches there were, once the
    listing has ended. ``walk``: a second and later one begins the listing anew. ``sealed_next`` is the next page's
    address; null before the first page and at the end, and still that of a page that could not be had.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="steps", db_index=False)
    number = models.SmallIntegerField()
    kind = models.CharField(max_length=8, choices=StepKind)
    resource_type = models.CharField(max_length=64)
    query = models.CharField(max_length=200, blank=True, help_text="what narrows the search, never an id")
    state = models.CharField(max_length=12, choices=StepState, default=StepState.WAITING)
    problem = models.CharField(max_length=32, blank=True)
    walk = models.SmallIntegerField(default=1)
    total = models.IntegerField(null=True)
    listed = models.IntegerField(null=True)
    pages_asked = models.IntegerField(default=0)
    pages_got = models.IntegerField(default=0)
    pages_failed = models.IntegerField(default=0)
    received = models.IntegerField(default=0)
    included = models.IntegerField(default=0)
    new = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0)
    invalid = models.IntegerField(default=0)
    unusable = models.IntegerField(default=0)
    held_back = models.IntegerField(default=0)
    deleted = models.IntegerField(default=0)
    missing = models.IntegerField(default=0)
    warnings = models.IntegerField(default=0)
    sealed_next = models.BinaryField(null=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "number"], name="runstep_numbered_within_its_run"),
            models.UniqueConstraint(
                fields=["run", "kind", "resource_type", "query", "walk"],
                name="runstep_asks_once_a_walk",
            ),
            models.CheckConstraint(
                name="runstep_pages_add_up",
                condition=Q(pages_asked=models.F("pages_got") + models.F("pages_failed")),
            ),
        ]

    def __str__(self) -> str:
        return f"RunStep {self.run_id}/{self.number} {self.resource_type}"


class PageOutcome(models.TextChoices):
    STORED = "stored", "stored"
    FAILED = "failed", "could not be had or read"


class PageEntry(models.Model):
    """One page in the ledger, written in the same transaction as the page's records.

    ``digest`` is half a SHA-256 of the page's address, by which a looping ``next`` is caught; ``listing`` the
    sealed ids that the page held, kept until the next complete listing of the type, to notice what has gone.
    """

    step = models.ForeignKey(RunStep, models.CASCADE, related_name="pages", db_index=False)
    number = models.IntegerField()
    outcome = models.CharField(max_length=8, choices=PageOutcome)
    problem = models.CharField(max_length=32, blank=True)
    http_status = models.SmallIntegerField(null=True)
    entries = models.IntegerField(default=0)
    tries = models.SmallIntegerField(default=1)
    requested = models.DateTimeField()
    took_ms = models.IntegerField()
    digest = models.BinaryField()
    listing = models.BinaryField(null=True)

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["step", "number"], name="pageentry_once_per_page"),
        ]

    def __str__(self) -> str:
        return f"PageEntry {self.step_id}/{self.number}"


class PointerState(models.TextChoices):
    WANTED = "wanted", "seen, not yet fetched"
    FETCHED = "fetched", "fetched"
    MISSING = "missing", "the hospital does not have it"
    REFUSED = "refused", "the hospital does not let us read it"
    FAILED = "failed", "could not be fetched"


class Pointer(models.Model):
    """A resource outside her compartment that one of hers points to. ``hop`` 1 is pointed to by a record of hers."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="pointers", db_index=False)
    resource_type = models.CharField(max_length=64)
    remote_id = models.CharField(max_length=64)
    hop = models.SmallIntegerField(default=1)
    state = models.CharField(max_length=8, choices=PointerState, default=PointerState.WANTED)
    asked = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "resource_type", "remote_id"], name="pointer_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["connection", "resource_type", "id"],
                condition=Q(state=PointerState.WANTED),
                name="pointer_wanted",
            ),
        ]

    def __str__(self) -> str:
        return f"Pointer {self.connection_id} {self.resource_type}"
