"""The kinds a record is looked at by, as a person would sort it; every FHIR type falls under one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from portal import elements, names, when
from records import indexing
from records.kinds import KindCount
from records.query import Query
from records.reading import Stored
from records.sameness.kinds import Kind as Together


@dataclass(frozen=True)
class Kind:
    """``holds``: (type, code of a category) pairs; a category of "" stands for the whole type. ``together``: the one
    list of all sources by which she sees it first, ``page``: the view of a page of its own, where there is one.
    """

    slug: str
    name: names.Name
    icon: str
    holds: tuple[tuple[str, str], ...]
    together: Together | None = None
    page: str = ""


@dataclass(frozen=True)
class Shelf:
    """One list under a kind: a type, or one category of it. ``category`` is a token (``system|code``) or ""."""

    resource_type: str
    category: str = ""
    total: int = 0

    @property
    def slug(self) -> str:
        return f"{self.resource_type}.{_code(self.category)}" if self.category else self.resource_type

    @property
    def name(self) -> names.Name:
        if self.category:
            return names.CATEGORIES.get(_code(self.category)) or _code(self.category)
        if self.resource_type == "Observation":
            return _("All measurements and findings")
        return names.type_name(self.resource_type)

    def holds(self, stored: Stored) -> bool:
        """Whether a record of this type, as it was, is in this list."""
        if not self.category:
            return True
        tokens = elements.every(stored.resource, "category", "coding", "code")
        return _code(self.category) in set(map(str, tokens))

    def query(self) -> Query:
        query = Query.of(self.resource_type)
        return query.where("category", self.category) if self.category else query


@dataclass
class Held:
    """How much of a kind she has; ``year`` is that of the newest one, "" if it is not known."""

    kind: Kind
    total: int = 0
    problems: int = 0
    newest: int = indexing.NEVER

    def add(self, count: KindCount) -> None:
        self.total += count.total
        self.problems += count.problems
        self.newest = max(self.newest, count.newest)

    @property
    def year(self) -> str:
        return "" if self.newest == indexing.NEVER else when.year(self.newest)


def _types(*resource_types: str) -> tuple[tuple[str, str], ...]:
    return tuple((resource_type, "") for resource_type in resource_types)


OTHER = Kind("other", _("Other records"), "other", ())
KINDS: tuple[Kind, ...] = (
    Kind("laboratory", _("Laboratory results"), "laboratory", (("Observation", "laboratory"),)),
    Kind("vital-signs", _("Vital signs"), "vital", (("Observation", "vital-signs"),)),
    Kind("activity", _("Activity and sleep"), "report", (("Observation", "activity"),)),
    Kind("conditions", _("Conditions"), "condition", _types("Condition"), Together.PROBLEMS),
    Kind(
        "medications",
        _("Medications"),
        "medication",
        _types(
            "MedicationRequest", "MedicationStatement", "MedicationDispense", "MedicationAdministration", "Medication"
        ),
        Together.MEDICINES,
    ),
    Kind("allergies", _("Allergies"), "allergy", _types("AllergyIntolerance"), Together.ALLERGIES),
    Kind("immunizations", _("Immunizations"), "immunization", _types("Immunization"), Together.VACCINES),
    Kind("visits", _("Visits"), "visit", _types("Encounter", "Appointment", "EpisodeOfCare"), page="visits"),
    Kind("procedures", _("Procedures"), "procedure", _types("Procedure")),
    Kind("documents", _("Documents and notes"), "document", _types("DocumentReference", "Composition", "Media")),
    Kind("reports", _("Reports"), "report", _types("DiagnosticReport", "ImagingStudy")),
    Kind("care-plans", _("Care plans and goals"), "plan", _types("CarePlan", "Goal", "ServiceRequest")),
    Kind("coverage", _("Coverage"), "coverage", _types("Coverage", "Claim", "ExplanationOfBenefit"), page="costs"),
    Kind("own", _("Own entries"), "report", (("Observation", "self-entered"),), page="own"),
    Kind("devices", _("Devices"), "device", _types("Device", "DeviceUseStatement")),
    Kind(
        "care-team",
        _("Care team and places"),
        "team",
        _types("CareTeam", "Practitioner", "PractitionerRole", "Organization", "Location", "RelatedPerson"),
        page="care_team",
    ),
    OTHER,
)
_BY_SLUG = {kind.slug: kind for kind in KINDS}
_BY_PAIR = {pair: kind for kind in KINDS for pair in kind.holds}


def named(slug: str) -> Kind | None:
    return _BY_SLUG.get(slug)


def listed(together: Together) -> Kind | None:
    """The kind that she sees first by this one list of all sources."""
    return next((kind for kind in KINDS if kind.together is together), None)


def of(resource_type: str, categories: Iterable[str] = ()) -> tuple[Kind, ...]:
    """The kinds a record is looked at under; ``categories`` are tokens or codes. An Observation may have several."""
    if resource_type != "Observation":
        return (_BY_PAIR.get((resource_type, ""), OTHER),)
    found = dict.fromkeys(_BY_PAIR.get(("Observation", _code(category)), OTHER) for category in categories)
    return tuple(found) or (OTHER,)


def _code(category: str) -> str:
    return category.rpartition("|")[2]


def shown(counts: Iterable[KindCount]) -> list[KindCount]:
    """The counts a person is told of: a file is part of the document it was sent in, not a record of its own."""
    return [count for count in counts if count.resource_type != "Binary"]


def tally(counts: Iterable[KindCount]) -> list[Held]:
    """What she has by kind, in the order of the kinds; kinds she has nothing of are left out."""
    held = {kind.slug: Held(kind) for kind in KINDS}
    for count in counts:
        for kind in of(count.resource_type, count.categories):
            held[kind.slug].add(count)
    return [each for each in held.values() if each.total]


def shelves(kind: Kind, counts: Iterable[KindCount]) -> list[Shelf]:
    """The lists of a kind that hold something, in the kind's order, then by type and category."""
    totals: Counter[tuple[str, str]] = Counter()
    for count in counts:
        for pair in _pairs(count):
            totals[pair] += count.total
    order = {pair: number for number, pair in enumerate(kind.holds)}
    mine = [(pair, total) for pair, total in totals.items() if kind in of(pair[0], [pair[1]] if pair[1] else ())]
    # The whole of a type comes after its parts.
    mine.sort(key=lambda each: (order.get(each[0], len(order)), each[0][0], not each[0][1], each[0]))
    return [Shelf(*pair, total=total) for pair, total in mine]


def _pairs(count: KindCount) -> Iterator[tuple[str, str]]:
    """The lists a record is in: its type's, and for an Observation also one for each of its categories."""
    yield count.resource_type, ""
    if count.resource_type == "Observation":
        for category in count.categories:
            yield "Observation", category
