"""Exports made by a real worker on the real broker: to the end, through kills without warning, and withdrawals."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from accounts.models import Person
from fhirapi.bulk import doorbell, exports
from fhirapi.models import OPEN_STATES, Export, ExportPart, ExportPiece, ExportState
from tests.fhirapi import backends, people, population
from tests.fhirapi.backends import Service
from tests.sync import workers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

LEASE = timedelta(seconds=2)
PATIENCE_SECONDS = 180
MANY = 4_000
KILL_AT = (2, 9, 15, 22, 30)


def person(prefix: str, observations: int = 0) -> tuple[Person, set[str]]:
    """A person with a record, and what is in it."""
    made = people.sign_up()
    resources = population.resources(made.patient_id, prefix)
    resources += [population.observation(made.patient_id, f"{prefix}many-{number}") for number in range(observations)]
    for start in range(0, len(resources), 1000):
        people.store_records(made, resources[start : start + 1000])
    return made, {f"{one['resourceType']}/{one['id']}" for one in resources}


def worker(tmp_path: Path, settings: Any) -> Any:
    settings.SYNC_LEASE = LEASE
    return workers.running(tmp_path / "worker.log", SYNC_LEASE_SECONDS=str(int(LEASE.total_seconds())))


def follow(running: workers.Worker, address: str, meanwhile: Callable[[], None] = lambda: None) -> Export:
    """What the beat and a supervisor do: ring for what was left, start what has died."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    rung = 0.0
    while time.monotonic() < deadline:
        if not running.lives:
            running.reap()
            running.start()
        if time.monotonic() - rung > 0.25:
            doorbell.ring_again(at=timezone.now())
            rung = time.monotonic()
        export = backends.of(address)
        if export.state not in OPEN_STATES:
            return export
        meanwhile()
        time.sleep(0.005)
    raise AssertionError(f"the export did not end: {export.state}, {export.attempts} attempts")


def ids(found: dict[str, list[dict[str, Any]]]) -> Counter[str]:
    return Counter(f"{kind}/{one['id']}" for kind, resources in found.items() for one in resources)


def test_a_worker_makes_what_was_ordered_over_http(tmp_path, settings):
    service, other = Service.register(), Service.register()
    (she, hers), (he, his) = person("she-"), person("he-")
    backends.let_in(she, service, "patient/*.rs", "offline_access")
    backends.let_in(he, service, "patient/Condition.rs")
    backends.let_in(he, other, "patient/*.rs")

    with worker(tmp_path, settings):
        first, second = service.begin("/Patient/$export"), other.begin()
        waited = []
        for client, address in ((service, first), (other, second)):
            while (answer := client.status(address)).status_code == 202:
                waited.append(answer["X-Progress"])
                time.sleep(int(answer["Retry-After"]))
            assert answer.status_code == 200, answer.content

    assert set(ids(service.everything(first))) == hers | {one for one in his if one.startswith("Condition/")}
    assert set(ids(other.everything(second))) == his
    assert other.status(first).status_code == 404


def test_an_export_survives_five_kills_without_duplicate_or_gap(tmp_path, settings):
    service = Service.register()
    expected: set[str] = set()
    for prefix in ("a-", "b-", "c-"):
        one, held = person(prefix, MANY)
        backends.let_in(one, service, "patient/*.rs", "offline_access")
        expected |= held
    address = service.begin()
    export = backends.of(address)
    kills = list(KILL_AT)

    with worker(tmp_path, settings) as running:

        def kill() -> None:
            if kills and ExportPiece.objects.filter(part__export=export).count() >= kills[0]:
                kills.pop(0)
                running.kill()

        ended = follow(running, address, kill)

    assert kills == [], "the export ended before all kills"
    assert ended.state == ExportState.COMPLETE
    found = ids(service.everything(address))
    assert found == Counter(expected)
    pieces = ExportPiece.objects.filter(part__export=export)
    for part in ExportPart.objects.filter(export=export):
        numbers = list(pieces.filter(part=part).order_by("number").values_list("number", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))
    # What a killed worker had written and not yet recorded goes with the export.
    service.cancel(address)
    exports.sweep(at=timezone.now())
    with pytest.raises(FileNotFoundError):
        storages["exports"].listdir(str(export.uid))


def test_whoever_withdraws_under_a_running_worker_is_not_in_it(tmp_path, settings):
    service = Service.register()
    (she, _), (he, his) = person("she-", MANY), person("he-", 10)
    for one in (she, he):
        backends.let_in(one, service, "patient/*.rs", "offline_access")
    address = service.begin()
    withdrawn = []

    with worker(tmp_path, settings) as running:

        def withdraw() -> None:
            if not withdrawn and ExportPiece.objects.filter(part__owner=she).count() >= 7:
                backends.withdraw(she, service)
                withdrawn.append(True)

        follow(running, address, withdraw)

    assert withdrawn
    assert set(ids(service.everything(address))) == his
    told = service.manifest(address)
    assert [one["type"] for one in told["error"]] == ["OperationOutcome"]


def test_two_workers_on_one_export_make_it_once(tmp_path, settings):
    service = Service.register()
    she, hers = person("she-", MANY)
    backends.let_in(she, service, "patient/*.rs", "offline_access")
    address = service.begin()

    with worker(tmp_path, settings) as running, workers.running(tmp_path / "second.log") as second:
        export = backends.of(address)

        def ring() -> None:
            Export.objects.filter(pk=export.pk).update(rung=None)
            assert second.lives

        follow(running, address, ring)

    assert ids(service.everything(address)) == Counter(hers)
