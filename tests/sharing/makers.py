"""People with a record, and links they made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Person
from consent import ledger
from consent.terms import Terms
from records import patient
from sharing import links
from sharing.links import Standing, Wish
from sharing.models import Content
from tests.portal import people
from tests.sharing.receiver import Receiver

READ = ledger.Reading("link-2026-11", "en")
CODE = "orange-7"


def owner(**fields: Any) -> Person:
    """With a condition, an allergy, a vaccination and two results."""
    person = people.sign_up(**fields)
    subject = {"reference": f"Patient/{person.patient_id}"}
    people.store_records(
        person,
        [
            people.condition(person, "pressure", clinicalStatus=_status("condition-clinical", "active")),
            people.observation(person, "hb", valueQuantity={"value": 13.5, "unit": "g/dL"}),
            people.observation(person, "pulse", category="vital-signs"),
            {
                "resourceType": "AllergyIntolerance",
                "id": "penicillin",
                "clinicalStatus": _status("allergyintolerance-clinical", "active"),
                "code": {"text": "Penicillin"},
                "patient": subject,
            },
            {
                "resourceType": "Immunization",
                "id": "flu",
                "status": "completed",
                "vaccineCode": {
                    "coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140"}],
                    "text": "Influenza",
                },
                "patient": subject,
                "occurrenceDateTime": "2025-10-01",
                "lotNumber": "A1",
            },
        ],
    )
    patient.ensure(person.pk, at=timezone.now())
    return person


def sensitive(person: Person, logical_id: str = "hiv") -> dict[str, Any]:
    """A condition that the rules label sensitive."""
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "86406008"}], "text": "HIV infection"}
    active = _status("condition-clinical", "active")
    return people.condition(person, logical_id, code=code, clinicalStatus=active)


def wish(**changes: Any) -> Wish:
    said: dict[str, Any] = {
        "label": "For Dr. Example",
        "purpose": "second opinion",
        "content": Content.SUMMARY,
        "live": True,
        "passcode": CODE,
        "granted": ("patient/*.rs",),
        "terms": Terms(),
        "ends": timezone.now() + timedelta(days=7),
    }
    return Wish(**(said | changes))


def make(person: Person, **changes: Any) -> Standing:
    link = links.make(person, wish(**changes), read=READ, at=timezone.now(), origin="192.0.2.1")
    return standing(person, link.uid)


def standing(person: Person, uid: Any) -> Standing:
    found = links.one(person, uid, at=timezone.now())
    assert found is not None
    return found


def receiver(made: Standing) -> Receiver:
    return Receiver.scans(links.address(made).text)


def _status(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}]}
