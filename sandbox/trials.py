"""Made-up records on the person's own site, for the made-up people with whom developers try their apps."""

from __future__ import annotations

import copy
from datetime import datetime
from itertools import islice
from typing import Any, Final

from django.db import transaction

from accounts.models import Person
from records import identity, patient, sources, store
from records.models import SourceKind
from sandbox import population, staff
from standards.fhir import references

PAGE: Final = 200
BASE: Final = "https://riverside-general.example/fhir"


def fill(person_id: int, number: int, at: datetime) -> None:
    """The record of the built-in person of this number becomes this person's, her name too. Twice changes nothing."""
    person = Person.objects.get(pk=person_id, is_synthetic=True)
    people = list(population.people_of(staff.RIVERSIDE))
    one = people[number % len(people)]
    source = sources.ensure(SourceKind.EHR, staff.RIVERSIDE, BASE)
    resources = _as_hers(one.resources, person, one.patient_id)
    waiting = iter(resources)
    while page := list(islice(waiting, PAGE)):
        with transaction.atomic():
            store.put_page(owner_id=person.pk, source_id=source.pk, resources=page, at=at)
    Person.objects.filter(pk=person.pk).update(name=one.name)
    with transaction.atomic():
        patient.compose(person.pk, at=at)


def _as_hers(resources: list[dict[str, Any]], person: Person, patient_id: str) -> list[dict[str, Any]]:
    """The resources with ids and references of her record (identity.py); what is about her points at her Patient."""

    def own_id(resource_type: str, remote_id: str) -> str:
        return identity.logical_id(person.pk, BASE, resource_type, remote_id)

    def translated(said: str) -> str | None:
        parsed = references.parse(said)
        if parsed is None or parsed.kind is not references.Kind.RELATIVE or parsed.type is None or parsed.id is None:
            return None
        if (parsed.type, parsed.id) == ("Patient", patient_id):
            return f"Patient/{person.patient_id}"
        return f"{parsed.type}/{own_id(parsed.type, parsed.id)}"

    hers = copy.deepcopy(resources)
    for resource in hers:
        resource["id"] = own_id(resource["resourceType"], resource["id"])
        references.rewrite(resource, translated)
    return hers
