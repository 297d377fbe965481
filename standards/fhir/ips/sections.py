"""The sections of a summary: which resources each takes, and how many of a kind (IPS 2.0.1, Composition-uv-ips).

What is entered in error, refuted or not done belongs to no section. Of what is measured again and again only the
latest of each kind is taken, as a summary has to be short enough to be read; one that says why it has no value does not
stand in the way of an earlier one that has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from standards.fhir import occurrence
from standards.fhir.dates import FOREVER_PAST

Resource = Mapping[str, Any]
Test = Callable[[Resource], bool]

_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_PREGNANCY: Final = (
    "82810-3 11778-8 11779-6 11780-4 11636-8 11637-6 11638-4 11639-2 11640-0 11612-9 11613-7 11614-5 33065-4"
)
_DIRECTIVES: Final = frozenset({"adr", "acd", "dnr", "polst", "42348-3"})


@dataclass(frozen=True, slots=True)
class Section:
    """``takes``: type to what is asked of its resources. ``required``: it is there even if it is empty.

    ``latest``: only the newest of each kind, by ``code``.
    """

    code: str
    title: str
    takes: Mapping[str, Test]
    required: bool = False
    latest: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What has to be read to fill the sections: all of a type (``most`` None) or the newest with one of the codes."""

    resource_type: str
    parameter: str = ""
    values: tuple[str, ...] = ()
    most: int | None = None


def _codes(element: Any) -> frozenset[str]:
    """The codes of a CodeableConcept, or of several."""
    concepts = element if isinstance(element, list) else [element]
    codings = [
        coding
        for concept in concepts
        if isinstance(concept, dict) and isinstance(concept.get("coding"), list)
        for coding in concept["coding"]
    ]
    return frozenset(str(coding.get("code")) for coding in codings if isinstance(coding, dict))


def _stands(resource: Resource) -> bool:
    """Neither entered in error nor refuted."""
    return not _codes(resource.get("verificationStatus")) & {"entered-in-error", "refuted"}


def _has_status(*wanted: str) -> Test:
    return lambda resource: resource.get("status") in wanted


def _is_over(resource: Resource) -> bool:
    return bool(_codes(resource.get("clinicalStatus")) & {"inactive", "remission", "resolved"})


def _is_present(resource: Resource) -> bool:
    return _stands(resource) and not _is_over(resource)


def _is_past(resource: Resource) -> bool:
    return _stands(resource) and _is_over(resource)


def _is_directive(resource: Resource) -> bool:
    kinds = _codes(resource.get("scope")) | _codes(resource.get("category"))
    return resource.get("status") == "active" and bool(kinds & _DIRECTIVES)


def _is_ordered(resource: Resource) -> bool:
    return resource.get("status") in ("active", "on-hold", "unknown") and resource.get("doNotPerform") is not True


def _observed(*categories: str, codes: frozenset[str] = frozenset()) -> Test:
    def test(resource: Resource) -> bool:
        said = resource.get("status") in ("final", "amended", "corrected", "preliminary")
        fits = _codes(resource.get("category")) & frozenset(categories) or _codes(resource.get("code")) & codes
        return said and bool(fits)

    return test


_PREGNANT: Final = _observed(codes=frozenset(_PREGNANCY.split()))

SECTIONS: Final = (
    Section("11450-4", "Problems", {"Condition": _is_present}, required=True),
    Section("48765-2", "Allergies and Intolerances", {"AllergyIntolerance": _is_present}, required=True),
    Section(
        "10160-0",
        "Medication Summary",
        {
            "MedicationStatement": _has_status("active", "intended", "on-hold", "unknown"),
            "MedicationRequest": _is_ordered,
        },
        required=True,
    ),
    Section("11369-6", "Immunizations", {"Immunization": _has_status("completed")}),
    Section(
        "30954-2",
        "Results",
        {
            "Observation": _observed("laboratory", "imaging"),
            "DiagnosticReport": _has_status("final", "amended", "corrected", "appended"),
        },
        latest=True,
    ),
    Section("47519-4", "History of Procedures", {"Procedure": _has_status("completed", "in-progress")}, latest=True),
    Section("46264-8", "Medical Devices", {"DeviceUseStatement": _has_status("active", "completed", "intended")}),
    Section("42348-3", "Advance Directives", {"Consent": _is_directive}),
    Section("104605-1", "Alerts", {"Flag": _has_status("active")}),
    Section("47420-5", "Functional Status", {"ClinicalImpression": _has_status("completed", "in-progress")}),
    Section("11348-0", "History of Past Illness", {"Condition": _is_past}),
    Section("10162-6", "History of Pregnancy", {"Observation": _PREGNANT}),
    Section(
        "18776-5",
        "Plan of Care",
        {"CarePlan": _has_status("active", "on-hold"), "ImmunizationRecommendation": lambda resource: True},
    ),
    Section("29762-2", "Social History", {"Observation": _observed("social-history")}, latest=True),
    Section("8716-3", "Vital Signs", {"Observation": _observed("vital-signs")}, latest=True),
)

NEWEST: Final = 500
"""How many of what is measured again and again are looked through for the latest of each kind."""

WANTED: Final = (
    *(
        Wanted(name)
        for name in (
            *("Condition", "AllergyIntolerance", "MedicationStatement", "MedicationRequest", "Immunization"),
            *("DeviceUseStatement", "Device", "Consent", "Flag", "ClinicalImpression", "CarePlan"),
            "ImmunizationRecommendation",
        )
    ),
    *(
        Wanted("Observation", "category", (f"{_CATEGORY}|{code}",), NEWEST)
        for code in ("laboratory", "imaging", "social-history", "vital-signs")
    ),
    Wanted("Observation", "code", tuple(f"http://loinc.org|{code}" for code in _PREGNANCY.split()), NEWEST),
    Wanted("DiagnosticReport", most=NEWEST),
    Wanted("Procedure", most=NEWEST),
)


def filled(resources: Iterable[dict[str, Any]]) -> list[tuple[Section, list[dict[str, Any]]]]:
    """Every section with its resources, newest first; those without any are there too, empty."""
    ordered = sorted(resources, key=_newest_first)
    return [(section, _of(section, ordered)) for section in SECTIONS]


def _of(section: Section, ordered: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    taken = [one for one in ordered if (test := section.takes.get(one["resourceType"])) and test(one)]
    if not section.latest:
        return taken
    kinds: dict[tuple[str, frozenset[str], str], dict[str, Any]] = {}
    for one in sorted(taken, key=lambda each: "dataAbsentReason" in each):
        kinds.setdefault(_kind(one), one)
    return [one for one in taken if kinds[_kind(one)] is one]


def _kind(resource: Resource) -> tuple[str, frozenset[str], str]:
    code = resource.get("code")
    text = str(code.get("text", "")) if isinstance(code, dict) and not _codes(code) else ""
    return resource["resourceType"], _codes(code), text


def _newest_first(resource: Resource) -> tuple[int, str]:
    when = occurrence.occurred(resource)
    return -(when.low if when else FOREVER_PAST), str(resource.get("id"))
