"""What a clinician of this hospital sees before he opens an app: his patients, a chart, the apps that open from it.

Everything clinical comes through the gate, and each look is in the patient's access log before the page leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from accounts.models import Person
from audit import events
from audit.models import Action, Agent, Outcome
from consent import clinicians, gate
from records.query import Query
from records.reading import RecordSet

SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Visit:
    """One Encounter: its id, what it was, and its period as FHIR writes it."""

    id: str
    what: str
    began: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The front of a chart. ``problems`` and ``medicines`` are their texts."""

    patient: Person
    born: str
    gender: str
    problems: tuple[str, ...]
    medicines: tuple[str, ...]
    visits: tuple[Visit, ...]


def find(patient_id: str) -> Person | None:
    """The patient of this hospital with this Patient id."""
    return clinicians.patients().filter(patient_id=patient_id).first()


def opened(patient: Person, *, clinician: Person, origin: str, at: datetime) -> Chart:
    """The chart, once the access log has the look. Raises gate.ConsentMissing for whoever is no clinician here."""
    reader = gate.Clinician(clinician.pk)
    records = gate.readable(owner_id=patient.pk, reader=reader, interaction="search", at=at)
    said = records.read("Patient", patient.patient_id)
    about = said.resource if said is not None and not said.deleted else {}
    chart = Chart(
        patient=patient,
        born=str(about.get("birthDate", "")),
        gender=str(about.get("gender", "")),
        problems=tuple(_texts(records, "Condition", "code")),
        medicines=tuple(_texts(records, "MedicationRequest", "medicationCodeableConcept")),
        visits=tuple(_visits(records)),
    )
    _note(patient, clinician, chart, origin=origin)
    return chart


def has_visit(patient: Person, encounter: str, *, clinician: Person, at: datetime) -> bool:
    """Whether this is a visit of this patient that he may see."""
    reader = gate.Clinician(clinician.pk)
    records = gate.readable(owner_id=patient.pk, reader=reader, interaction="read", at=at)
    found = records.read("Encounter", encounter)
    return found is not None and not found.deleted


def _texts(records: RecordSet, resource_type: str, element: str) -> Iterator[str]:
    page = records.search(Query.of(resource_type).page(SHOWN))
    yield from dict.fromkeys(text for stored in page.entries if (text := _words(stored.resource.get(element))))


def _visits(records: RecordSet) -> Iterator[Visit]:
    for stored in records.search(Query.of("Encounter").page(SHOWN)).entries:
        resource = stored.resource
        kinds = resource.get("type")
        what = _words(kinds[0]) if isinstance(kinds, list) and kinds else ""
        period = resource.get("period")
        began = str(period.get("start", "")) if isinstance(period, dict) else ""
        yield Visit(stored.logical_id, what, began[:10])


def _words(concept: Any) -> str:
    """A CodeableConcept's text, or the first display of its codings."""
    if not isinstance(concept, dict):
        return ""
    codings = concept.get("coding")
    named = [one.get("display") for one in codings if isinstance(one, dict)] if isinstance(codings, list) else []
    return str(concept.get("text") or next((name for name in named if name), ""))


def _note(patient: Person, clinician: Person, chart: Chart, *, origin: str) -> None:
    types = {
        "Patient": 1,
        "Condition": len(chart.problems),
        "MedicationRequest": len(chart.medicines),
        "Encounter": len(chart.visits),
    }
    events.append(
        owner_id=patient.pk,
        action=Action.READ,
        interaction="read",
        outcome=Outcome.SUCCESS,
        agent_kind=Agent.STAFF,
        agent=str(clinician.subject),
        agent_name=clinician.name,
        origin=origin,
        detail={"page": "chart", "types": {name: number for name, number in types.items() if number}},
    )
