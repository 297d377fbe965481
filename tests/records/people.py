"""A person with a store of her own, and small resources to put into it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.db import transaction

from accounts.models import Person
from consent import gate
from records import sources, store
from records.models import SourceKind
from records.reading import RecordSet

AT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
LATER = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
_numbers = count(1)


def sign_up(**fields: Any) -> Person:
    return Person.objects.create_user(f"owner{next(_numbers)}@example.org", None, **fields)


def source(name: str = "Riverside") -> int:
    return sources.ensure(SourceKind.EHR, name, f"https://{name.lower()}.example/fhir").pk


def put(person: Person, *resources: Any, at: datetime = AT, source_id: int | None = None) -> store.PageOutcome:
    with transaction.atomic():
        return store.put_page(owner_id=person.pk, source_id=source_id or source(), resources=list(resources), at=at)


def delete(person: Person, resource_type: str, logical_id: str, *, at: datetime = LATER) -> int:
    with transaction.atomic():
        return store.delete(owner_id=person.pk, source_id=source(), references=[(resource_type, logical_id)], at=at)


def own(person: Person, interaction: str = "search") -> RecordSet:
    """Her record as she reads it."""
    return gate.readable(owner_id=person.pk, reader=gate.Owner(person.pk), interaction=interaction, at=AT)


def observation(logical_id: str, *, category: str = "laboratory", code: str = "718-7", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": logical_id,
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2024-05-06T07:08:09Z",
        **more,
    }
