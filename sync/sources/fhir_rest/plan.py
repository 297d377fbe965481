"""Which searches a pull makes: data about the types, fitted to what a hospital's CapabilityStatement offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final

from standards.fhir import types

MATCHES_ARE_PEOPLE: Final = frozenset({"Patient", "Person", "Group", "Schedule", "AuditEvent"})
"""Types of the compartment that are not asked for: who she is is read, not searched; the rest tells of others."""

US_CORE: Final = (
    "AllergyIntolerance",
    "Condition",
    "Observation",
    "MedicationRequest",
    "Immunization",
    "Procedure",
    "Encounter",
    "DiagnosticReport",
    "DocumentReference",
    "CarePlan",
    "CareTeam",
    "Coverage",
    "Device",
    "Goal",
    "MedicationDispense",
    "QuestionnaireResponse",
    "RelatedPerson",
    "ServiceRequest",
    "Specimen",
)
"""US Core 6.1 and 7.0, in the order in which a person misses them most; asked for even where nothing is stated."""

_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem"
NARROWER: Final[Mapping[str, tuple[str, ...]]] = {
    "Observation": (
        "category=laboratory",
        "category=vital-signs",
        "category=social-history",
        "category=survey",
        "category=exam",
        "category=imaging",
        "category=procedure",
        "category=therapy",
        "category=activity",
        "category=sdoh",
        "category=functional-status",
        "category=disability-status",
        "category=cognitive-status",
    ),
    "Condition": (
        "category=problem-list-item",
        "category=encounter-diagnosis",
        "category=health-concern",
    ),
    "DiagnosticReport": (
        f"category={_CATEGORY}/v2-0074|LAB",
        f"category={_CATEGORY}/v2-0074|RAD",
        "category=http://loinc.org|LP29684-5",
        "category=http://loinc.org|LP29708-2",
        "category=http://loinc.org|LP7839-6",
    ),
    "DocumentReference": ("category=clinical-note",),
    "MedicationRequest": ("intent=order,plan,proposal,original-order,reflex-order,filler-order,instance-order,option",),
    "CarePlan": ("category=assess-plan",),
    "CareTeam": ("status=active,inactive,proposed,suspended,entered-in-error",),
}
"""Asked instead, where a server refuses the type by ``patient`` alone: the combinations that US Core makes a SHALL."""

POINTED: Final = (
    "PractitionerRole",
    "Practitioner",
    "Organization",
    "Location",
    "HealthcareService",
    "Medication",
    "Device",
    "Specimen",
    "Endpoint",
    "Binary",
)
"""Types fetched because a record points to them, in this order: a role leads to its practitioner and organization."""

MAX_HOPS: Final = 3
BY_ID_ONLY: Final = frozenset({"Binary"})
"""Types without a search: each is read by itself (http.html#binary)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a CapabilityStatement says of one type; ``parameters`` empty: it names none."""

    parameters: frozenset[str] = frozenset()
    reverse_includes: frozenset[str] = frozenset()
    searchable: bool = True


@dataclass(frozen=True, slots=True)
class Capability:
    """What a hospital offers by type. ``stated`` is False where there was no statement to read."""

    stated: bool = False
    offers: Mapping[str, Offer] = field(default_factory=dict)
    version: str = ""

    @classmethod
    def of(cls, statement: Mapping[str, Any]) -> Capability:
        """Read leniently: what has the wrong shape is as if it were not there."""
        rests = [rest for rest in _list(statement.get("rest")) if rest.get("mode") in (None, "server")]
        entries = [entry for rest in rests for entry in _list(rest.get("resource"))]
        offers = {str(entry["type"]): _offer(entry) for entry in entries if isinstance(entry.get("type"), str)}
        said = statement.get("fhirVersion")
        return cls(stated=bool(offers), offers=offers, version=said if isinstance(said, str) else "")

    @property
    def is_too_old(self) -> bool:
        return is_too_old(self.version)

    def searches_by_id(self, resource_type: str) -> bool:
        offer = self.offers.get(resource_type)
        return resource_type not in BY_ID_ONLY and offer is not None and "_id" in offer.parameters


def is_too_old(version: str) -> bool:
    """DSTU2 (1.0.2 and before) and STU3 (3.0.x): other resources under the same names, unreadable as R4."""
    return version.partition(".")[0] in {"0", "1", "3"}


@dataclass(frozen=True, slots=True)
class Search:
    """One listing to walk: ``query`` narrows it (``name=value`` pairs, never an id)."""

    resource_type: str
    query: str = ""

    @property
    def is_read(self) -> bool:
        """Her own Patient is read by its id; there is no listing to walk."""
        return self.resource_type == "Patient"


def searches(capability: Capability, *, by_category: Set[str] = frozenset()) -> tuple[Search, ...]:
    """The listings of a pull, her Patient first. A type the hospital says it lacks is not asked for.

    ``by_category``: types asked by category from the first.
    """
    others = sorted(set(types.PATIENT_COMPARTMENT) - set(US_CORE) - MATCHES_ARE_PEOPLE)
    asked = [name for name in US_CORE if not capability.stated or _lists(capability, name)]
    names = ("Patient", *asked, *(name for name in others if _lists(capability, name)))
    asked_so = ((narrower(Search(name)) if name in by_category else ()) or (Search(name),) for name in names)
    return tuple(each for group in asked_so for each in group)


def narrower(search: Search) -> tuple[Search, ...]:
    """The searches to make instead of one that the server refused for being too wide; none if there are none."""
    return (
        ()
        if search.query
        else tuple(Search(search.resource_type, query) for query in NARROWER.get(search.resource_type, ()))
    )


def parameters(
    search: Search, *, patient: str, page_size: int, capability: Capability, with_total: bool, also: str = ""
) -> dict[str, str]:
    """The search parameters of the first page. ``with_total``: ask how many there are, which some only tell then;
    ``also``: ``name=value`` pairs that this server wants of the type."""
    offer = capability.offers.get(search.resource_type, Offer())
    # Payers know a Coverage by its beneficiary alone (Blue Button); a few servers know only the subject.
    other = next((name for name in ("subject", "beneficiary") if name in offer.parameters), "")
    asked = {other: f"Patient/{patient}"} if other and "patient" not in offer.parameters else {"patient": patient}
    asked |= dict(part.split("=", 1) for part in f"{also}&{search.query}".split("&") if part)
    if "Provenance:target" in offer.reverse_includes:
        asked["_revinclude"] = "Provenance:target"
    if with_total:
        asked["_total"] = "accurate"
    return asked | {"_count": str(page_size)}


def _lists(capability: Capability, resource_type: str) -> bool:
    offer = capability.offers.get(resource_type)
    if offer is None or not offer.searchable:
        return False
    named = offer.parameters & {"patient", "subject", "beneficiary"}
    return bool(named) or (not offer.parameters and resource_type in US_CORE)


def _offer(entry: Mapping[str, Any]) -> Offer:
    interactions = {each.get("code") for each in _list(entry.get("interaction"))}
    return Offer(
        parameters=frozenset(str(each.get("name")) for each in _list(entry.get("searchParam"))),
        reverse_includes=frozenset(_texts(entry.get("searchRevInclude"))),
        searchable=not interactions or "search-type" in interactions,
    )


def _list(value: object) -> Sequence[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
