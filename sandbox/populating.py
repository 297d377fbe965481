"""Filling this hospital with its built-in people, and saying how they and a clinician sign in."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import Person, Role
from records import store
from sandbox import intake, keepsakes, loading, population, staff
from sandbox.loading import Account, Report
from sandbox.population import SyntheticPerson

SEED: Final = 1


def populate(*, at: datetime) -> Report | None:
    """Load the people who are not here yet, with the passwords population.py tells; None if everybody is."""
    people = [person for person in population.people_of(settings.SITE_NAME, seed=SEED) if not _is_here(person)]
    if not people:
        return None
    read = intake.gather(_resources(people), origin="built-in")
    accounts = {person.patient_id: Account(person.email, person.password) for person in people}
    return loading.load(read, at=at, accounts=accounts)


def ensure_clinician() -> Account:
    """A clinician of this hospital who can sign in: the first of its staff."""
    hospital = staff.hospital(settings.SITE_NAME, SEED)
    first = hospital.staff[0]
    rng = random.Random(f"{SEED} {hospital.slug} clinician")  # noqa: S311 - of a made-up person, and told to all
    account = Account(f"{first.given}.{first.family}@{hospital.slug}.example".lower(), population.draw_password(rng))
    person = Person.objects.filter(email=account.email).first()
    if person is None:
        person = Person.objects.create_user(
            account.email,
            account.password,
            name=f"{first.given} {first.family}",
            role=Role.CLINICIAN,
            practitioner_id=first.id,
            is_synthetic=True,
        )
    _keep_practitioner(person, hospital, at=timezone.now())
    return account


def _keep_practitioner(clinician: Person, hospital: staff.Hospital, *, at: datetime) -> None:
    """What the hospital keeps of him: his Practitioner, and what his roles point at. It is his ``fhirUser``."""
    if clinician.practitioner_id != hospital.staff[0].id:
        Person.objects.filter(pk=clinician.pk).update(practitioner_id=hospital.staff[0].id)
    mine = {hospital.staff[0].id, hospital.staff[0].role_id}
    kept = [
        resource
        for resource in hospital.resources()
        if resource["id"] in mine or not resource["resourceType"].startswith("Practitioner")
    ]
    with transaction.atomic():
        store.put_page(owner_id=clinician.pk, source_id=loading.ensure_source().pk, resources=kept, at=at)


def write_logins(path: Path) -> None:
    """What demo.json says of this hospital: its address, its built-in patients and the clinician, with passwords."""
    clinician = ensure_clinician()
    patients = [
        {"name": one.name, "email": one.email, "password": one.password, "patient": one.patient_id}
        for one in population.people_of(settings.SITE_NAME, seed=SEED)
    ]
    keepsakes.write(
        path,
        {
            "name": settings.SITE_NAME,
            "iss": settings.FHIR_BASE,
            "patients": patients,
            "clinician": {"email": clinician.email, "password": clinician.password},
        },
    )


def _is_here(one: SyntheticPerson) -> bool:
    """Whether her account and all of her own resources are here; those that nobody points at never are."""
    person = Person.objects.filter(patient_id=one.patient_id).first()
    if person is None:
        return False
    held = store.held(owner_id=person.pk, source_id=loading.ensure_source().pk)
    kinds = {resource["resourceType"] for resource in one.resources} - {"Practitioner", "PractitionerRole"}
    wanted = {kind: sum(resource["resourceType"] == kind for resource in one.resources) for kind in kinds}
    return all(held.get(kind, 0) >= number for kind, number in wanted.items())


def _resources(people: list[SyntheticPerson]) -> Iterator[Any]:
    for person in people:
        yield from person.resources
