"""Runs, against a fake hospital over real HTTP and the real record store."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from accounts.models import Person
from audit import events
from records import identity, store
from standards.fhir import json
from sync import claims, connections, leases, progress, runs
from sync.models import (
    Connection,
    ConnectionState,
    Hospital,
    PageEntry,
    Pointer,
    PointerState,
    Run,
    RunState,
    RunStep,
    StepKind,
    StepState,
)
from sync.problems import Problem
from sync.sources.fhir_rest import client as http
from tests.fakes.ehr import FakeEHR
from tests.sync.conftest import connect

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Pages of ten, and waits a test can afford."""
    settings.SYNC_PAGE_SIZE = 10
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0.01)


def observation(number: int, **extra: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o{number:03}",
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "subject": {"reference": "Patient/p1"},
        "valueQuantity": {"value": number, "unit": "g/dL"},
        **extra,
    }


def perform(connection: Connection) -> Run:
    run = Run.objects.filter(connection=connection).latest("id")
    runs.perform(run.pk)
    run.refresh_from_db()
    return run


def again(connection: Connection) -> Run:
    connections.update(connection, at=timezone.now())
    return perform(connection)


def step_of(run: Run, resource_type: str, kind: StepKind = StepKind.SEARCH) -> RunStep:
    return RunStep.objects.get(run=run, resource_type=resource_type, kind=kind, query="")


def held(connection: Connection) -> dict[str, int]:
    return store.held(owner_id=connection.owner_id, source_id=connection.hospital.source_id)


def stored(connection: Connection, resource_type: str, remote_id: str) -> dict[str, Any] | None:
    source = connection.hospital.source
    wanted = identity.logical_id(connection.owner_id, source.url, resource_type, remote_id)
    found = store.bodies(owner_id=connection.owner_id, source_id=source.pk)
    return next((json.loads(body) for name, key, body in found if (name, key) == (resource_type, wanted)), None)


# --- what arrives


def test_a_run_brings_every_page_and_says_so(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(25)))

    run = perform(connection)

    step = step_of(run, "Observation")
    assert run.state == RunState.COMPLETE
    assert held(connection) == {"Patient": 1, "Observation": 25}
    assert (step.total, step.received, step.new, step.pages_asked, step.pages_got, step.pages_failed) == (
        25,
        25,
        25,
        3,
        3,
        0,
    )
    connection.refresh_from_db()
    assert connection.last_success == run.finished
    assert connection.last_new_data == run.finished


def test_references_lead_to_her_one_patient_and_to_what_they_pointed_at(ehr: FakeEHR, connection: Connection):
    ehr.hold(
        observation(1, performer=[{"reference": f"{ehr.base}/Practitioner/dr1/_history/4"}]),
        {"resourceType": "Practitioner", "id": "dr1", "name": [{"family": "Okafor"}]},
    )

    perform(connection)

    kept = stored(connection, "Observation", "o001")
    doctor = identity.logical_id(connection.owner_id, connection.hospital.source.url, "Practitioner", "dr1")
    assert kept is not None
    assert kept["subject"] == {"reference": f"Patient/{connection.owner.patient_id}"}
    assert kept["performer"] == [{"reference": f"Practitioner/{doctor}"}]
    assert held(connection)["Practitioner"] == 1


def test_pointers_are_followed_hop_by_hop(ehr: FakeEHR, connection: Connection):
    ehr.hold(
        observation(1, performer=[{"reference": "PractitionerRole/r1"}]),
        {"resourceType": "PractitionerRole", "id": "r1", "practitioner": {"reference": "Practitioner/dr1"}},
        {
            "resourceType": "Practitioner",
            "id": "dr1",
            "qualification": [{"issuer": {"reference": "Organization/org1"}}],
        },
        {"resourceType": "Organization", "id": "org1", "partOf": {"reference": "Organization/org2"}},
        {"resourceType": "Organization", "id": "org2", "name": "further than three hops"},
    )

    run = perform(connection)

    assert run.state == RunState.COMPLETE
    assert held(connection) == {
        "Patient": 1,
        "Observation": 1,
        "PractitionerRole": 1,
        "Practitioner": 1,
        "Organization": 1,
    }


@pytest.mark.parametrize("by_id", [True, False])
def test_pointers_are_fetched_together_where_the_hospital_can(ehr: FakeEHR, connection: Connection, by_id: bool):
    ehr.searches_by_id = by_id
    for number in range(15):
        ehr.hold(observation(number, performer=[{"reference": f"Practitioner/dr{number}"}]))
        ehr.hold({"resourceType": "Practitioner", "id": f"dr{number}"})

    perform(connection)

    assert held(connection)["Practitioner"] == 15
    assert len(ehr.targets("Practitioner")) == (1 if by_id else 15)


def test_a_pointer_to_nothing_is_told_and_is_no_failure(ehr: FakeEHR, connection: Connection):
    ehr.hold(observation(1, performer=[{"reference": "Practitioner/gone"}]))

    run = perform(connection)

    assert run.state == RunState.COMPLETE
    assert step_of(run, "Practitioner", StepKind.POINTED).missing == 1
    assert Pointer.objects.get(connection=connection, resource_type="Practitioner").state == PointerState.MISSING


def test_somebody_elses_resource_is_held_back(ehr: FakeEHR, connection: Connection):
    ehr.hold(observation(1), observation(2, subject={"reference": "Patient/p2"}, _listed=True))

    run = perform(connection)

    assert (step_of(run, "Observation").held_back, step_of(run, "Observation").received) == (1, 2)
    assert stored(connection, "Observation", "o001") is not None
    assert stored(connection, "Observation", "o002") is None
    assert run.state == RunState.COMPLETE


def test_outcomes_among_the_entries_are_warnings_and_no_data(ehr: FakeEHR, connection: Connection):
    def add_outcome(bundle: dict[str, Any]) -> None:
        outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "suppressed"}]}
        bundle["entry"].append({"resource": outcome, "search": {"mode": "outcome"}})

    ehr.hold(observation(1))
    ehr.edit(r"/Observation\?", add_outcome)

    step = step_of(perform(connection), "Observation")

    assert (step.received, step.new, step.warnings, step.unusable) == (1, 1, 1, 0)


def test_one_broken_entry_does_not_cost_the_page(ehr: FakeEHR, connection: Connection):
    def break_entries(bundle: dict[str, Any]) -> None:
        bundle["entry"] += [{"resource": {"resourceType": "Observation"}}, {"resource": "text"}, "nothing at all"]

    ehr.hold(observation(1), observation(2))
    ehr.edit(r"/Observation\?", break_entries)

    run = perform(connection)

    step = step_of(run, "Observation")
    assert (step.received, step.new, step.unusable) == (5, 2, 3)
    assert (run.state, run.problem) == (RunState.PARTIAL, Problem.UNUSABLE)


def test_a_resource_that_breaks_the_models_is_kept_and_flagged(ehr: FakeEHR, connection: Connection):
    ehr.hold(observation(1, valueQuantity={"value": "eleven"}))

    step = step_of(perform(connection), "Observation")

    assert (step.new, step.invalid) == (1, 1)
    assert stored(connection, "Observation", "o001") is not None


def test_every_stored_page_leaves_one_event(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(15)))

    run = perform(connection)

    told = [event.detail["types"] for event in events.of(connection.owner_id) if event.interaction == "sync"]
    assert sorted(types["Observation"] for types in told if "Observation" in types) == [5, 10]
    assert len(told) == PageEntry.objects.filter(step__run=run, entries__gt=0).count()


# --- the second time


def test_a_second_run_writes_only_what_changed(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(12)))
    perform(connection)
    ehr.hold(observation(3, valueQuantity={"value": 99}), observation(50))

    step = step_of(again(connection), "Observation")

    assert (step.new, step.changed, step.unchanged) == (1, 1, 11)


def test_what_is_gone_at_the_hospital_is_hidden_after_it_was_asked_for(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(12)))
    perform(connection)
    assert held(connection)["Observation"] == 12
    ehr.drop("Observation", "o004")

    run = again(connection)

    assert step_of(run, "Observation", StepKind.ABSENT).deleted == 1
    assert held(connection)["Observation"] == 11
    assert stored(connection, "Observation", "o004") is None


def test_what_is_only_missing_from_the_list_stays(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(3)))
    perform(connection)
    for _ in range(2):
        ehr.edit(r"/Observation\?", lambda bundle: bundle["entry"].pop())

        run = again(connection)

        assert step_of(run, "Observation", StepKind.ABSENT).deleted == 0
        assert held(connection)["Observation"] == 3


def test_nothing_is_taken_away_after_a_listing_that_broke_off(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(25)))
    perform(connection)
    ehr.drop("Observation", "o024")
    ehr.answer_with(r"/Observation\?.*_start=10", 500, times=99)

    run = again(connection)

    assert run.state == RunState.PARTIAL
    assert held(connection)["Observation"] == 25


# --- faults


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_hospital_is_left_alone_for_as_long_as_it_asks(ehr: FakeEHR, connection: Connection, status: int):
    ehr.hold(observation(1))
    ehr.answer_with(r"/Observation\?", status, Retry_After="1")

    run = perform(connection)

    first, second = (asked.at for asked in ehr.asked if "/Observation?" in asked.target)
    assert second - first >= 1
    assert run.state == RunState.COMPLETE


def test_a_hospital_that_asks_for_long_puts_the_run_off(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(15)))
    ehr.answer_with(r"/Observation\?.*_start=10", 503, Retry_After="600")
    before = timezone.now()

    run = perform(connection)

    assert (run.state, run.claim) == (RunState.QUEUED, None)
    assert run.due - before >= timedelta(seconds=600)
    assert held(connection)["Observation"] == 10
    runs.perform(run.pk)
    assert len(ehr.targets(r"/Observation\?.*_start=10")) == 1  # not a moment sooner

    Run.objects.filter(pk=run.pk).update(due=timezone.now())
    run = perform(connection)

    assert run.state == RunState.COMPLETE
    assert held(connection)["Observation"] == 15
    assert len(ehr.targets(r"/Observation\?(?!.*_start)")) == 1  # it went on at the page


@pytest.mark.parametrize("fault", ["truncate", "cut_off", "answer_500"])
def test_a_page_that_comes_broken_is_asked_for_again(ehr: FakeEHR, connection: Connection, fault: str):
    ehr.hold(*(observation(number) for number in range(25)))
    pattern = r"/Observation\?.*_start=10"
    if fault == "answer_500":
        ehr.answer_with(pattern, 500, times=2)
    else:
        getattr(ehr, fault)(pattern, times=2)

    run = perform(connection)

    assert run.state == RunState.COMPLETE
    assert held(connection)["Observation"] == 25
    assert PageEntry.objects.get(step=step_of(run, "Observation"), number=2).tries == 3


def test_a_page_that_stays_broken_is_counted_and_the_run_goes_on(ehr: FakeEHR, connection: Connection):
    condition = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}}
    ehr.hold(condition, *(observation(number) for number in range(25)))
    ehr.truncate(r"/Observation\?.*_start=10", times=99)

    run = perform(connection)

    step = step_of(run, "Observation")
    assert (step.state, step.problem) == (StepState.FAILED, Problem.UNREADABLE)
    assert (step.total, step.received, step.pages_asked, step.pages_got, step.pages_failed) == (25, 10, 2, 1, 1)
    assert step_of(run, "Condition").state == StepState.COMPLETE
    assert (run.state, run.problem) == (RunState.PARTIAL, Problem.UNREADABLE)
    (shown,) = progress.of(connection.owner)
    assert shown.run is not None
    (labs,) = [kind for kind in shown.run.kinds if kind.resource_type == "Observation"]
    assert (labs.stated, labs.arrived, labs.lost) == (25, 10, 15)
    assert labs.problem is not None
    assert labs.problem.says == "Cedar Hospital sent something that could not be read."


def test_no_token_goes_to_the_host_that_a_foreign_next_link_names(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(25)))
    with FakeEHR().running() as stranger:
        ehr.lead_next_to(r"/Observation\?", f"{stranger.base}/Observation?_start=10")

        run = perform(connection)

        assert stranger.asked == []
    assert (step_of(run, "Observation").state, run.problem) == (StepState.FAILED, Problem.FOREIGN_ADDRESS)
    assert held(connection)["Observation"] == 10


@pytest.mark.parametrize(
    "path", ["/auth/token", "/fhir/../auth/token", "/fhirx/Observation", "/fhir/%2e%2e/auth/token"]
)
def test_a_next_link_outside_the_base_is_not_followed(ehr: FakeEHR, connection: Connection, path: str):
    ehr.hold(*(observation(number) for number in range(25)))
    ehr.lead_next_to(r"/Observation\?", f"{ehr.origin}{path}")

    run = perform(connection)

    assert run.problem == Problem.FOREIGN_ADDRESS
    assert ehr.targets("auth/token|fhirx") == []


def test_a_next_link_that_leads_in_a_circle_ends(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(25)))
    first = f"{ehr.base}/Observation?patient=p1&_total=accurate&_count=10"
    ehr.lead_next_to(r"/Observation\?.*_start=10", first)

    run = perform(connection)

    assert (step_of(run, "Observation").problem, run.state) == (Problem.LOOP, RunState.PARTIAL)
    assert held(connection)["Observation"] == 20


def test_a_type_the_hospital_refuses_is_told_and_the_rest_arrives(ehr: FakeEHR, connection: Connection):
    ehr.hold(observation(1), {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}})
    ehr.refuses["Condition"] = "403"

    run = perform(connection)

    steps = RunStep.objects.filter(run=run, resource_type="Condition").exclude(state=StepState.REPLACED)
    assert {step.state for step in steps} == {StepState.REFUSED}
    assert held(connection)["Observation"] == 1
    assert run.state == RunState.COMPLETE


def test_a_server_that_wants_a_category_is_asked_by_category(ehr: FakeEHR, connection: Connection):
    ehr.wants_category.add("Observation")
    vital = observation(2, category=[{"coding": [{"code": "vital-signs"}]}])
    both = observation(3, category=[{"coding": [{"code": "vital-signs"}, {"code": "laboratory"}]}])
    ehr.hold(observation(1), vital, both)

    run = perform(connection)

    assert run.state == RunState.COMPLETE
    assert step_of(run, "Observation").state == StepState.REPLACED
    assert held(connection)["Observation"] == 3


def test_a_server_that_does_not_know_total_is_asked_without(ehr: FakeEHR, connection: Connection):
    ehr.knows_total = False
    ehr.hold(*(observation(number) for number in range(15)))

    run = perform(connection)

    assert run.state == RunState.COMPLETE
    assert held(connection)["Observation"] == 15
    assert len(ehr.targets("_total=")) == 1


def test_a_hospital_without_a_statement_is_asked_for_us_core(ehr: FakeEHR, connection: Connection):
    ehr.stated = False
    ehr.hold(observation(1))

    run = perform(connection)

    assert run.state == RunState.COMPLETE
    assert held(connection)["Observation"] == 1


# --- tokens


def test_a_token_that_ends_in_the_middle_is_renewed_in_the_page_loop(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(25)))
    ehr.before = lambda asked: ehr.tokens.clear() if "_start=10" in asked.target and not renewed(ehr) else None

    run = perform(connection)

    assert run.state == RunState.COMPLETE
    assert held(connection)["Observation"] == 25
    assert len(renewed(ehr)) == 1


def test_a_token_about_to_end_is_renewed_before_it_is_refused(ehr: FakeEHR, connection: Connection):
    Connection.objects.filter(pk=connection.pk).update(token_expires=timezone.now() + timedelta(seconds=5))

    run = perform(connection)

    assert run.state == RunState.COMPLETE
    assert len(renewed(ehr)) == 1
    connection.refresh_from_db()
    assert connection.token_expires is not None
    assert connection.token_expires > timezone.now() + timedelta(seconds=3000)


def test_two_workers_never_spend_one_refresh_token_twice(ehr: FakeEHR, connection: Connection):
    from sync import tokens

    keepers = [tokens.Keeper(connection) for _ in range(4)]
    old = keepers[0].token()
    got: list[str] = []

    def renew(keeper: tokens.Keeper) -> None:
        got.append(keeper.renewed(old))
        database.close()

    threads = [threading.Thread(target=renew, args=[keeper]) for keeper in keepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(renewed(ehr)) == 1
    assert len(set(got)) == 1
    assert got[0] != old


def test_a_connection_the_hospital_revoked_asks_her_to_sign_in_again(
    ehr: FakeEHR, connection: Connection, owner: Person, hospital: Hospital
):
    ehr.hold(*(observation(number) for number in range(25)))
    ehr.before = lambda asked: revoke(ehr) if "_start=10" in asked.target else None

    run = perform(connection)

    connection.refresh_from_db()
    assert connection.state == ConnectionState.NEEDS_REAUTH
    assert (run.state, run.problem) == (RunState.PARTIAL, Problem.SIGNED_OUT)
    assert held(connection)["Observation"] == 10  # nothing that had arrived is lost
    (shown,) = progress.of(owner)
    assert shown.problem is not None
    assert shown.problem.do.startswith("Connect again")

    ehr.before = lambda asked: None
    mended = connect(owner, hospital, ehr)
    run = perform(mended)

    assert mended.pk == connection.pk
    assert run.state == RunState.COMPLETE
    assert held(connection)["Observation"] == 25


def renewed(ehr: FakeEHR) -> list[str]:
    return ehr.targets("^/auth/token")


def revoke(ehr: FakeEHR) -> None:
    ehr.tokens.clear()
    ehr.refresh_tokens.clear()


# --- claims


def test_of_two_workers_one_gets_the_run(ehr: FakeEHR, connection: Connection):
    run = Run.objects.get(connection=connection)

    first, second = claims.take(run.pk, at=timezone.now()), claims.take(run.pk, at=timezone.now())

    assert first is not None
    assert second is None


def test_a_silent_worker_loses_its_run_and_stores_nothing_more(ehr: FakeEHR, connection: Connection, settings: Any):
    run = Run.objects.get(connection=connection)
    late = claims.take(run.pk, at=timezone.now())
    assert late is not None
    Run.objects.filter(pk=run.pk).update(heartbeat=timezone.now() - settings.SYNC_LEASE * 2)

    taken_over = perform(connection)

    assert taken_over.state == RunState.COMPLETE
    with pytest.raises(leases.ClaimLost):
        late.finish(RunState.FAILED, problem="", at=timezone.now())


def test_stopping_ends_the_run_at_the_next_page(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(45)))
    stopped = []

    def stop(asked: Any) -> None:
        if "_start=20" in asked.target and not stopped:
            stopped.append(connections.stop(connection, at=timezone.now()))
            database.close()

    ehr.before = stop

    run = perform(connection)

    connection.refresh_from_db()
    assert (run.state, run.problem) == (RunState.PARTIAL, Problem.STOPPED)
    assert (connection.state, connection.sealed_tokens) == (ConnectionState.STOPPED, None)
    assert held(connection)["Observation"] == 20


def test_a_run_that_cannot_get_on_ends(ehr: FakeEHR, connection: Connection):
    Run.objects.filter(connection=connection).update(attempts=runs.MAX_ATTEMPTS)

    run = perform(connection)

    assert (run.state, run.problem) == (RunState.FAILED, Problem.STUCK)


def test_an_unreachable_hospital_puts_the_run_off(owner: Person, hospital: Hospital, ehr: FakeEHR):
    with FakeEHR().running() as gone:
        base = gone.base
    Hospital.objects.filter(pk=hospital.pk).update(fhir_base=base)

    run = perform(connect(owner, Hospital.objects.get(pk=hospital.pk), ehr))

    assert (run.state, run.attempts) == (RunState.QUEUED, 1)
    assert run.due > timezone.now() + timedelta(seconds=15)
    (shown,) = progress.of(owner)
    assert shown.run is not None
    assert shown.run.waits_until == run.due


def test_progress_takes_the_same_queries_for_one_connection_and_for_three(
    ehr: FakeEHR, connection: Connection, owner: Person, hospital: Hospital, django_assert_num_queries: Any
):
    perform(connection)
    with django_assert_num_queries(3):
        assert len(progress.of(owner)) == 1
    for patient in ("p2", "p3"):
        ehr.patient = patient
        connect(owner, hospital, ehr)

    with django_assert_num_queries(3):
        assert len(progress.of(owner)) == 3


def test_secrets_of_a_connection_are_nowhere_in_clear(ehr: FakeEHR, connection: Connection):
    ehr.hold(*(observation(number) for number in range(15)))
    ehr.answer_with(r"/Observation\?.*_start=10", 503, Retry_After="600")
    perform(connection)
    secrets = [*ehr.tokens, *ehr.refresh_tokens, "_start=10"]
    assert len(secrets) == 3

    with database.cursor() as cursor:
        dumped = ""
        for table in ("sync_connection", "sync_run", "sync_runstep", "sync_pageentry", "audit_event"):
            cursor.execute(f"SELECT t::text, encode(convert_to(t::text, 'UTF8'), 'hex') FROM {table} t")  # noqa: S608
            dumped += "".join(text for row in cursor.fetchall() for text in row)

    for secret in secrets:
        assert secret not in dumped
        assert secret.encode().hex() not in dumped


def test_a_slow_answer_keeps_the_claim_alive(ehr: FakeEHR, connection: Connection, settings: Any):
    settings.SYNC_LEASE = timedelta(seconds=1)
    ehr.hold(observation(1))
    ehr.answer_with(r"/Observation\?", 503, Retry_After="3")
    intruders: list[object] = []

    def intrude() -> None:
        time.sleep(2)
        intruders.append(claims.take(Run.objects.get(connection=connection).pk, at=timezone.now()))
        database.close()

    thread = threading.Thread(target=intrude)
    thread.start()
    run = perform(connection)
    thread.join()

    assert intruders == [None]
    assert run.state == RunState.COMPLETE
