"""The FHIR record store: sealed bodies, every version, blind search rows, counters (DESIGN D2 to D5).

Every clinical row leads with its owner. Nothing outside ``records``, ``sync`` and ``consent.gate`` reads these models;
their manager is called ``unguarded`` so that a careless reader has to say so.
"""

from __future__ import annotations

from typing import ClassVar, Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

# How far an interval without beginning or end reaches: beyond every date, and its length still fits 64 bits.
FAR: Final = 2**61


class SourceKind(models.TextChoices):
    SELF = "self", "the person herself and what we compute for her"
    EHR = "ehr", "a hospital or clinic"
    PAYER = "payer", "a health plan"
    UPLOAD = "upload", "a file she gave us"
    APP = "app", "an app that writes for her"
    WEARABLE = "wearable", "a maker of devices that she wears or uses"


class Source(models.Model):
    """Where a record came from: one row per system, shared by all owners. ``url`` is a FHIR base or a URN."""

    id = models.AutoField(primary_key=True)
    kind = models.CharField(max_length=8, choices=SourceKind)
    name = models.CharField(max_length=200)
    url = models.CharField(max_length=500, unique=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=SourceKind.values), name="source_known_kind"),
        ]

    def __str__(self) -> str:
        return self.name


class OwnerKey(models.Model):
    """The data key of one owner, wrapped by a master key. Destroying this row makes her record unreadable."""

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True, related_name="+")
    wrapped = models.BinaryField()
    master_key_id = models.CharField(max_length=255)
    created = models.DateTimeField(auto_now_add=True)

    unguarded = models.Manager()

    def __str__(self) -> str:
        return f"OwnerKey {self.owner_id}"


class DestroyedKey(models.Model):
    """An owner whose key was destroyed: she never gets another, and her rows may be removed. Append-only by trigger.

    Whoever restores a backup made before must erase these owners again (custody/restoring.py). A number, no name.
    """

    owner_id = models.IntegerField(primary_key=True)
    destroyed = models.DateTimeField()

    unguarded = models.Manager()

    def __str__(self) -> str:
        return f"DestroyedKey {self.owner_id}"


class Dating(models.IntegerChoices):
    """How ``occurred`` stands to the type's main date parameter (indexing.MAIN_DATE)."""

    OTHERWISE = 0, "the resource has no such date: taken from elsewhere, or unknown"
    EXACT = 1, "it is that date"
    SEVERAL = 2, "it spans several such dates"


class Record(models.Model):
    """The current version of one resource.

    ``occurred``/``occurred_end``: the half-open interval in which it clinically happened, microseconds since 1970 UTC.
    ``labels``: a bit set of sensitivity labels (labels.py). ``body``: the exact JSON to serve, compressed and sealed.
    ``problems``: sealed JSON list of what breaks the models, for a record kept as received; empty when there is none.
    ``content_hash``: BLAKE2b-128 over what the source said, to skip what did not change.
    """

    pk = models.CompositePrimaryKey("owner_id", "id")
    id = models.BigIntegerField()
    occurred = models.BigIntegerField()
    occurred_end = models.BigIntegerField()
    last_updated = models.DateTimeField()
    # Its counter's foreign keys hold these two: checking them again for every row costs more than storing it (ADR 10).
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    source = models.ForeignKey(Source, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    labels = models.IntegerField(default=0)
    version_id = models.IntegerField()
    resource_type = models.SmallIntegerField()
    dating = models.SmallIntegerField(choices=Dating, default=Dating.OTHERWISE)
    deleted = models.BooleanField(default=False)
    logical_id = models.CharField(max_length=64)
    content_hash = models.BinaryField()
    body = models.BinaryField()
    problems = models.BinaryField(null=True)
    attachment = models.CharField(max_length=80, null=True, help_text="name of the out-of-line body")  # noqa: DJ001 - none is not an empty name

    unguarded = models.Manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "resource_type", "logical_id"], name="record_one_per_id"),
            models.CheckConstraint(condition=Q(version_id__gt=0), name="record_versions_count_from_one"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["owner", "resource_type", "occurred", "id"], name="record_reading_order"),
            # The history of a type, last changed first.
            models.Index(fields=["owner", "resource_type", "last_updated", "id"], name="record_order_of_change"),
            models.Index(
                fields=["owner", "occurred", "id"], condition=~Q(labels=0) & Q(deleted=False), name="record_labelled"
            ),
            # Few: a condition that lasts, an encounter without an end. A search by date looks them up here.
            models.Index(
                fields=["owner", "resource_type", "occurred", "id"],
                name="record_endless",
                condition=Q(occurred_end=FAR) | Q(occurred=-FAR),
            ),
        ]

    def __str__(self) -> str:
        return f"Record {self.owner_id}/{self.id}"


class RecordVersion(models.Model):
    """A version that is no longer current. Append-only by trigger."""

    pk = models.CompositePrimaryKey("owner_id", "record", "version_id")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    record = models.BigIntegerField()
    version_id = models.IntegerField()
    last_updated = models.DateTimeField()
    deleted = models.BooleanField()
    labels = models.IntegerField()
    body = models.BinaryField()
    attachment = models.CharField(max_length=80, null=True)  # noqa: DJ001 - as in Record

    unguarded = models.Manager()

    def __str__(self) -> str:
        return f"RecordVersion {self.owner_id}/{self.record}/{self.version_id}"


class Labelling(models.Model):
    """How far an owner's sensitivity labels are made: one row per owner who has records.

    ``version``: of the value sets under which all her labels were made (labels.VERSION); empty when they must be made
    anew. ``reached``: the last record already made anew. ``marked``: whether she ever marked a record herself.
    """

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True, related_name="+")
    version = models.CharField(max_length=24)
    reached = models.BigIntegerField(default=0)
    marked = models.BooleanField(default=False)

    unguarded = models.Manager()

    def __str__(self) -> str:
        return f"Labelling {self.owner_id}"


class Verdict(models.IntegerChoices):
    """What an owner says of a record's sensitivity."""

    AUTOMATIC = 0, "as the rules say"
    SENSITIVE = 1, "sensitive, whatever the rules say"
    ORDINARY = 2, "not sensitive in the ways the rules said then"


class LabelMark(models.Model):
    """An owner's word on one record; the newest counts. Append-only by trigger.

    It stands for the logical id, so it outlives every sync. ``released``: the labels it had when she called it
    ordinary: one that is found later withholds it again.
    """

    pk = models.CompositePrimaryKey("owner_id", "resource_type", "logical_id", "number")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    resource_type = models.SmallIntegerField()
    logical_id = models.CharField(max_length=64)
    number = models.IntegerField()
    verdict = models.SmallIntegerField(choices=Verdict)
    released = models.IntegerField(default=0)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    marked = models.DateTimeField()

    unguarded = models.Manager()

    def __str__(self) -> str:
        return f"LabelMark {self.owner_id}/{self.logical_id}/{self.number}"


class SamenessVerdict(models.IntegerChoices):
    """What an owner says of two records."""

    AUTOMATIC = 0, "as the rules say"
    SAME = 1, "the same, whatever the rules say"
    DIFFERENT = 2, "not the same, whatever the rules say"


class SamenessWord(models.Model):
    """An owner's word on whether two records tell the same fact; the newest counts. Append-only by trigger.

    It stands for the logical ids, so it outlives every sync. What the rules find is kept nowhere (records/sameness).
    """

    pk = models.CompositePrimaryKey("owner_id", "number")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    number = models.IntegerField()
    one_type = models.SmallIntegerField()
    one = models.CharField(max_length=64)
    other_type = models.SmallIntegerField()
    other = models.CharField(max_length=64)
    verdict = models.SmallIntegerField(choices=SamenessVerdict)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    said = models.DateTimeField()

    unguarded = models.Manager()

    def __str__(self) -> str:
        return f"SamenessWord {self.owner_id}/{self.number}"


class SearchRow(models.Model):
    """One searchable value of one record, blind, in reading order: the primary key is the only index.

    ``value`` is a 64-bit BLAKE2b hash keyed per owner (blind.py); ``param`` a number of indexing.py.
    """

    pk = models.CompositePrimaryKey("owner_id", "resource_type", "param", "value", "occurred", "record")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    resource_type = models.SmallIntegerField()
    param = models.SmallIntegerField()
    value = models.BigIntegerField()
    occurred = models.BigIntegerField()
    record = models.BigIntegerField()

    unguarded = models.Manager()

    def __str__(self) -> str:
        return f"SearchRow {self.owner_id}/{self.record}/{self.param}"


class CodeSystem(models.Model):
    """The code systems one owner's values of a token parameter use, so that a code alone finds ``system|code``."""

    pk = models.CompositePrimaryKey("owner_id", "resource_type", "param", "system")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    resource_type = models.SmallIntegerField()
    param = models.SmallIntegerField()
    system = models.CharField(max_length=500)

    unguarded = models.Manager()

    def __str__(self) -> str:
        return f"CodeSystem {self.owner_id} {self.system}"


class Counter(models.Model):
    """How many current records an owner has of one kind: type, source, labels and the exact set of categories.

    Each record is counted once, so any choice of boxes is a plain sum. ``longest``: the longest finite interval seen,
    in microseconds, which bounds how far before a date a record that still overlaps it may begin.
    """

    pk = models.CompositePrimaryKey("owner_id", "resource_type", "source_id", "labels", "categories")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    resource_type = models.SmallIntegerField()
    source = models.ForeignKey(Source, models.PROTECT, related_name="+", db_index=False)
    labels = models.IntegerField()
    categories = ArrayField(models.BigIntegerField(), help_text="sorted values of the category parameter")
    total = models.IntegerField()
    problems = models.IntegerField(default=0, help_text="how many of them break the models")
    newest = models.BigIntegerField(help_text="occurred of the newest one ever counted")
    longest = models.BigIntegerField()
    changed = models.DateTimeField()

    unguarded = models.Manager()

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(total__gte=0), name="counter_never_negative")]

    def __str__(self) -> str:
        return f"Counter {self.owner_id}/{self.resource_type}"
