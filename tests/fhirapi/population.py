"""One synthetic record with what makes searching hard: partial dates, several codings, none, periods, odd statuses."""

from __future__ import annotations

from itertools import count
from typing import Any

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
CONDITION_CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
CLINICAL_STATUS = "http://terminology.hl7.org/CodeSystem/condition-clinical"
DATES = ["2019", "2019-03", "2019-03-05", "2019-03-05T23:30:00-05:00", "2020-12-31T23:59:59.999Z", "2021-02-28"]


def concept(*codings: tuple[str | None, str], text: str = "") -> dict[str, Any]:
    coded = [{"code": code} if system is None else {"system": system, "code": code} for system, code in codings]
    return {**({"coding": coded} if coded else {}), **({"text": text} if text else {})}


def resources(patient_id: str, prefix: str = "") -> list[dict[str, Any]]:
    """Every type of the first ten, several of each; ids begin with ``prefix``."""
    subject = {"reference": f"Patient/{patient_id}"}
    return [
        patient(patient_id),
        *_observations(subject, prefix),
        *_conditions(subject, prefix),
        *_allergies(subject, prefix),
        *_medications(subject, prefix),
        *_immunizations(subject, prefix),
        *_procedures(subject, prefix),
        *_encounters(subject, prefix),
        *_reports(subject, prefix),
        *_documents(subject, prefix),
        *_provenances(subject, prefix),
        {"resourceType": "Organization", "id": f"{prefix}org-1", "name": "Riverside", "active": True},
        {"resourceType": "Practitioner", "id": f"{prefix}pra-1", "name": [{"family": "Müller", "given": ["Ada"]}]},
    ]


def patient(patient_id: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": patient_id,
        "identifier": [{"system": "urn:oid:1.2.36", "value": "MRN,7"}],
        "name": [{"family": "Álvarez", "given": ["Ana", "María"], "text": "Ana María Álvarez"}],
        "gender": "female",
        "birthDate": "1984-07-02",
    }


def observation(
    patient_id: str, logical_id: str, category: str = "laboratory", when: str = "2020-01-01", **more: Any
) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": logical_id,
        "status": "final",
        "category": [concept((OBSERVATION_CATEGORY, category))],
        "code": concept((LOINC, "718-7")),
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": when,
        **more,
    }


def _observations(subject: dict[str, str], prefix: str) -> list[dict[str, Any]]:
    number = count(1)
    made = []
    for category in ("laboratory", "vital-signs", "social-history", "survey"):
        for when in DATES:
            for status, code in (("final", "718-7"), ("amended", "2345-7"), ("entered-in-error", "8867-4")):
                made.append(
                    {
                        "resourceType": "Observation",
                        "id": f"{prefix}obs-{next(number)}",
                        "status": status,
                        "category": [concept((OBSERVATION_CATEGORY, category))],
                        "code": concept((LOINC, code), ("urn:local", f"L{code}"), text="a test"),
                        "subject": subject,
                        "effectiveDateTime": when,
                        "valueQuantity": {"value": 13.5, "unit": "g/dL"},
                    }
                )
    made[0]["effectivePeriod"] = {"start": "2019-03-01", "end": "2019-03-31"}
    del made[0]["effectiveDateTime"]
    del made[1]["effectiveDateTime"]  # says no time at all
    made[2]["category"].append(concept((OBSERVATION_CATEGORY, "vital-signs")))  # two categories
    made[3]["category"] = [concept(text="Laboratory")]  # no coding
    made[4]["code"] = concept((None, "718-7"))  # a code without a system
    made[5]["effectivePeriod"] = {"start": "2019-06-01"}  # still going on
    del made[5]["effectiveDateTime"]
    return made


def _conditions(subject: dict[str, str], prefix: str) -> list[dict[str, Any]]:
    return [
        {
            "resourceType": "Condition",
            "id": f"{prefix}con-{number}",
            "clinicalStatus": concept((CLINICAL_STATUS, status)),
            "category": [concept((CONDITION_CATEGORY, category))],
            "code": concept((SNOMED, code)),
            "subject": subject,
            "encounter": {"reference": f"Encounter/{prefix}enc-{number % 3 + 1}"},
            "onsetDateTime": when,
            "recordedDate": "2020-05-05",
        }
        for number, (status, category, code, when) in enumerate(
            [
                ("active", "problem-list-item", "38341003", "2019"),
                ("resolved", "encounter-diagnosis", "38341003", "2019-03"),
                ("active", "encounter-diagnosis", "44054006", "2020-12-31T23:59:59Z"),
                ("inactive", "problem-list-item", "44054006", "2021-02-28"),
            ],
            start=1,
        )
    ]


def _allergies(subject: dict[str, str], prefix: str) -> list[dict[str, Any]]:
    system = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
    return [
        {
            "resourceType": "AllergyIntolerance",
            "id": f"{prefix}all-{number}",
            "clinicalStatus": concept((system, status)),
            "code": concept((SNOMED, "91936005"), text="Penicillin"),
            "patient": subject,
        }
        for number, status in enumerate(["active", "resolved", "active"], start=1)
    ]


def _medications(subject: dict[str, str], prefix: str) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [
        {
            "resourceType": "MedicationRequest",
            "id": f"{prefix}med-{number}",
            "status": status,
            "intent": intent,
            "medicationReference": {"reference": f"Medication/{prefix}drug-1"},
            "subject": subject,
            "encounter": {"reference": f"Encounter/{prefix}enc-1"},
            "authoredOn": when,
        }
        for number, (status, intent, when) in enumerate(
            [("active", "order", "2019-03-05"), ("stopped", "order", "2020-01-01"), ("active", "plan", "2021-02-28")],
            start=1,
        )
    ]
    drug = concept(("http://www.nlm.nih.gov/research/umls/rxnorm", "314076"))
    made[1] = {**made[1], "medicationCodeableConcept": drug}
    del made[1]["medicationReference"]
    return [*made, {"resourceType": "Medication", "id": f"{prefix}drug-1", "code": drug}]


def _immunizations(subject: dict[str, str], prefix: str) -> list[dict[str, Any]]:
    return [
        {
            "resourceType": "Immunization",
            "id": f"{prefix}imm-{number}",
            "status": status,
            "vaccineCode": concept(("http://hl7.org/fhir/sid/cvx", "140")),
            "patient": subject,
            "occurrenceDateTime": when,
        }
        for number, (status, when) in enumerate([("completed", "2019-10"), ("not-done", "2020-10-01")], start=1)
    ]


def _procedures(subject: dict[str, str], prefix: str) -> list[dict[str, Any]]:
    return [
        {
            "resourceType": "Procedure",
            "id": f"{prefix}pro-{number}",
            "status": status,
            "code": concept((SNOMED, code)),
            "subject": subject,
            **when,
        }
        for number, (status, code, when) in enumerate(
            [
                ("completed", "430193006", {"performedDateTime": "2019-03-05"}),
                (
                    "completed",
                    "80146002",
                    {"performedPeriod": {"start": "2019-03-05T10:00:00Z", "end": "2019-03-06T11:00:00Z"}},
                ),
                ("in-progress", "430193006", {"performedPeriod": {"start": "2021-01-01"}}),
            ],
            start=1,
        )
    ]


def _encounters(subject: dict[str, str], prefix: str) -> list[dict[str, Any]]:
    return [
        {
            "resourceType": "Encounter",
            "id": f"{prefix}enc-{number}",
            "identifier": [{"system": "urn:visits", "value": f"V{number}"}],
            "status": status,
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": kind},
            "type": [concept((SNOMED, "185345009"))],
            "subject": subject,
            "period": {"start": start, "end": end},
        }
        for number, (status, kind, start, end) in enumerate(
            [
                ("finished", "AMB", "2019-03-05T09:00:00Z", "2019-03-05T10:00:00Z"),
                ("finished", "IMP", "2019-12-30", "2020-01-03"),
                ("in-progress", "EMER", "2021-02-28T22:00:00+02:00", "2021-03-01T01:00:00+02:00"),
            ],
            start=1,
        )
    ]


def _reports(subject: dict[str, str], prefix: str) -> list[dict[str, Any]]:
    return [
        {
            "resourceType": "DiagnosticReport",
            "id": f"{prefix}rep-{number}",
            "status": status,
            "category": [concept(category)],
            "code": concept((LOINC, "58410-2")),
            "subject": subject,
            "effectiveDateTime": when,
        }
        for number, (status, category, when) in enumerate(
            [
                ("final", ("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB"), "2019-03-05"),
                ("preliminary", ("http://terminology.hl7.org/CodeSystem/v2-0074", "LAB"), "2020"),
                ("final", (LOINC, "LP29684-5"), "2019-03-05T23:30:00-05:00"),
            ],
            start=1,
        )
    ]


def _documents(subject: dict[str, str], prefix: str) -> list[dict[str, Any]]:
    system = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
    return [
        {
            "resourceType": "DocumentReference",
            "id": f"{prefix}doc-{number}",
            "status": status,
            "type": concept((LOINC, code)),
            "category": [concept((system, "clinical-note"))],
            "subject": subject,
            "date": when,
            "content": [{"attachment": {"contentType": "text/plain", "data": "SGVsbG8="}}],
            "context": {"period": {"start": "2019-03-05T09:00:00Z", "end": "2019-03-05T10:00:00Z"}},
        }
        for number, (status, code, when) in enumerate(
            [
                ("current", "11506-3", "2019-03-05T10:00:00Z"),
                ("superseded", "11506-3", "2019-03-04T10:00:00Z"),
                ("current", "18842-5", "2021-02-28T08:00:00+01:00"),
            ],
            start=1,
        )
    ]


def _provenances(subject: dict[str, str], prefix: str) -> list[dict[str, Any]]:
    return [
        {
            "resourceType": "Provenance",
            "id": f"{prefix}prv-1",
            "target": [{"reference": f"Observation/{prefix}obs-1"}, {"reference": f"Observation/{prefix}obs-2"}],
            "recorded": "2019-03-05T10:00:00Z",
            "agent": [{"who": {"reference": f"Organization/{prefix}org-1"}}],
        },
        {
            "resourceType": "Provenance",
            "id": f"{prefix}prv-2",
            "target": [{"reference": f"Condition/{prefix}con-1"}],
            "recorded": "2019-03-05T10:00:00Z",
            "agent": [{"who": {"reference": f"Organization/{prefix}org-1"}}],
        },
    ]
