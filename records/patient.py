"""The one Patient resource that stands for a person in our API, composed from her profile and her sources' Patients.

What sources agree on is taken over; where they disagree nothing is chosen for her (DESIGN D11): a birth date that two
hospitals tell differently is left out here and stands in each linked Patient as its source said it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from accounts.models import Person
from records import keys, relabelling, sealing, sources, store
from records.models import Record
from records.numbering import TYPE_NUMBER
from standards.fhir import json

_AGREED: Final = ("birthDate", "deceasedBoolean", "deceasedDateTime", "maritalStatus", "multipleBirthBoolean")
_COLLECTED: Final = ("identifier", "name", "telecom", "address", "communication")


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
    known = list(of_sources(person))
    born = _birth_date(person)
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "id": person.patient_id,
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{person.subject}"}],
        "active": True,
    }
    for name in _COLLECTED:
        said = _distinct([*resource.get(name, []), *(one for patient in known for one in _list(patient.get(name)))])
        if said:
            resource[name] = said
    if not resource.get("name"):
        resource["name"] = [{"use": "usual", "text": person.name or person.email}]
    resource["gender"] = _agreed(known, "gender") or "unknown"
    for name in _AGREED:
        if (value := _agreed(known, name)) is not None:
            resource[name] = value
    extensions = _agreed_extensions(known)
    if extensions:
        resource["extension"] = extensions
    if known:
        resource["link"] = [
            {"other": {"reference": f"Patient/{patient['id']}"}, "type": "seealso"} for patient in known
        ]
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


def _list(value: Any) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Each value once, whatever the order of its fields."""
    return list({json.dumps(_ordered(value)): value for value in values}.values())


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    return [_ordered(one) for one in value] if isinstance(value, list) else value


def _agreed(known: list[dict[str, Any]], name: str) -> Any:
    """What all who say it at all say; None when nobody does or two differ."""
    said = _distinct(patient[name] for patient in known if name in patient)
    return said[0] if len(said) == 1 else None


def _agreed_extensions(known: list[dict[str, Any]]) -> list[Any]:
    """Extensions (race, ethnicity, birth sex …) whose url nobody else fills differently."""
    by_url: dict[str, list[Any]] = {}
    for patient in known:
        for extension in _list(patient.get("extension")):
            by_url.setdefault(str(extension.get("url")), []).append(extension)
    return [said[0] for extensions in by_url.values() if len(said := _distinct(extensions)) == 1]
