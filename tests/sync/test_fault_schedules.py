"""Whatever goes wrong at a hospital, and in whatever order: what is stored in the end is what the hospital holds, and
the ledger says what went over the wire. 200 random fault schedules; a few of them in every run, all by `make fuzz`."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from django.db.models import Max, QuerySet, Sum
from django.utils import timezone

from accounts.models import Person
from records import identity, store
from sandbox import faults
from standards.fhir import json
from sync import connections, runs
from sync.models import (
    Connection,
    ConnectionState,
    Hospital,
    PageEntry,
    PageOutcome,
    Run,
    RunState,
    RunStep,
    StepKind,
    StepState,
)
from sync.sources.fhir_rest import client as http
from tests.fakes.ehr import FakeEHR
from tests.sync.conftest import connect
from tests.sync.misfortune import Delivered, Misfortune

pytestmark = pytest.mark.django_db(transaction=True)

SCHEDULES = 200
IN_EVERY_RUN = 5
ROUNDS_MAX = 80
LISTED = ("Observation", "Condition")
SEEDS = [seed if seed < IN_EVERY_RUN else pytest.param(seed, marks=pytest.mark.thorough) for seed in range(SCHEDULES)]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_truth_is_stored_and_told(
    ehr: FakeEHR, owner: Person, hospital: Hospital, settings: Any, monkeypatch: pytest.MonkeyPatch, seed: int
):
    dice = random.Random(seed)  # noqa: S311 - the same schedule every time
    settings.SYNC_PAGE_SIZE = dice.choice([3, 5, 10])
    monkeypatch.setattr(http, "FIRST_WAIT_SECONDS", 0)
    _fill(ehr, dice)
    connection = connect(owner, hospital, ehr)

    first = Misfortune(ehr, dice)
    run = _to_the_end(connection, ehr)
    _assert_holds_the_truth(connection, ehr)
    _assert_ledger_tells(run, first.log)

    changed, dropped, added = _pass_time(ehr, dice)
    connections.update(connection, at=timezone.now())
    second = Misfortune(ehr, dice)
    update = _to_the_end(connection, ehr)
    _assert_holds_the_truth(connection, ehr)
    _assert_ledger_tells(update, second.log)
    told = RunStep.objects.filter(run=update).aggregate(Sum("new"), Sum("changed"), Sum("deleted"))
    assert told == {"new__sum": added, "changed__sum": changed, "deleted__sum": dropped}


def _fill(ehr: FakeEHR, dice: random.Random) -> None:
    ehr.searches_by_id = dice.choice([True, False])
    for number in range(dice.randint(8, 32)):
        ehr.hold(_observation(number, doctor=number % 4))
    for number in range(dice.randint(0, 7)):
        ehr.hold({"resourceType": "Condition", "id": f"c{number}", "subject": {"reference": "Patient/p1"}})
    ehr.hold(*({"resourceType": "Practitioner", "id": f"dr{number}"} for number in range(4)))


def _observation(number: int, *, doctor: int, status: str = "final") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o{number:03}",
        "status": status,
        "code": {"text": f"reading {number}"},
        "subject": {"reference": "Patient/p1"},
        "performer": [{"reference": f"Practitioner/dr{doctor}"}],
    }


def _pass_time(ehr: FakeEHR, dice: random.Random) -> tuple[int, int, int]:
    """Some records are corrected or turn out to be errors, some are gone, some are new; how many of each."""
    observations = sorted(key for key in ehr.resources if key[0] == "Observation")
    moved = dice.sample(observations, dice.randint(1, 6))
    corrected, gone = moved[::2], moved[1::2]
    for key in corrected:
        ehr.resources[key] = ehr.resources[key] | {"status": dice.choice(["amended", "entered-in-error"])}
    for key in gone:
        ehr.drop(*key)
    added = dice.randint(0, 6)
    ehr.hold(*(_observation(900 + number, doctor=0) for number in range(added)))
    return len(corrected), len(gone), added


def _to_the_end(connection: Connection, ehr: FakeEHR) -> Run:
    """What the beat does, and what she does: wait, sign in again, fetch what is missing."""
    for _ in range(ROUNDS_MAX):
        run = Run.objects.filter(connection=connection).latest("id")
        Run.objects.filter(pk=run.pk).update(due=timezone.now())
        runs.perform(run.pk)
        run.refresh_from_db()
        connection.refresh_from_db()
        if run.state == RunState.COMPLETE:
            return run
        if connection.state == ConnectionState.NEEDS_REAUTH:
            connect(connection.owner, connection.hospital, ehr)
        elif run.finished:
            connections.retry(connection, at=timezone.now())
    raise AssertionError(f"no end: {run.state} {run.problem}")


def _assert_holds_the_truth(connection: Connection, ehr: FakeEHR) -> None:
    """Every record of the hospital's once, as it is there, and nothing else: no stranger's, none that is gone."""
    source = connection.hospital.source
    stored = {
        (name, logical_id): json.loads(body)
        for name, logical_id, body in store.bodies(owner_id=connection.owner_id, source_id=source.pk)
    }
    truth = {
        (name, identity.logical_id(connection.owner_id, source.url, name, remote_id)): resource
        for (name, remote_id), resource in ehr.resources.items()
    }
    assert stored.keys() == truth.keys()
    assert {key: body.get("status") for key, body in stored.items()} == {
        key: resource.get("status") for key, resource in truth.items()
    }


def _assert_ledger_tells(run: Run, log: list[Delivered]) -> None:
    """Page by page and type by type, against what the hospital knows it sent."""
    for resource_type in LISTED:
        steps = RunStep.objects.filter(run=run, kind=StepKind.SEARCH, resource_type=resource_type)
        sent = [each for each in log if each.is_search and each.resource_type == resource_type and each.page]
        _assert_counts(steps, sent)
    _assert_entries_add_up(run, log)


def _assert_counts(steps: QuerySet[RunStep], sent: list[Delivered]) -> None:
    told = steps.aggregate(Sum("pages_got"), Sum("received"), Max("total"), Sum("held_back"), Sum("unusable"))
    ids = [each for page in sent for each in page.ids]
    assert told == {
        "pages_got__sum": len(sent),
        "received__sum": len(ids),
        "total__max": max(page.page["total"] for page in sent if page.page),
        "held_back__sum": ids.count(faults.STRANGER_ID),
        "unusable__sum": 0,
    }
    last = steps.get(state=StepState.COMPLETE)
    assert last.total is not None
    assert last.listed is not None
    assert last.listed >= last.total
    if steps.count() == 1:
        assert last.listed == len(set(ids)) or last.listed == last.total


def _assert_entries_add_up(run: Run, log: list[Delivered]) -> None:
    """What came is new, changed, unchanged or held back; what failed, failed as often on the wire as is told."""
    for step in RunStep.objects.filter(run=run):
        came = step.new + step.changed + step.unchanged + step.unusable + step.held_back
        assert came == step.received + step.included
        assert step.pages_failed == PageEntry.objects.filter(step=step, outcome=PageOutcome.FAILED).count()
    lost = Counter(each.resource_type for each in log if each.page is None)
    failed = PageEntry.objects.filter(step__run=run, step__kind=StepKind.SEARCH, outcome=PageOutcome.FAILED)
    for resource_type, tries in failed.values_list("step__resource_type").annotate(Sum("tries")):
        assert tries <= lost[resource_type]
