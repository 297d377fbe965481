"""The synthetic hospitals themselves: who works there, where, and how they write the time."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from sandbox.catalogue import TERMINOLOGY, US_CORE

_ROOT: Final = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # the URL namespace of RFC 9562
NPI: Final = "http://hl7.org/fhir/sid/us-npi"


@dataclass(frozen=True, slots=True)
class Staff:
    """One clinician of the hospital."""

    id: str
    npi: str
    given: str
    family: str
    specialty: tuple[str, str]

    @property
    def reference(self) -> dict[str, str]:
        return {"reference": f"Practitioner/{self.id}", "display": f"Dr. {self.given} {self.family}"}

    @property
    def role_id(self) -> str:
        return str(uuid.uuid5(uuid.UUID(self.id), "PractitionerRole"))

    @property
    def role_reference(self) -> dict[str, str]:
        return {"reference": f"PractitionerRole/{self.role_id}", "display": f"Dr. {self.given} {self.family}"}


@dataclass(frozen=True)
class Hospital:
    """A hospital with its own ids, staff and habits. ``zone`` None: it writes instants in UTC with a ``Z``."""

    name: str
    slug: str
    city: str
    zone: str | None
    people: tuple[tuple[str, str, str, str], ...]
    seed: int = 1
    namespace: uuid.UUID = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "namespace", uuid.uuid5(_ROOT, f"https://{self.slug}.example/{self.seed}"))

    @property
    def identifiers(self) -> str:
        return f"https://{self.slug}.example/identifiers"

    @cached_property
    def staff(self) -> tuple[Staff, ...]:
        return tuple(
            Staff(
                str(uuid.uuid5(self.namespace, f"Practitioner {number}")),
                f"99999{40000 + self._number(number):05d}",
                given,
                family,
                (code, display),
            )
            for number, (given, family, code, display) in enumerate(self.people)
        )

    def _number(self, number: int) -> int:
        return int(self.namespace) % 9000 + number

    def _id(self, kind: str) -> str:
        return str(uuid.uuid5(self.namespace, kind))

    @property
    def organization_reference(self) -> dict[str, str]:
        return {"reference": f"Organization/{self._id('Organization')}", "display": self.name}

    @property
    def payer_reference(self) -> dict[str, str]:
        return {"reference": f"Organization/{self._id('Payer')}", "display": "Example Health Plan"}

    @property
    def location_reference(self) -> dict[str, str]:
        return {"reference": f"Location/{self._id('Location')}", "display": self.name}

    def clock(self, at: datetime) -> str:
        """A dateTime as this hospital writes it, to the second."""
        if self.zone is None:
            return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return at.astimezone(ZoneInfo(self.zone)).isoformat(timespec="seconds")

    def instant(self, at: datetime) -> str:
        """An instant as this hospital writes it, with milliseconds."""
        text = self.clock(at)
        return f"{text[:19]}.{at.microsecond // 1000:03d}{text[19:]}"

    def resources(self) -> list[dict[str, Any]]:
        """The Organizations, Location, Practitioners and PractitionerRoles that records of this hospital point to."""
        return [
            self._organization("Organization", self.name, "prov", "Healthcare Provider"),
            self._organization("Payer", "Example Health Plan", "ins", "Insurance Company"),
            self._location(),
            *(resource for person in self.staff for resource in (_practitioner(person, self), _role(person, self))),
        ]

    def _organization(self, kind: str, name: str, code: str, display: str) -> dict[str, Any]:
        return {
            "resourceType": "Organization",
            "id": self._id(kind),
            "meta": {"profile": [f"{US_CORE}/us-core-organization"]},
            "identifier": [{"system": self.identifiers, "value": self._id(kind)}],
            "active": True,
            "type": [
                {
                    "coding": [{"system": f"{TERMINOLOGY}/organization-type", "code": code, "display": display}],
                    "text": display,
                }
            ],
            "name": name,
            "telecom": [{"system": "phone", "value": "555-0100"}],
            "address": [
                {"line": ["1 Example Avenue"], "city": self.city, "state": "MA", "postalCode": "02101", "country": "US"}
            ],
        }

    def _location(self) -> dict[str, Any]:
        return {
            "resourceType": "Location",
            "id": self._id("Location"),
            "meta": {"profile": [f"{US_CORE}/us-core-location"]},
            "identifier": [{"system": self.identifiers, "value": self._id("Location")}],
            "status": "active",
            "name": self.name,
            "telecom": [{"system": "phone", "value": "555-0100"}],
            "address": {
                "line": ["1 Example Avenue"],
                "city": self.city,
                "state": "MA",
                "postalCode": "02101",
                "country": "US",
            },
            "managingOrganization": self.organization_reference,
        }


def _practitioner(person: Staff, hospital: Hospital) -> dict[str, Any]:
    return {
        "resourceType": "Practitioner",
        "id": person.id,
        "meta": {"profile": [f"{US_CORE}/us-core-practitioner"]},
        "identifier": [{"system": NPI, "value": person.npi}],
        "active": True,
        "name": [{"family": person.family, "given": [person.given], "prefix": ["Dr."]}],
        "telecom": [
            {
                "system": "email",
                "value": f"{person.given}.{person.family}@{hospital.slug}.example".lower(),
                "use": "work",
            }
        ],
        "address": [
            {"line": ["1 Example Avenue"], "city": hospital.city, "state": "MA", "postalCode": "02101", "country": "US"}
        ],
    }


def _role(person: Staff, hospital: Hospital) -> dict[str, Any]:
    code, display = person.specialty
    taxonomy = {
        "coding": [{"system": "http://nucc.org/provider-taxonomy", "code": code, "display": display}],
        "text": display,
    }
    return {
        "resourceType": "PractitionerRole",
        "id": person.role_id,
        "meta": {"profile": [f"{US_CORE}/us-core-practitionerrole"]},
        "practitioner": person.reference,
        "organization": hospital.organization_reference,
        "code": [taxonomy],
        "specialty": [taxonomy],
        "location": [hospital.location_reference],
        "telecom": [{"system": "phone", "value": "555-0100"}],
    }


_GENERAL: Final = ("208D00000X", "General Practice Physician")
RIVERSIDE: Final = "Riverside General Hospital"
LAKESIDE: Final = "Lakeside Clinic"


def hospital(name: str, seed: int = 1) -> Hospital:
    """One of the two hospitals of the demo, or another of that name with the same kind of staff."""
    people: tuple[tuple[str, str, str, str], ...]
    if name == LAKESIDE:
        people = (
            ("Ada", "Examplewright", *_GENERAL),
            ("Bruno", "Placeholder", "208000000X", "Pediatrics Physician"),
            ("Chidi", "Mockwell", "2084P0800X", "Psychiatry Physician"),
        )
        return Hospital(name, slugify(name), "Sampleton", None, people, seed)
    people = (
        ("Elena", "Fictiva", *_GENERAL),
        ("Farid", "Testarossa", "207RC0000X", "Cardiovascular Disease Physician"),
        ("Greta", "Specimenko", "207RX0202X", "Medical Oncology Physician"),
        ("Hiro", "Dummyfield", "207P00000X", "Emergency Medicine Physician"),
    )
    return Hospital(name, slugify(name), "Riverside", "America/New_York", people, seed)


def slugify(name: str) -> str:
    """A hospital's name as one label of a host name."""
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in name.lower()).split()) or "hospital"
