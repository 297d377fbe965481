"""The one Patient resource that stands for a person in our API, kept in step with what her sources say of her."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Person
from records import composition, keys, relabelling, sealing, sources, store
from records.models import Record
from records.numbering import TYPE_NUMBER
from standards.fhir import json


def ensure(owner_id: int, *, at: datetime) -> None:
    """Composes the person's Patient if she has none yet."""
    person = Person.objects.get(pk=owner_id)
    number = TYPE_NUMBER["Patient"]
    if not Record.unguarded.filter(owner=person, resource_type=number, logical_id=person.patient_id).exists():
        compose(owner_id, at=at)


@transaction.atomic
def compose(owner_id: int, *, at: datetime) -> None:
    """Writes the person's one Patient anew; nothing happens when it would say the same."""
    person = Person.objects.get(pk=owner_id)
    born = _birth_date(person)
    resource = composition.composed(person, list(of_sources(person)))
    store.put_page(owner_id=owner_id, source_id=sources.own().pk, resources=[resource], at=at)
    if resource.get("birthDate") != born:
        relabelling.outdate(owner_id)  # whether she was an adolescent is told by it


def _birth_date(person: Person) -> Any:
    """As her one Patient says it now."""
    record = Record.unguarded.filter(
        owner=person, resource_type=TYPE_NUMBER["Patient"], logical_id=person.patient_id, deleted=False
    ).first()
    if record is None:
        return None
    where = sealing.place(person.pk, record.resource_type, record.logical_id, record.version_id)
    return json.loads(sealing.open_body(keys.of(person.pk).cipher, bytes(record.body), where)).get("birthDate")


def of_sources(person: Person) -> Iterable[dict[str, Any]]:
    """What the sources say of her, oldest record first."""
    records = Record.unguarded.filter(owner=person, resource_type=TYPE_NUMBER["Patient"], deleted=False)
    for record in records.exclude(logical_id=person.patient_id).order_by("id"):
        where = sealing.place(person.pk, record.resource_type, record.logical_id, record.version_id)
        yield json.loads(sealing.open_body(keys.of(person.pk).cipher, bytes(record.body), where))
