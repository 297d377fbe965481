"""What a person's one Patient says: composed from her profile and from what her sources' Patients say of her.

What sources agree on is taken over; where they disagree nothing is chosen for her (DESIGN D11): a birth date that two
hospitals tell differently is left out here and stands in each linked Patient as its source said it.

A reader to whom not all of those Patients are open is told what can be composed of the others: a number, an address or
a link would name the hospital that she keeps from him.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from accounts.models import Person
from records.rules import Rule
from standards.fhir import json

KIND: Final = "Patient"
_AGREED: Final = ("birthDate", "deceasedBoolean", "deceasedDateTime", "maritalStatus", "multipleBirthBoolean")
_COLLECTED: Final = ("identifier", "name", "telecom", "address", "communication")
_COMPOSED: Final = frozenset({*_AGREED, *_COLLECTED, "active", "gender", "extension", "link"})


def composed(person: Person, known: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The resource, of the Patients known from her sources, oldest record first."""
    resource: dict[str, Any] = {
        "resourceType": KIND,
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
        resource["link"] = [{"other": {"reference": f"{KIND}/{patient['id']}"}, "type": "seealso"} for patient in known]
    return resource


def hides_any(rules: Collection[Rule]) -> bool:
    """Whether there may be Patients of her sources that these rules do not admit."""
    reaching = [rule for rule in rules if rule.reaches(KIND)]
    return not any(rule.sources is None and not rule.filters and not rule.hidden_of(KIND) for rule in reaching)


def told(resource: dict[str, Any], person: Person, known: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Her one Patient to a reader to whom these others are open."""
    kept = {name: value for name, value in resource.items() if name not in _COMPOSED}
    return {**kept, **composed(person, known)}


def _list(value: Any) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _distinct(values: Any) -> list[Any]:
    """Each value once, whatever the order of its fields."""
    return list({json.dumps(_ordered(value)): value for value in values}.values())


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value)}
    return [_ordered(one) for one in value] if isinstance(value, list) else value


def _agreed(known: Sequence[dict[str, Any]], name: str) -> Any:
    """What all who say it at all say; None when nobody does or two differ."""
    said = _distinct(patient[name] for patient in known if name in patient)
    return said[0] if len(said) == 1 else None


def _agreed_extensions(known: Sequence[dict[str, Any]]) -> list[Any]:
    """Extensions (race, ethnicity, birth sex …) whose url nobody else fills differently."""
    by_url: dict[str, list[Any]] = {}
    for patient in known:
        for extension in _list(patient.get("extension")):
            by_url.setdefault(str(extension.get("url")), []).append(extension)
    return [said[0] for extensions in by_url.values() if len(said := _distinct(extensions)) == 1]
