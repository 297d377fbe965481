"""When what a resource tells of happened, by type: the clinically relevant time before the time of writing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from standards.fhir import dates
from standards.fhir.dates import Interval

# First that is there and readable wins. Where nothing here fits a type (Practitioner, Organization), it has no time.
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "AdverseEvent": ("date", "detected", "recordedDate"),
    "AllergyIntolerance": (
        "onsetDateTime",
        "onsetPeriod",
        "recordedDate",
        "lastOccurrence",
    ),
    "Appointment": ("start", "requestedPeriod", "created"),
    "AuditEvent": ("period", "recorded"),
    "CarePlan": ("period", "created"),
    "CareTeam": ("period",),
    "Claim": ("billablePeriod", "created"),
    "ClaimResponse": ("created",),
    "ClinicalImpression": ("effectiveDateTime", "effectivePeriod", "date"),
    "Communication": ("sent", "received"),
    "Composition": ("date",),
    "Condition": (
        "onsetDateTime",
        "onsetPeriod",
        "recordedDate",
        "abatementDateTime",
        "abatementPeriod",
    ),
    "Consent": ("dateTime",),
    "Coverage": ("period",),
    "CoverageEligibilityResponse": ("servicedDate", "servicedPeriod", "created"),
    "DetectedIssue": ("identifiedDateTime", "identifiedPeriod"),
    "Device": ("manufactureDate",),
    "DeviceRequest": (
        "occurrenceDateTime",
        "occurrencePeriod",
        "occurrenceTiming",
        "authoredOn",
    ),
    "DeviceUseStatement": (
        "timingDateTime",
        "timingPeriod",
        "timingTiming",
        "recordedOn",
    ),
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod", "issued"),
    "DocumentReference": ("context.period", "date"),
    "Encounter": ("period",),
    "EpisodeOfCare": ("period",),
    "ExplanationOfBenefit": ("billablePeriod", "created"),
    "FamilyMemberHistory": ("date",),
    "Flag": ("period",),
    "Goal": ("startDate", "statusDate"),
    "ImagingStudy": ("started",),
    "Immunization": ("occurrenceDateTime", "recorded"),
    "ImmunizationEvaluation": ("date",),
    "ImmunizationRecommendation": ("date",),
    "List": ("date",),
    "Media": ("createdDateTime", "createdPeriod", "issued"),
    "MedicationAdministration": ("effectiveDateTime", "effectivePeriod"),
    "MedicationDispense": ("whenHandedOver", "whenPrepared"),
    "MedicationRequest": ("authoredOn",),
    "MedicationStatement": ("effectiveDateTime", "effectivePeriod", "dateAsserted"),
    "NutritionOrder": ("dateTime",),
    "Observation": (
        "effectiveDateTime",
        "effectivePeriod",
        "effectiveInstant",
        "effectiveTiming",
        "issued",
    ),
    "Procedure": ("performedDateTime", "performedPeriod"),
    "Provenance": ("occurredDateTime", "occurredPeriod", "recorded"),
    "QuestionnaireResponse": ("authored",),
    "RequestGroup": ("authoredOn",),
    "RiskAssessment": ("occurrenceDateTime", "occurrencePeriod"),
    "ServiceRequest": (
        "occurrenceDateTime",
        "occurrencePeriod",
        "occurrenceTiming",
        "authoredOn",
    ),
    "Specimen": (
        "collection.collectedDateTime",
        "collection.collectedPeriod",
        "receivedTime",
    ),
    "Task": ("executionPeriod", "authoredOn"),
    "VisionPrescription": ("dateWritten", "created"),
}


def occurred(resource: Any) -> Interval | None:
    """The time it happened, at its own precision; None if the resource does not say, or says none that exists.

    A Period that ends before it starts counts as its start.
    """
    element = element_of(resource)
    return None if element is None else dates.covered(element)


def element_of(resource: Any) -> Any:
    """The date, Period or Timing that ``occurred`` goes by, as it is written; None where there is none."""
    if resource.__class__ is not dict:
        return None
    type_ = resource.get("resourceType")
    for field in _FIELDS.get(type_, ()) if type_.__class__ is str else ():
        element = _at(resource, field)
        if element is not None and dates.covered(element) is not None:
            return element
    return None


def _at(resource: Mapping[str, Any], field: str) -> Any:
    holder, dot, name = field.partition(".")
    if not dot:
        return resource.get(field)
    inner = resource.get(holder)
    return inner.get(name) if inner.__class__ is dict else None
