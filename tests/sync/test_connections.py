"""Connecting while a worker stores a page of the same person: neither waits for what the other holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from audit import events
from audit.models import Action, Agent, Event
from records import store
from sync import connections, hospitals, leases
from sync.models import Connection, Hospital, Run
from sync.tokens import Tokens
from tests.fakes.ehr import CLIENT_ID, FakeEHR
from tests.sync.conftest import connect

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def bounded() -> Iterator[None]:
    """A transaction that waits for no lock longer than five seconds, its commit included."""
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        yield


def elsewhere(work: Callable[[], Connection]) -> Connection:
    """What another process does, over a connection of its own."""
    try:
        with bounded():
            return work()
    finally:
        database.close()


def until_it_waits(started: Future[Any]) -> None:
    """Until another session waits for a lock."""
    deadline = time.monotonic() + 10
    with database.cursor() as cursor:
        while time.monotonic() < deadline and not started.done():
            cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    pytest.fail("nobody came to wait")


def write_to_log(owner: Person) -> None:
    events.append(
        owner_id=owner.pk, action=Action.UPDATE, interaction="sync", agent_kind=Agent.SOURCE, agent="https://cedar"
    )


def store_a_record(owner: Person, connection: Connection) -> None:
    """Its counter's foreign keys, to her among them, are checked when it is committed (docs/adr/0010)."""
    observation = {
        "resourceType": "Observation",
        "id": "5b1f3c9e-2b7e-4d31-9f4e-0d0c6a1f7a10",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "subject": {"reference": f"Patient/{owner.patient_id}"},
    }
    source_id = connection.hospital.source_id
    store.put_page(owner_id=owner.pk, source_id=source_id, resources=[observation], at=timezone.now())


def test_a_second_hospital_is_connected_while_a_page_of_the_first_has_yet_to_commit(
    owner: Person, connection: Connection
):
    second = hospitals.register("https://elm.example.org/fhir", name="Elm", client_id=CLIENT_ID)
    at = timezone.now()

    def connect_second() -> Connection:
        given = Tokens("access", "refresh", at, "")
        return connections.connect(
            owner,
            hospital=second,
            patient="p2",
            tokens_given=given,
            token_endpoint="https://elm.example.org/token",
            at=at,
        )

    with ThreadPoolExecutor(1) as pool:
        with bounded():
            store_a_record(owner, connection)
            write_to_log(owner)
            connecting = pool.submit(elsewhere, connect_second)
            until_it_waits(connecting)
        made = connecting.result(timeout=30)

    assert set(connections.of(owner)) == {connection, made}
    assert store.held(owner_id=owner.pk, source_id=connection.hospital.source_id) == {"Observation": 1}
    assert Event.objects.filter(owner_id=owner.pk, interaction="connect").count() == 2


def test_the_same_account_is_connected_anew_while_its_run_stores_a_page(
    ehr: FakeEHR, owner: Person, hospital: Hospital, connection: Connection
):
    run = Run.objects.get(connection=connection)
    key = leases.take(Run.objects.filter(pk=run.pk), at=timezone.now())
    assert key is not None

    with ThreadPoolExecutor(1) as pool:
        with bounded():
            leases.Lease(Run.objects.all(), run.pk, key).lock()
            connecting = pool.submit(elsewhere, lambda: connect(owner, hospital, ehr))
            until_it_waits(connecting)
            write_to_log(owner)
        again = connecting.result(timeout=30)

    assert again == connection
    assert Event.objects.filter(owner_id=owner.pk, interaction="connect").count() == 2
