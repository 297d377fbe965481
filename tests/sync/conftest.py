"""A fake hospital over real HTTP, a person, and her connection to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone

from accounts.models import Person
from sync import connections, hospitals
from sync.models import Connection, Hospital
from sync.tokens import Tokens
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


@pytest.fixture
def connection(ehr: FakeEHR, owner: Person, hospital: Hospital) -> Connection:
    """An active connection with a first run queued."""
    return connect(owner, hospital, ehr)


def connect(owner: Person, hospital: Hospital, ehr: FakeEHR) -> Connection:
    at = timezone.now()
    return connections.connect(
        owner,
        hospital=hospital,
        patient=ehr.patient,
        tokens_given=Tokens.of(ehr.issue(), at=at),
        token_endpoint=f"{ehr.issuer}/token",
        at=at,
    )
