"""The web server as in production, on the test's database, and what it costs: memory from the outside."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


@dataclass
class Server:
    """A running gunicorn. ``peak`` is the highest resident memory of all its processes so far, in bytes."""

    pid: int
    port: int
    log: Path
    peak: int = 0

    def memory(self) -> int:
        """Resident bytes of the server's processes now."""
        now = sum(_resident(pid) for pid in (self.pid, *_children(self.pid)))
        self.peak = max(self.peak, now)
        return now


@contextmanager
def running(log: Path) -> Iterator[Server]:
    port = _free_port()
    arguments = ["gunicorn", "config.wsgi:application", "--worker-class=gthread", "--threads=4", "--workers=1"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments, "--no-control-socket", f"--bind=127.0.0.1:{port}"],
            cwd=ROOT,
            env=os.environ | _environment(port),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    server = Server(process.pid, port, log)
    stop = threading.Event()
    watcher = threading.Thread(target=_watch, args=(server, stop), daemon=True)
    try:
        _await(server)
        watcher.start()
        yield server
    finally:
        stop.set()
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _environment(port: int) -> dict[str, str]:
    parts = urlsplit(os.environ["DATABASE_URL"])
    database = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
    return {
        "DATABASE_URL": database,
        "SECRET_KEY": settings.SECRET_KEY,
        "KEYS_DIR": str(settings.KEYS_DIR),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SANDBOX": "yes",
    }


def _watch(server: Server, stop: threading.Event) -> None:
    while not stop.wait(0.25):
        server.memory()


def _await(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(server.log.read_text()[-4000:])


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
