"""Which release of FHIR a resource is written for, where it shows: DSTU2 and STU3 have types and elements R4 has not.

Only what the older release defines and R4 does not counts, so that an R4 resource with a slip is not called old.
Sources: hl7.org/fhir/DSTU2, hl7.org/fhir/STU3, and R4 diff.html of each type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

DSTU2: Final = "DSTU2"
STU3: Final = "STU3"

_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "MedicationOrder": DSTU2,
        "DiagnosticOrder": DSTU2,
        "DeviceUseRequest": DSTU2,
        "Order": DSTU2,
        "OrderResponse": DSTU2,
        "ImagingObjectSelection": DSTU2,
        "Conformance": DSTU2,
        "ProcedureRequest": STU3,
        "ReferralRequest": STU3,
        "DeviceComponent": STU3,
        "Sequence": STU3,
        "ImagingManifest": STU3,
        "EligibilityRequest": STU3,
        "EligibilityResponse": STU3,
        "BodySite": STU3,
        "ProcessRequest": STU3,
        "ProcessResponse": STU3,
    }
)
_ELEMENTS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "AllergyIntolerance": {"substance": DSTU2, "assertedDate": STU3},
        "CarePlan": {"context": STU3, "relatedPlan": DSTU2, "definition": STU3},
        "CareTeam": {"context": STU3},
        "Claim": {"organization": STU3, "information": STU3},
        "Condition": {
            "patient": DSTU2,
            "dateRecorded": DSTU2,
            "notes": DSTU2,
            "context": STU3,
            "assertedDate": STU3,
        },
        "Coverage": {"bin": DSTU2, "grouping": STU3, "sequence": STU3},
        "Device": {"udi": STU3},
        "DiagnosticReport": {"codedDiagnosis": STU3, "image": STU3, "context": STU3, "requestDetail": DSTU2},
        "DocumentReference": {"indexed": STU3, "class": STU3, "created": STU3},
        "Encounter": {"reason": STU3, "patient": DSTU2, "indication": DSTU2},
        "ExplanationOfBenefit": {"organization": STU3, "information": STU3, "totalCost": STU3, "totalBenefit": STU3},
        "FamilyMemberHistory": {"definition": STU3, "notDone": STU3},
        "Goal": {"author": DSTU2},
        "ImagingStudy": {"accession": STU3, "context": STU3},
        "Immunization": {
            "notGiven": STU3,
            "wasNotGiven": DSTU2,
            "reported": DSTU2,
            "vaccinationProtocol": DSTU2,
            "date": DSTU2,
            "explanation": STU3,
        },
        "Medication": {"isBrand": STU3, "isOverTheCounter": STU3, "package": STU3, "product": DSTU2},
        "MedicationAdministration": {"notGiven": STU3, "wasNotGiven": DSTU2, "prescription": STU3, "patient": DSTU2},
        "MedicationDispense": {"notDone": STU3, "dispenser": DSTU2},
        "MedicationRequest": {"context": STU3, "definition": STU3},
        "MedicationStatement": {"taken": STU3, "wasNotTaken": DSTU2, "patient": DSTU2},
        "Observation": {"related": STU3, "context": STU3, "comments": DSTU2},
        "Patient": {"animal": STU3, "careProvider": DSTU2},
        "Practitioner": {"practitionerRole": DSTU2, "role": STU3},
        "Procedure": {"notDone": STU3, "notPerformed": DSTU2, "context": STU3, "request": DSTU2},
        "QuestionnaireResponse": {"parent": STU3, "context": STU3, "group": DSTU2},
        "Specimen": {"treatment": DSTU2},
    }
)
_TELLING: Final = _TYPES.keys() | _ELEMENTS.keys()


def older(resources: Iterable[Any]) -> str | None:
    """The older release that resources of one file or answer are written for; None where nothing says so.

    At least half of those that could show it must: one old element in a document of R4 is that element's slip.
    """
    telling = [each for each in resources if isinstance(each, dict) and str(each.get("resourceType")) in _TELLING]
    found = [release for each in telling if (release := _of(each))]
    if not found or 2 * len(found) < len(telling):
        return None
    return DSTU2 if DSTU2 in found else STU3


def _of(resource: Mapping[str, Any]) -> str | None:
    name = str(resource["resourceType"])
    if name in _TYPES:
        return _TYPES[name]
    said = {release for element, release in _ELEMENTS.get(name, {}).items() if element in resource}
    return DSTU2 if DSTU2 in said else STU3 if said else None
