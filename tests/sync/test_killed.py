"""A worker killed without warning, at any page: the next one goes on there, with no duplicate and no gap (D10)."""

from __future__ import annotations

import random
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from records import identity, store
from standards.fhir import json
from sync import doorbell
from sync.models import Connection, PageEntry, Run, RunState, RunStep, StepKind
from tests.fakes.ehr import Asked, FakeEHR
from tests.sync import workers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

SEED = 20261122
OBSERVATIONS = 300
DOCTORS = 30
PAGE_SIZE = 10
LEASE = timedelta(seconds=2)
PATIENCE_SECONDS = 300  # a machine may be busy; a run that does not end never ends


class Killer:
    """Kills the worker at chosen requests of the pull: on arrival, or a moment later, when the page is being stored."""

    def __init__(self, worker: workers.Worker, at: list[int], dice: random.Random) -> None:
        self.worker, self.at, self.dice = worker, at, dice
        self.seen = self.kills = 0
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> None:
        with self._lock:
            if not self.at or "/fhir/" not in asked.target:
                return
            self.seen += 1
            if self.seen < self.at[0]:
                return
            self.at.pop(0)
            self.kills += 1
            delay = self.dice.choice([0, 0, 0.01, 0.03, 0.06])
        threading.Timer(delay, self.worker.kill).start() if delay else self.worker.kill()


def observation(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o{number:04}",
        "status": "final",
        "code": {"text": f"reading {number}"},
        "subject": {"reference": "Patient/p1"},
        "performer": [{"reference": f"Practitioner/dr{number % DOCTORS}"}],
    }


@pytest.mark.parametrize("kills", [4, pytest.param(10, marks=pytest.mark.thorough)])
def test_a_run_survives_kills(ehr: FakeEHR, connection: Connection, settings: Any, tmp_path: Path, kills: int):
    settings.SYNC_LEASE = LEASE
    ehr.hold(*(observation(number) for number in range(OBSERVATIONS)))
    ehr.hold(*({"resourceType": "Practitioner", "id": f"dr{number}"} for number in range(DOCTORS)))
    dice = random.Random(SEED)  # noqa: S311 - the same kills every time
    at = sorted(dice.sample(range(2, OBSERVATIONS // PAGE_SIZE), kills))
    log = tmp_path / "worker.log"

    with workers.running(
        log, SYNC_LEASE_SECONDS=str(int(LEASE.total_seconds())), SYNC_PAGE_SIZE=str(PAGE_SIZE)
    ) as worker:
        ehr.before = killer = Killer(worker, at, dice)
        run = _to_the_end(connection, worker)

    assert killer.kills == kills, log.read_text()[-3000:]
    assert run.state == RunState.COMPLETE, log.read_text()[-3000:]
    _assert_no_duplicate_and_no_gap(connection, run)


def _to_the_end(connection: Connection, worker: workers.Worker) -> Run:
    """What the beat and a supervisor do: ring for what was left, start what has died."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if not worker.lives:
            worker.start()
        doorbell.ring_again(at=timezone.now())
        run = Run.objects.get(connection=connection)
        if run.finished:
            return run
        time.sleep(0.25)
    raise AssertionError(f"the run did not end: {run.state}, attempts {run.attempts}")


def _assert_no_duplicate_and_no_gap(connection: Connection, run: Run) -> None:
    source = connection.hospital.source
    stored = [
        (name, key, json.loads(body)["meta"]["versionId"])
        for name, key, body in store.bodies(owner_id=connection.owner_id, source_id=source.pk)
    ]
    expected = {("Observation", f"o{number:04}") for number in range(OBSERVATIONS)}
    expected |= {("Practitioner", f"dr{number}") for number in range(DOCTORS)} | {("Patient", "p1")}
    assert sorted(stored) == sorted(
        (name, identity.logical_id(connection.owner_id, source.url, name, remote_id), "1")
        for name, remote_id in expected
    )
    step = RunStep.objects.get(run=run, resource_type="Observation", kind=StepKind.SEARCH)
    assert (step.total, step.received, step.new, step.unchanged) == (OBSERVATIONS, OBSERVATIONS, OBSERVATIONS, 0)
    numbers = PageEntry.objects.filter(step=step).order_by("number").values_list("number", "entries")
    assert list(numbers) == [(number, PAGE_SIZE) for number in range(1, OBSERVATIONS // PAGE_SIZE + 1)]
