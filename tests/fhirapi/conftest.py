"""Where a test says nothing else: a person with a whole record, and an app that may read all of it."""

from __future__ import annotations

import pytest

from accounts.models import Person
from tests.fhirapi import people


@pytest.fixture
def person(db: None) -> Person:
    return people.with_record()


@pytest.fixture
def app(person: Person) -> people.App:
    return people.let_in(person, "patient/*.rs")
