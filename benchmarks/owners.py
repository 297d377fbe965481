"""Whose records are read: owners of known sizes with an app they let in, and the crowd around them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from urllib.parse import quote

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest

from accounts import sessions
from accounts.models import Person
from benchmarks import access, filling, load, population
from standards.fhir import dates

MIXED = 10_000
OF_THE_CROWD = 30
SINCE = "2019-01-01"


@dataclass(frozen=True)
class Owner:
    """An owner with records, and an app's access to them."""

    access: access.Access
    size: int

    @property
    def person(self) -> Person:
        return self.access.person

    def get(self, path: str) -> bytes:
        """A request of the app to her record."""
        return load.get(f"/fhir/r4/{path}", token=self.access.token)

    def page(self, path: str) -> bytes:
        """Her own request for one of the portal's pages."""
        return load.get(path, cookie=self._cookie)

    @cached_property
    def _cookie(self) -> str:
        return f"{settings.SESSION_COOKIE_NAME}={signed_in(self.person)}"

    def chart(self, path: str) -> bytes:
        """A clinician's request for one of the pages of her chart, which she shares with his clinic."""
        uid, cookie = self._visit
        return load.get(f"/ehr/{uid}/{path}", cookie=cookie)

    @cached_property
    def _visit(self) -> tuple[str, str]:
        return access.open_chart(self.person)

    @property
    def search(self) -> bytes:
        category = quote("http://terminology.hl7.org/CodeSystem/observation-category|laboratory", safe="")
        return self.get(f"Observation?patient={self.person.patient_id}&category={category}&date=ge{SINCE}&_count=50")

    @property
    def bare_search(self) -> bytes:
        return load.get(f"/search/{self.person.id}/{dates.interval(SINCE).low}")


def signed_in(person: Person) -> str:
    """The secret that a browser of hers holds."""
    request = HttpRequest()
    request.session = sessions.SessionStore()
    auth.login(request, person, settings.AUTHENTICATION_BACKENDS[0])
    request.session.save()
    return str(request.session.secret)


def of_observations(size: int) -> Owner:
    person = access.sign_up()
    filling.fill(person, population.pages(population.observations(person.patient_id, size)))
    filling.mirror(person)
    return Owner(access.let_in(person), size)


def of_mixed() -> Owner:
    person = access.sign_up()
    filling.fill(person, population.pages(population.mixed(person.patient_id, MIXED)))
    filling.mirror(person)
    return Owner(access.let_in(person), MIXED)


def crowd(number: int) -> None:
    """So many more people, each with a small record, so that nobody is alone in the tables."""
    resources = population.mixed("somebody", number * OF_THE_CROWD, seed=3)
    for _ in range(number):
        filling.fill(access.sign_up(), [list(islice(resources, OF_THE_CROWD))])
