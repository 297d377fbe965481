"""Cedar Hospital: a fake EHR over real HTTP, entered in the directory, and a person who may connect to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from accounts.models import Person
from sync import hospitals
from sync.models import Hospital
from tests.fakes.ehr import CLIENT_ID, FakeEHR


@pytest.fixture
def ehr() -> Iterator[FakeEHR]:
    with FakeEHR().running() as running:
        running.hold({"resourceType": "Patient", "id": "p1", "name": [{"family": "Rivera", "given": ["Ana"]}]})
        yield running


@pytest.fixture
def owner(transactional_db: None) -> Person:
    return Person.objects.create_user("ana@example.org", "a long enough password")


@pytest.fixture
def hospital(ehr: FakeEHR, transactional_db: None) -> Hospital:
    return hospitals.register(ehr.base, name="Cedar Hospital", client_id=CLIENT_ID)
