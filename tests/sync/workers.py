"""A real Celery worker in a process of its own, on the test's database and broker, to be killed without warning."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

from local import postgres
from tests import servers

ROOT = Path(__file__).resolve().parent.parent.parent


_WORKER = ("worker", "-c", "1", "--without-gossip", "-l", "INFO")


class Worker:
    """``celery worker`` with one child process. ``kill`` leaves neither any time to tidy up."""

    def __init__(self, log: Path, extra: Mapping[str, str], command: Sequence[str] = _WORKER) -> None:
        self._log = log
        self._command = command
        self._environment = os.environ | _settings() | dict(extra)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", *self._command],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL to the worker and its child at once."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return  # it ended by itself

    def reap(self) -> None:
        if self._process is not None:
            self._process.wait(10)


@contextmanager
def running(log: Path, **extra: str) -> Iterator[Worker]:
    worker = Worker(log, extra)
    worker.start()
    try:
        yield worker
    finally:
        worker.kill()
        worker.reap()


@contextmanager
def beating(log: Path, **extra: str) -> Iterator[None]:
    """``celery beat`` beside it, which rings again for what was lost."""
    beat = Worker(log, extra, ("beat", "-s", str(log.with_suffix(".schedule")), "-l", "WARNING"))
    beat.start()
    try:
        yield
    finally:
        beat.kill()
        beat.reap()


def _settings() -> dict[str, str]:
    """The settings of a worker that works for this test: production's, on the test's database and keys."""
    given = urlsplit(os.environ["DATABASE_URL"])
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": urlunsplit(given._replace(path=f"/{connection.settings_dict['NAME']}")),
        **_role(connection.settings_dict["NAME"]),
        "SECRET_KEY": settings.SECRET_KEY,
        "KEYS_DIR": str(settings.KEYS_DIR),
        "SANDBOX": "yes",
    }


def _role(database: str) -> dict[str, str]:
    """The worker's own, where the server has it."""
    if not servers.ROLE_URLS:
        return {}
    return {
        "DATABASE_ROLE": "worker",
        "DATABASE_URL_WORKER": servers.url_of(database, role=postgres.WORKER_ROLE),
    }
