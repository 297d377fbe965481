"""An account that is somebody else's is held back before anything of it is stored, and she is asked."""

from __future__ import annotations

import pytest

from accounts.models import Person
from audit import events
from records import store
from sync import connections, recognition, runs
from sync.models import Connection, ConnectionState, Run, RunState
from sync.problems import Problem
from tests.portal import people
from tests.sync.conftest import connect

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ana(owner) -> Person:
    Person.objects.filter(pk=owner.pk).update(name="Ana Rivera")
    return Person.objects.get(pk=owner.pk)


def pull(connection: Connection) -> Run:
    run = Run.objects.filter(connection=connection).latest("pk")
    runs.perform(run.pk)
    connection.refresh_from_db()
    return Run.objects.get(pk=run.pk)


def held(connection: Connection) -> dict[str, int]:
    return store.held(owner_id=connection.owner_id, source_id=connection.hospital.source_id)


def patient(**said):
    return {"resourceType": "Patient", "id": "p1", "name": [{"family": "Rivera", "given": ["Ana"]}], **said}


SOMEBODY = {"name": [{"family": "Stone", "given": ["Bert"]}], "birthDate": "1950-02-03"}
CONDITION = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}}


def test_an_account_that_names_her_is_recognized_and_pulled(ana, hospital, ehr):
    ehr.hold(CONDITION)
    connection = connect(ana, hospital, ehr)

    run = pull(connection)

    assert run.state == RunState.COMPLETE
    assert connection.recognized is not None
    assert held(connection) == {"Patient": 1, "Condition": 1}


def test_of_an_account_that_names_somebody_else_nothing_is_stored_and_she_is_asked(ana, hospital, ehr):
    ehr.hold(patient(**SOMEBODY), CONDITION)
    connection = connect(ana, hospital, ehr)

    run = pull(connection)

    assert (run.state, run.problem) == (RunState.FAILED, Problem.NOT_HERS)
    assert (connection.state, connection.recognized) == (ConnectionState.HELD, None)
    assert held(connection) == {}
    assert recognition.subject(connection) == {
        "name": "Bert Stone", "birthDate": "1950-02-03", "verdict": "name_differs"
    }  # fmt: skip
    assert connections.update(connection, at=run.finished) is None
    assert b"Stone" not in bytes(connection.sealed_subject)


def test_her_word_that_it_is_hers_lets_everything_in_and_is_not_asked_again(ana, hospital, ehr):
    ehr.hold(patient(**SOMEBODY), CONDITION)
    connection = connect(ana, hospital, ehr)
    pull(connection)

    assert connections.confirm(connection, at=connection.connected)
    run = pull(connection)

    assert run.state == RunState.COMPLETE
    assert held(connection) == {"Patient": 1, "Condition": 1}
    assert connection.sealed_subject is None
    assert not connections.confirm(connection, at=connection.connected)
    connections.update(connection, at=connection.connected)
    assert pull(connection).state == RunState.COMPLETE


def test_her_word_that_it_is_not_ends_the_connection_and_forgets_whom_it_named(ana, hospital, ehr):
    ehr.hold(patient(**SOMEBODY), CONDITION)
    connection = connect(ana, hospital, ehr)
    pull(connection)

    connections.stop(connection, at=connection.connected)

    connection.refresh_from_db()
    assert (connection.state, connection.sealed_subject, held(connection)) == (ConnectionState.STOPPED, None, {})


def test_connecting_a_held_account_again_asks_again(ana, hospital, ehr):
    ehr.hold(patient(**SOMEBODY))
    pull(connect(ana, hospital, ehr))

    connection = connect(ana, hospital, ehr)

    assert connection.state == ConnectionState.ACTIVE
    assert pull(connection).problem == Problem.NOT_HERS


def test_a_second_hospital_is_held_to_the_birth_date_of_the_first(ana, hospital, ehr):
    other = people.list_hospital("Somewhere Else")
    people.store_records(ana, [patient(id="elsewhere", birthDate="1980-01-01")], hospital="Somewhere Else")
    assert other.source_id
    ehr.hold(patient(birthDate="1981-01-01"), CONDITION)
    connection = connect(ana, hospital, ehr)

    pull(connection)

    told = recognition.subject(connection)
    assert told is not None
    assert told["verdict"] == "birth_date_differs"


@pytest.mark.parametrize("said", [{"name": None}, {}])
def test_who_knows_nothing_of_her_holds_nothing_back(owner, hospital, ehr, said):
    Person.objects.filter(pk=owner.pk).update(name="")
    ehr.hold({key: value for key, value in patient(**said).items() if value}, CONDITION)

    connection = connect(owner, hospital, ehr)

    assert pull(connection).state == RunState.COMPLETE
    assert held(connection) == {"Patient": 1, "Condition": 1}


def test_she_is_asked_on_the_page_of_the_hospital(ana, hospital, ehr):
    ehr.hold(patient(**SOMEBODY), CONDITION)
    connection = connect(ana, hospital, ehr)
    pull(connection)
    browser, address = people.browser_of(ana), f"/hospitals/{connection.pk}/"

    page = browser.get(address).content.decode()
    for words in ("Bert Stone", "1950-02-03", "is it yours?", "It is not mine"):
        assert words in page
    assert "is it yours?" in browser.get("/hospitals/").content.decode()
    assert "seems to be about somebody else" in browser.get("/").content.decode()
    assert browser.post(f"{address}mine/", {"mine": "perhaps"}).status_code == 404
    stranger = people.browser_of(people.sign_up())
    assert stranger.post(f"{address}mine/", {"mine": "yes"}).status_code == 404

    assert browser.post(f"{address}mine/", {"mine": "yes"}).headers["Location"] == address

    connection.refresh_from_db()
    assert connection.state == ConnectionState.ACTIVE
    assert "Bert Stone" not in browser.get(address).content.decode()
    assert "recognize" in [event.interaction for event in events.of(ana.pk, 9)]
    browser.post(f"{address}mine/", {"mine": "no"})
    connection.refresh_from_db()
    assert connection.state == ConnectionState.ACTIVE, "answered already"


def test_no_on_the_page_ends_it(ana, hospital, ehr):
    ehr.hold(patient(**SOMEBODY))
    connection = connect(ana, hospital, ehr)
    pull(connection)

    people.browser_of(ana).post(f"/hospitals/{connection.pk}/mine/", {"mine": "no"})

    connection.refresh_from_db()
    assert (connection.state, held(connection)) == (ConnectionState.STOPPED, {})
