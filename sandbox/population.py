"""The built-in synthetic population: the same people for the same seed, down to the byte. Nobody in it is real."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from sandbox import biography, crowd, people, staff
from sandbox.chart import Resource
from sandbox.people import Persona
from sandbox.staff import Hospital

_WORDS: Final = ("amber", "birch", "cobalt", "delta", "ember", "fjord", "garnet", "harbor", "indigo", "juniper", "kelp")


@dataclass(frozen=True, slots=True)
class SyntheticPerson:
    """One person at one hospital: how she signs in there, and what it holds about her.

    ``resources`` begins with her Patient and ends with the staff and places her record points to; references are
    relative and all resolve inside it.
    """

    name: str
    email: str
    password: str
    patient_id: str
    resources: list[Resource]


def people_of(hospital: str, *, seed: int = 1) -> Iterator[SyntheticPerson]:
    """The people this hospital knows; one of another name than the two of the demo knows all of them."""
    place = staff.hospital(hospital, seed)
    known = hospital in {staff.RIVERSIDE, staff.LAKESIDE}
    for persona in people.PEOPLE:
        if not known or hospital in persona.hospitals:
            yield _person(persona, place, seed)


def _person(persona: Persona, hospital: Hospital, seed: int) -> SyntheticPerson:
    rng = random.Random(f"{seed} {hospital.slug} {persona.key}")  # noqa: S311 - a made-up life, not a secret
    chart = biography.chart_of(persona, hospital, rng)
    return SyntheticPerson(
        name=persona.key,
        email=email(persona.given[0], persona.family, chart.patient_id, hospital.slug),
        password=draw_password(rng),
        patient_id=chart.patient_id,
        resources=[*chart.resources, *hospital.resources()],
    )


def draw_password(rng: random.Random) -> str:
    """A password of a made-up person: nothing is behind it, and it is told to everybody."""
    return f"{rng.choice(_WORDS)}-{rng.choice(_WORDS)}-{rng.randrange(1000, 10000)}"


def email(given: str, family: str, patient_id: str, slug: str, *, length: int = 4) -> str:
    """The address a patient signs in with at a sandbox hospital: ``given.family.1a2b@slug.example``."""
    short = "".join(c for c in patient_id.lower() if c.isascii() and c.isalnum())[:length] or "0"
    names = ["".join(c for c in _plain(part) if c.isascii() and c.isalnum())[:24] for part in (given, family)]
    return f"{'.'.join(name for name in [*names, short] if name)}@{slug}.example"


def _plain(text: str) -> str:
    """In lower case, letters with accents as letters without."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))


def big_person(resources: int, *, seed: int = 1) -> Iterator[Resource]:
    """Exactly that many resources of one person of every type, her Patient first, streamed."""
    return crowd.mixed(resources, seed=seed)


def big_observer(observations: int, *, seed: int = 1) -> Iterator[Resource]:
    """A Patient and exactly that many Observations of hers, two thirds of them laboratory, streamed."""
    return crowd.observed(observations, seed=seed)


def all_resources(hospital: str, *, seed: int = 1) -> Iterable[Resource]:
    """Every resource of the hospital's people; staff and places come again with each of them."""
    return (resource for person in people_of(hospital, seed=seed) for resource in person.resources)
