"""The broker and the database end in the middle of runs, with and without what they held: in the end what is stored is
what the hospital holds, and the ledger says what happened (DESIGN D13)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.db import connection as database
from django.utils import timezone
from redis.exceptions import RedisError

from accounts.models import Person
from config.settings import _database as parsed
from local import broker, pids, postgres
from sync import budgets, hospitals
from sync.models import Connection, Hospital, Run, RunState
from tests.fakes.ehr import CLIENT_ID, Asked, FakeEHR
from tests.sync import workers
from tests.sync.conftest import connect
from tests.sync.test_killed import (
    DOCTORS,
    OBSERVATIONS,
    PAGE_SIZE,
    _assert_no_duplicate_and_no_gap,
    observation,
)

LEASE = timedelta(seconds=2)
PATIENCE_SECONDS = 240


@dataclass
class Outages:
    """What happens at which request of the pull, in order; each while the request waits for its answer."""

    at: dict[int, Callable[[], None]]
    seen: int = 0
    happened: list[int] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, asked: Asked) -> None:
        with self._lock:
            if "/fhir/" not in asked.target:
                return
            self.seen += 1
            happens = self.at.pop(self.seen, None)
            if happens is not None:
                happens()
                self.happened.append(self.seen)


class OwnBroker:
    """A durable Valkey of this test's own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.server = broker.ensure(place)

    def restart(self) -> None:
        os.kill(self.server.pid, signal.SIGKILL)
        self.server = broker.ensure(self.place)

    def forget(self) -> None:
        """Ended, and everything it held is gone."""
        os.kill(self.server.pid, signal.SIGKILL)
        while pids.started(self.server.pid) is not None:
            time.sleep(0.01)
        shutil.rmtree(self.place / "data")
        self.server = broker.ensure(self.place)

    @property
    def environment(self) -> dict[str, str]:
        return {"BROKER_URL": self.server.broker_url, "CACHE_URL": self.server.cache_url}


class OwnPostgres:
    """A durable PostgreSQL of this test's own, with our tables."""

    def __init__(self, place: Path, environment: dict[str, str]) -> None:
        self.place = place
        self.server = postgres.ensure(place)
        self.url = postgres.create_database(self.server, "tributary")
        given = {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": self.url}
        migrate = [sys.executable, "-W", "ignore", "manage.py", "migrate", "-v0"]
        subprocess.run(migrate, cwd=workers.ROOT, env=os.environ | environment | given, check=True)

    def restart(self) -> None:
        """Killed without warning, with every process of its own, and started again over what is on the disk."""
        os.kill(self.server.pid, signal.SIGKILL)
        self.server = postgres.ensure(self.place)


@contextmanager
def on(url: str) -> Iterator[None]:
    """This process works on another database meanwhile."""
    before = dict(database.settings_dict)
    database.close()
    database.settings_dict.update(parsed(url))
    try:
        yield
    finally:
        database.close()
        database.settings_dict.clear()
        database.settings_dict.update(before)


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[OwnBroker]:
    server = OwnBroker(tmp_path / "broker")
    yield server
    broker.stop(server.place)


def fill(ehr: FakeEHR) -> None:
    ehr.hold(*(observation(number) for number in range(OBSERVATIONS)))
    ehr.hold(*({"resourceType": "Practitioner", "id": f"dr{number}"} for number in range(DOCTORS)))


def cut_connections() -> None:
    """What a database that was restarted does to all who use it, seen from their side."""
    try:
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
            )
    finally:
        database.close()


def to_the_end(connection_id: int, worker: workers.Worker) -> Run:
    """What a supervisor does; the ringing is the beat's."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if not worker.lives:
            worker.reap()
            worker.start()
        try:
            run = Run.objects.get(connection_id=connection_id)
        except DatabaseError:
            database.close()
        else:
            if run.finished:
                return run
        time.sleep(0.25)
    raise AssertionError("the run did not end")


def environment(own: OwnBroker) -> dict[str, str]:
    return {
        "SYNC_LEASE_SECONDS": str(int(LEASE.total_seconds())),
        "SYNC_PAGE_SIZE": str(PAGE_SIZE),
        "DATABASE_ROLE": "owner",
        **own.environment,
    }


@pytest.mark.thorough
@pytest.mark.django_db(transaction=True)
def test_a_run_survives_its_broker_and_its_connections(
    ehr: FakeEHR, connection: Connection, own_broker: OwnBroker, settings: Any, tmp_path: Path
):
    settings.SYNC_LEASE = LEASE
    fill(ehr)
    given = environment(own_broker)

    with (
        workers.running(tmp_path / "worker.log", **given) as worker,
        workers.beating(tmp_path / "beat.log", **given),
    ):
        ehr.before = outages = Outages(
            {
                4: own_broker.restart,
                9: cut_connections,
                14: lambda: (worker.kill(), own_broker.forget())[0],
            }
        )
        run = to_the_end(connection.pk, worker)

    said = (tmp_path / "worker.log").read_text()[-3000:] + (tmp_path / "beat.log").read_text()[-1000:]
    assert outages.happened == [4, 9, 14], said
    assert run.state == RunState.COMPLETE, said
    _assert_no_duplicate_and_no_gap(connection, run)


@pytest.mark.thorough
def test_runs_survive_a_database_and_a_broker_that_are_killed(
    ehr: FakeEHR, own_broker: OwnBroker, django_db_blocker: Any, settings: Any, tmp_path: Path
):
    """Real servers of the test's own, killed by their number and started again over what is on the disk."""
    settings.SYNC_LEASE = LEASE
    fill(ehr)
    given = environment(own_broker)
    keys = {"SECRET_KEY": settings.SECRET_KEY, "KEYS_DIR": str(settings.KEYS_DIR), "SANDBOX": "yes", **given}
    server = OwnPostgres(tmp_path / "postgres", keys)
    given |= {"DATABASE_URL": server.url}
    try:
        with django_db_blocker.unblock(), on(server.url):
            owner = Person.objects.create_user("ana@example.org", "a long enough password")
            hospital: Hospital = hospitals.register(ehr.base, name="Cedar Hospital", client_id=CLIENT_ID)
            connection = connect(owner, hospital, ehr)
            with (
                workers.running(tmp_path / "worker.log", **given) as worker,
                workers.beating(tmp_path / "beat.log", **given),
            ):
                ehr.before = outages = Outages(
                    {
                        3: server.restart,
                        7: own_broker.restart,
                        11: lambda: (worker.kill(), server.restart())[0],
                        15: lambda: (server.restart(), own_broker.forget())[0],
                        20: lambda: (worker.kill(), own_broker.forget())[0],
                        25: server.restart,
                    }
                )
                run = to_the_end(connection.pk, worker)
            said = (tmp_path / "worker.log").read_text()[-3000:]
            assert outages.happened == [3, 7, 11, 15, 20, 25], said
            assert run.state == RunState.COMPLETE, said
            _assert_no_duplicate_and_no_gap(connection, run)
    finally:
        postgres.stop(server.place)


@pytest.mark.django_db(transaction=True)
def test_a_cache_that_is_away_costs_the_count_and_never_the_run(own_broker: OwnBroker, settings: Any):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": own_broker.server.cache_url}}
    budgets.spend(1, most=10, at=timezone.now())
    broker.stop(own_broker.place)

    with pytest.raises(RedisError):
        cache.get("anything")
    budgets.spend(1, most=10, at=timezone.now())
