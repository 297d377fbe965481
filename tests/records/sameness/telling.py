"""Small resources as different systems would write them, and what is found in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from records.sameness import clusters, said
from records.sameness.clusters import Cluster
from records.sameness.rules import Link, judge
from records.sameness.said import Said

SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOINC = "http://loinc.org"
CVX = "http://hl7.org/fhir/sid/cvx"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def concept(text: str = "", code: str = "", system: str = SNOMED) -> dict[str, Any]:
    coded = {"coding": [{"system": system, "code": code}]} if code else {}
    return {**coded, **({"text": text} if text else {})}


def state(code: str) -> dict[str, Any]:
    return {"coding": [{"system": CLINICAL, "code": code}]}


def problem(logical_id: str, text: str = "Asthma", code: str = "195967001", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": logical_id, "clinicalStatus": state("active"),
            "code": concept(text, code), "subject": {"reference": "Patient/p"}, **more}  # fmt: skip


def allergy(logical_id: str, text: str, code: str = "", **more: Any) -> dict[str, Any]:
    return {"resourceType": "AllergyIntolerance", "id": logical_id, "clinicalStatus": state("active"),
            "code": concept(text, code), "patient": {"reference": "Patient/p"}, **more}  # fmt: skip


def medicine(logical_id: str, text: str, code: str = "", **more: Any) -> dict[str, Any]:
    return {"resourceType": "MedicationRequest", "id": logical_id, "status": "active", "intent": "order",
            "medicationCodeableConcept": concept(text, code, RXNORM), "subject": {"reference": "Patient/p"},
            "authoredOn": "2024-01-02", **more}  # fmt: skip


def result(
    logical_id: str, value: Any, at: str, code: str = "718-7", unit: str = "g/dL", **more: Any
) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": logical_id, "status": "final", "code": concept("", code, LOINC),
            "subject": {"reference": "Patient/p"}, "effectiveDateTime": at,
            "valueQuantity": {"value": value, "unit": unit}, **more}  # fmt: skip


def read(resource: dict[str, Any], source: int = 1) -> Said:
    found = said.of(resource, source_id=source)
    assert found is not None
    return found


def link(one: dict[str, Any], other: dict[str, Any]) -> Link | None:
    """What a first and a second source say of it."""
    ours, theirs = read(one, 1), read(other, 2)
    found, back = judge(ours, theirs), judge(theirs, ours)
    assert (found and found.rule) == (back and back.rule)
    return found


def form(*told: tuple[int, dict[str, Any]], words: clusters.Words | None = None) -> list[Cluster]:
    """(source, resource) of each."""
    return clusters.form([read(resource, source) for source, resource in told], words or {})


def ids(found: Iterable[Cluster]) -> set[frozenset[str]]:
    return {frozenset(member.ref.logical_id for member in cluster.members) for cluster in found}
