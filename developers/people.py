"""Made-up people to try an app with: accounts of their own, with a made-up record in each."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from accounts import binding
from accounts.models import Person, Role
from developers.models import SyntheticPerson

MOST: Final = 5
LENGTH: Final = 12


class TooMany(Exception):
    """The developer has as many made-up people as she may have."""


@dataclass(frozen=True, slots=True)
class Made:
    """The password is told this once."""

    person: Person
    password: str


def of(developer: Person) -> QuerySet[SyntheticPerson]:
    return SyntheticPerson.objects.filter(developer=developer).select_related("person").order_by("pk")


def make(developer: Person, *, at: datetime) -> Made:
    """Another made-up person with a record. Raises TooMany."""
    with transaction.atomic():
        # Two clicks at once wait for each other here.
        Person.objects.select_for_update(no_key=True).get(pk=developer.pk)
        number = of(developer).count()
        if number >= MOST:
            raise TooMany(str(developer.pk))
        password = secrets.token_urlsafe(LENGTH)
        person = Person.objects.create_user(
            f"test-{secrets.token_hex(5)}@people.example", password, is_synthetic=True, role=Role.PATIENT
        )
        SyntheticPerson.objects.create(person=person, developer=developer, created=at)
    with binding.bound(person.pk):
        _fill()(person.pk, number, at)
    person.refresh_from_db()
    return Made(person, password)


def renew_password(developer: Person, person_id: int) -> Made:
    """Raises SyntheticPerson.DoesNotExist for a person who is not hers."""
    person = of(developer).get(pk=person_id).person
    password = secrets.token_urlsafe(LENGTH)
    person.set_password(password)
    person.save(update_fields=["password"])
    return Made(person, password)


def _fill() -> Callable[[int, int, datetime], None]:
    """What writes the made-up record: composed in the settings, because the sandbox stands above this room."""
    found: Callable[[int, int, datetime], None] = import_string(settings.SYNTHETIC_RECORDS)
    return found
