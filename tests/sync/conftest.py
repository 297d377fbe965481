"""A person's connection to a fake hospital."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts.models import Person
from sync import connections
from sync.models import Connection, Hospital
from sync.tokens import Tokens
from tests.fakes.cedar import ehr, hospital, owner
from tests.fakes.ehr import FakeEHR

__all__ = ["connect", "connection", "ehr", "hospital", "owner"]


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
        revocation_endpoint=f"{ehr.issuer}/revoke",
        at=at,
    )
