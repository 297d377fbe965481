"""Trying again fetches what failed and nothing else, and then says that everything is there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Person
from sync import connections, progress, schedules, tasks
from sync.models import Connection, Hospital, Run, RunState, RunStep, Schedule, StepKind, StepState
from sync.problems import Problem
from sync.sources.fhir_rest import client as http
from tests.fakes.ehr import FakeEHR
from tests.sync.conftest import connect
from tests.sync.test_runs import held, observation, perform, revoke, step_of, stored

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.SYNC_PAGE_SIZE = 10
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0)


def retry(connection: Connection) -> Run:
    connections.retry(connection, at=timezone.now())
    return perform(connection)


def shown(owner: Person, resource_type: str) -> progress.KindProgress:
    (one,) = progress.of(owner)
    assert one.run is not None
    return next(kind for kind in one.run.kinds if kind.resource_type == resource_type)


def test_a_listing_that_broke_off_goes_on_at_the_page_that_failed(ehr: FakeEHR, connection: Connection, owner: Person):
    ehr.hold(*(observation(number) for number in range(25)))
    ehr.hold({"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}})
    ehr.truncate(r"/Observation\?.*_start=10", times=http.TRIES)
    broken = perform(connection)
    assert (broken.state, shown(owner, "Observation").lost) == (RunState.PARTIAL, 15)
    ehr.asked.clear()

    run = retry(connection)

    assert run.pk == broken.pk
    assert (run.state, held(connection)["Observation"]) == (RunState.COMPLETE, 25)
    assert [target.partition("?")[0] for target in ehr.targets("/fhir/[A-Z]")] == ["/fhir/Observation"] * 2
    told = shown(owner, "Observation")
    assert (told.stated, told.arrived, told.lost, told.problem) == (25, 25, 0, None)


def test_only_the_pointer_that_failed_is_asked_for_again(ehr: FakeEHR, connection: Connection):
    ehr.searches_by_id = False
    for number in range(3):
        ehr.hold(observation(number, performer=[{"reference": f"Practitioner/dr{number}"}]))
        ehr.hold({"resourceType": "Practitioner", "id": f"dr{number}"})
    ehr.answer_with("/Practitioner/dr1$", 500, times=http.TRIES)
    assert perform(connection).state == RunState.PARTIAL
    assert held(connection)["Practitioner"] == 2
    ehr.asked.clear()

    run = retry(connection)

    step = step_of(run, "Practitioner", StepKind.POINTED)
    assert (run.state, step.state, step.missing) == (RunState.COMPLETE, StepState.COMPLETE, 0)
    assert held(connection)["Practitioner"] == 3
    assert ehr.targets("/fhir/[A-Z]") == ["/fhir/Practitioner/dr1"]


def test_a_listing_shorter_than_the_hospital_says_is_told_and_walked_anew(
    ehr: FakeEHR, connection: Connection, owner: Person
):
    ehr.hold(*(observation(number) for number in range(12)))
    ehr.edit(r"/Observation\?.*_start=10", lambda bundle: bundle["entry"].pop())
    run = perform(connection)
    assert (run.state, run.problem) == (RunState.PARTIAL, Problem.SHORT)
    assert (shown(owner, "Observation").arrived, shown(owner, "Observation").lost) == (11, 1)

    run = retry(connection)

    assert run.state == RunState.COMPLETE
    assert held(connection)["Observation"] == 12
    assert (shown(owner, "Observation").arrived, shown(owner, "Observation").lost) == (12, 0)


def test_pages_that_overlap_do_not_hide_what_did_not_come(ehr: FakeEHR, connection: Connection, owner: Person):
    ehr.hold(*(observation(number) for number in range(20)))

    def overlap(bundle: dict[str, Any]) -> None:
        bundle["entry"][:3] = [{"resource": observation(number), "search": {"mode": "match"}} for number in range(3)]

    ehr.edit(r"/Observation\?.*_start=10", overlap)

    run = perform(connection)

    assert step_of(run, "Observation").received == 20
    assert (run.problem, shown(owner, "Observation").arrived, shown(owner, "Observation").lost) == (
        Problem.SHORT,
        17,
        3,
    )


def test_what_a_short_listing_left_out_counts_when_it_is_found_by_itself(
    ehr: FakeEHR, connection: Connection, owner: Person
):
    ehr.hold(*(observation(number) for number in range(3)))
    perform(connection)
    ehr.edit(r"/Observation\?", lambda bundle: bundle["entry"].pop())
    connections.update(connection, at=timezone.now())

    run = perform(connection)

    assert run.state == RunState.COMPLETE
    assert (shown(owner, "Observation").arrived, shown(owner, "Observation").lost) == (3, 0)


def test_a_hospital_that_forgot_the_listing_is_asked_from_its_beginning(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(25)))
    ehr.answer_with(r"/Observation\?.*_start=10", 410)

    run = perform(connection)

    walks = RunStep.objects.filter(run=run, resource_type="Observation").order_by("walk")
    assert [(step.walk, step.state, step.pages_failed) for step in walks] == [
        (1, StepState.REPLACED, 1),
        (2, StepState.COMPLETE, 0),
    ]
    assert (run.state, held(connection)["Observation"]) == (RunState.COMPLETE, 25)


def test_what_only_a_first_walk_listed_is_still_found_gone(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(25)))
    ehr.answer_with(r"/Observation\?.*_start=20", 410)
    ehr.before = lambda asked: ehr.resources.pop(("Observation", "o003"), None) if "_start=20" in asked.target else None

    run = perform(connection)

    assert run.state == RunState.COMPLETE
    assert stored(connection, "Observation", "o003") is None
    assert step_of(run, "Observation", StepKind.ABSENT).deleted == 1


def test_retrying_what_was_complete_is_an_update(ehr: FakeEHR, connection: Connection):
    first = perform(connection)

    run = retry(connection)

    assert (run.pk > first.pk, run.state) == (True, RunState.COMPLETE)


def test_signing_in_again_goes_on_with_the_run_that_was_cut_short(
    ehr: FakeEHR, connection: Connection, owner: Person, hospital: Hospital
):
    ehr.hold(*(observation(number) for number in range(25)))
    ehr.before = lambda asked: revoke(ehr) if "_start=10" in asked.target else None
    cut = perform(connection)
    ehr.before = lambda asked: None
    ehr.asked.clear()

    run = perform(connect(owner, hospital, ehr))

    assert (run.pk, run.state, held(connection)["Observation"]) == (cut.pk, RunState.COMPLETE, 25)
    assert len(ehr.targets(r"/Observation\?(?!.*_start)")) == 0


def test_signing_in_again_much_later_begins_anew(
    ehr: FakeEHR, connection: Connection, owner: Person, hospital: Hospital
):
    ehr.hold(observation(1))
    ehr.before = lambda asked: revoke(ehr)
    cut = perform(connection)
    Run.objects.filter(pk=cut.pk).update(finished=timezone.now() - timedelta(days=2))
    ehr.before = lambda asked: None

    assert perform(connect(owner, hospital, ehr)).pk > cut.pk


# --- schedules


def test_an_update_comes_by_itself_as_often_as_she_chose(ehr: FakeEHR, connection: Connection):
    perform(connection)
    connection.refresh_from_db()
    assert connection.due is not None
    assert connection.last_attempt is not None
    day = connection.due - connection.last_attempt
    assert timedelta(hours=21) < day < timedelta(hours=27)

    assert schedules.start_due(at=timezone.now()) == 0
    assert schedules.start_due(at=connection.due) == 1
    assert schedules.start_due(at=connection.due) == 0
    assert Run.objects.unfinished().filter(connection=connection).count() == 1


def test_connections_of_one_moment_do_not_stay_together(connection: Connection):
    at = timezone.now()

    assert len({schedules.following(connection, at=at) for _ in range(10)}) == 10


def test_only_when_she_asks_means_never_by_itself(ehr: FakeEHR, connection: Connection):
    perform(connection)

    schedules.choose(connection, Schedule.ASKED, at=timezone.now())

    assert schedules.start_due(at=timezone.now() + timedelta(days=1000)) == 0
    schedules.choose(connection, Schedule.WEEKLY, at=timezone.now())
    assert schedules.start_due(at=timezone.now() + timedelta(days=5)) == 0
    assert schedules.start_due(at=timezone.now() + timedelta(days=8)) == 1


def test_a_stopped_connection_is_never_due(ehr: FakeEHR, connection: Connection):
    perform(connection)
    connections.stop(connection, at=timezone.now())

    assert schedules.start_due(at=timezone.now() + timedelta(days=1000)) == 0


def test_the_beat_begins_what_is_due(ehr: FakeEHR, connection: Connection):
    perform(connection)
    Connection.objects.update(due=timezone.now())

    tasks.ring_again()

    assert Run.objects.unfinished().filter(connection=connection).count() == 1
