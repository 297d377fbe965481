"""Records of people who do not exist, drawn with a fixed seed: the same run to run."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2015, 1, 1, tzinfo=UTC)
DAYS = 3650
CATEGORIES = {"laboratory": 4, "vital-signs": 5, "survey": 1}
LABORATORY = [
    ("718-7", "Hemoglobin", "g/dL", 13.5),
    ("2345-7", "Glucose", "mg/dL", 95.0),
    ("2160-0", "Creatinine", "mg/dL", 0.9),
]
VITALS = [
    ("8867-4", "Heart rate", "/min", 72.0),
    ("29463-7", "Body weight", "kg", 71.0),
    ("8310-5", "Body temperature", "Cel", 36.8),
]
SURVEY = [("72514-3", "Pain severity 0-10", "{score}", 3.0)]
CODES = {"laboratory": LABORATORY, "vital-signs": VITALS, "survey": SURVEY}

_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def observations(patient_id: str, number: int, *, seed: int = 1) -> Iterator[dict[str, Any]]:
    """``number`` Observations over ten years, about 800 bytes each, as a hospital would give them."""
    draw = random.Random(seed)
    names, weights = list(CATEGORIES), list(CATEGORIES.values())
    for index in range(number):
        category = draw.choices(names, weights)[0]
        yield _observation(patient_id, f"{seed}-{index}", category, draw)


def mixed(patient_id: str, number: int, *, seed: int = 2) -> Iterator[dict[str, Any]]:
    """``number`` resources of five types, seven in ten of them Observations."""
    draw = random.Random(seed)
    names, weights = list(CATEGORIES), list(CATEGORIES.values())
    for index in range(number):
        logical_id = f"{seed}-{index}"
        if draw.random() < 0.7:
            yield _observation(patient_id, logical_id, draw.choices(names, weights)[0], draw)
        else:
            yield draw.choice(_MAKERS)(patient_id, logical_id, draw)


def others(patient_id: str, number: int, *, seed: int = 2) -> Iterator[dict[str, Any]]:
    """``number`` resources of four types in turn, none of them an Observation."""
    draw = random.Random(seed)
    for index in range(number):
        yield _MAKERS[index % len(_MAKERS)](patient_id, f"{seed}-{index}", draw)


def pages(resources: Iterator[dict[str, Any]], size: int = 100) -> Iterator[list[dict[str, Any]]]:
    page: list[dict[str, Any]] = []
    for resource in resources:
        page.append(resource)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page


def _when(draw: random.Random) -> str:
    return (START + timedelta(days=draw.randrange(DAYS), seconds=draw.randrange(86400))).isoformat()


def _concept(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _observation(patient_id: str, logical_id: str, category: str, draw: random.Random) -> dict[str, Any]:
    code, display, unit, usual = draw.choice(CODES[category])
    moment = _when(draw)
    return {
        "resourceType": "Observation",
        "id": f"obs-{logical_id}",
        "meta": {"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]},
        "status": "final",
        "category": [_concept(_CATEGORY, category, category)],
        "code": _concept("http://loinc.org", code, display),
        "subject": {"reference": f"Patient/{patient_id}"},
        "encounter": {"reference": f"Encounter/enc-{draw.randrange(1000)}"},
        "effectiveDateTime": moment,
        "issued": moment,
        "valueQuantity": {
            "value": round(usual * draw.uniform(0.8, 1.2), 1),
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
    }


def _condition(patient_id: str, logical_id: str, draw: random.Random) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": f"con-{logical_id}",
        "clinicalStatus": _concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active", "Active"),
        "category": [
            _concept("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item", "Problem")
        ],
        "code": _concept("http://snomed.info/sct", "38341003", "Hypertensive disorder"),
        "subject": {"reference": f"Patient/{patient_id}"},
        "onsetDateTime": _when(draw),
    }


def _medication_request(patient_id: str, logical_id: str, draw: random.Random) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": f"med-{logical_id}",
        "status": draw.choice(["active", "completed", "stopped"]),
        "intent": "order",
        "medicationCodeableConcept": _concept(
            "http://www.nlm.nih.gov/research/umls/rxnorm", "314076", "lisinopril 10 MG Oral Tablet"
        ),
        "subject": {"reference": f"Patient/{patient_id}"},
        "authoredOn": _when(draw),
    }


def _encounter(patient_id: str, logical_id: str, draw: random.Random) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": f"enc-{logical_id}",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [_concept("http://snomed.info/sct", "185345009", "Encounter for symptom")],
        "subject": {"reference": f"Patient/{patient_id}"},
        "period": {"start": _when(draw)},
    }


def _procedure(patient_id: str, logical_id: str, draw: random.Random) -> dict[str, Any]:
    return {
        "resourceType": "Procedure",
        "id": f"pro-{logical_id}",
        "status": "completed",
        "code": _concept("http://snomed.info/sct", "430193006", "Medication reconciliation"),
        "subject": {"reference": f"Patient/{patient_id}"},
        "performedDateTime": _when(draw),
    }


_MAKERS = (_condition, _medication_request, _encounter, _procedure)
