"""Stop and delete: what one hospital brought goes, what another brought stays, and it can come again."""

from __future__ import annotations

import pytest
from django.db import connection as database
from django.utils import timezone

from accounts.models import Person
from audit import events
from records import store
from sync import connections, hospitals, removals, tasks
from sync.models import Connection, ConnectionState, Hospital, PageEntry, Pointer, RunState
from sync.sources.fhir_rest import client as http
from tests.fakes.ehr import CLIENT_ID, FakeEHR
from tests.sync.conftest import connect
from tests.sync.test_runs import held, observation, perform

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removals, "BATCH", 3)
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0)


@pytest.fixture
def other(ehr: FakeEHR, owner: Person) -> Connection:
    """The same records from a second hospital."""
    with FakeEHR().running() as second:
        second.hold({"resourceType": "Patient", "id": "p1"}, observation(1), observation(2))
        hospital = hospitals.register(second.base, name="Elm Clinic", client_id=CLIENT_ID)
        made = connect(owner, hospital, second)
        perform(made)
    return made


def test_only_this_hospitals_records_go(ehr: FakeEHR, connection: Connection, other: Connection):
    ehr.hold(*(observation(number, performer=[{"reference": "Practitioner/d"}]) for number in range(8)))
    ehr.hold(observation(1), {"resourceType": "Practitioner", "id": "d"})
    perform(connection)
    assert held(connection) == {"Patient": 1, "Observation": 8, "Practitioner": 1}
    assert removals.preview(connection) == removals.Preview(total=10, elsewhere=1, shared=False)

    removals.ask(connection, at=timezone.now())
    assert removals.perform(connection.pk) == 10

    connection.refresh_from_db()
    assert (connection.state, connection.removal, held(connection)) == (ConnectionState.STOPPED, None, {})
    assert held(other) == {"Patient": 1, "Observation": 2}
    assert removals.perform(connection.pk) == 0
    told = [event.detail for event in events.of(connection.owner_id) if event.interaction == "remove"]
    assert sum(each["deleted"] for each in told) == 10


def test_what_was_deleted_comes_again_when_she_connects_again(
    ehr: FakeEHR, connection: Connection, owner: Person, hospital: Hospital
):
    ehr.hold(observation(1, performer=[{"reference": "Practitioner/d"}]), {"resourceType": "Practitioner", "id": "d"})
    perform(connection)
    removals.ask(connection, at=timezone.now())
    removals.perform(connection.pk)
    assert not Pointer.objects.filter(connection=connection).exists()
    assert not PageEntry.objects.filter(listing__isnull=False).exists()

    run = perform(connect(owner, hospital, ehr))

    assert run.state == RunState.COMPLETE
    assert held(connection) == {"Patient": 1, "Observation": 1, "Practitioner": 1}


def test_an_update_waits_until_the_deleting_has_ended(
    ehr: FakeEHR, connection: Connection, owner: Person, hospital: Hospital
):
    ehr.hold(observation(1))
    perform(connection)
    removals.ask(connection, at=timezone.now())

    waiting = perform(connect(owner, hospital, ehr))
    assert waiting.state == RunState.QUEUED

    assert removals.perform(connection.pk) == 2
    assert perform(connection).state == RunState.COMPLETE
    assert held(connection)["Observation"] == 1


def test_two_accounts_at_one_hospital_cannot_be_told_apart(
    ehr: FakeEHR, connection: Connection, owner: Person, hospital: Hospital
):
    perform(connection)
    ehr.patient = "p2"
    connect(owner, hospital, ehr)

    assert removals.preview(connection).shared
    with pytest.raises(removals.Shared):
        removals.ask(connection, at=timezone.now())

    connection.refresh_from_db()
    assert connection.state == ConnectionState.ACTIVE
    assert held(connection) == {"Patient": 1}


def test_the_beat_rings_for_what_no_worker_heard(connection: Connection):
    assert removals.ring_again() == 0
    removals.ask(connection, at=timezone.now())

    assert removals.ring_again() == 1
    tasks.remove(connection.pk)
    assert removals.ring_again() == 0


def test_a_run_under_way_stores_nothing_after_she_asked(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(3)))
    asked = []

    def ask(request: object) -> None:
        if not asked and "/Observation?" in str(request):
            asked.append(removals.ask(connection, at=timezone.now()))
            database.close()

    ehr.before = ask
    perform(connection)
    removals.perform(connection.pk)

    assert asked
    assert store.held(owner_id=connection.owner_id, source_id=connection.hospital.source_id) == {}


def test_stopping_alone_deletes_nothing(ehr: FakeEHR, connection: Connection):
    ehr.hold(observation(1))
    perform(connection)

    connections.stop(connection, at=timezone.now())

    assert removals.perform(connection.pk) == 0
    assert held(connection)["Observation"] == 1
