"""Named processes of the demo: started in the background, found again later, ended exactly.

Each has a log and a mark under the place it was started in. The mark holds the pid, the moment the process began and a
token that its whole family carries in the environment, so that neither a recycled pid nor a stranger is ever ended.
"""

from __future__ import annotations

import json
import secrets
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from local import pids, places

STOP_SECONDS = 10
LOG_BYTES = 10_000_000
# For the C library of a web process: what a large answer took goes back to the machine (docs/runbook.md).
FRUGAL = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "1048576"}
TOKEN_VARIABLE = "LOCAL_PROCESS"  # noqa: S105 - the name of the variable


class ProcessFailed(Exception):
    """A process ended when it should run, or was not ready in time; the message ends with its last words."""


@dataclass(frozen=True)
class Program:
    """What to run; ``environment`` is the whole of it. ``ready`` is a URL that answers once the program serves.

    ``door``: the number of an open socket that it listens on, as its own command line says.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    cwd: Path
    ready: str = ""
    door: int | None = None


class Doors:
    """Ports that are open before their servers are there, so that nobody else on this machine takes them meanwhile."""

    def __init__(self) -> None:
        self._open: dict[int, socket.socket] = {}

    def __enter__(self) -> Doors:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, port: int) -> bool:
        """Whether this port of 127.0.0.1 is ours now."""
        if port in self._open:
            return True
        door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", port))
            door.listen()  # two sockets can be bound to one port, but only one listens
        except OSError:
            door.close()
            return False
        self._open[port] = door
        return True

    def number(self, port: int) -> int:
        """Of the socket that was opened for this port, as a child inherits it."""
        return self._open[port].fileno()

    def close(self) -> None:
        """Our own handles; a server that was started with one keeps its own."""
        for door in self._open.values():
            door.close()
        self._open.clear()


@dataclass(frozen=True)
class Mark:
    """How a started process is recognised."""

    pid: int
    started: str
    token: str


def start(program: Program, *, place: Path) -> int:
    """Start the program, unless it runs already; its pid."""
    pid = running(program.name, place=place)
    if pid is not None:
        return pid
    token = secrets.token_hex(8)
    with _open_log(program.name, place) as log:
        pid = pids.spawn(
            program.argv,
            log=log,
            cwd=program.cwd,
            environment={**program.environment, TOKEN_VARIABLE: token},
            doors=() if program.door is None else (program.door,),
        )
    # A process that has ended already keeps the mark of a moment that no other can share.
    _write(_mark_path(program.name, place), Mark(pid=pid, started=pids.started(pid) or "ended", token=token))
    return pid


def running(name: str, *, place: Path) -> int | None:
    """The pid of the process that was started under this name, if it still lives."""
    mark = _read(_mark_path(name, place))
    return mark.pid if mark and pids.started(mark.pid) == mark.started else None


def names(*, place: Path) -> list[str]:
    """All that was started here and not stopped since, in the order of starting."""
    marks = sorted((place / "run").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    return [path.stem for path in marks]


def stop(name: str, *, place: Path) -> bool:
    """End the process in order, or by force after a while, and what it left behind; False if nothing of it lived."""
    return _finish(name, place=place, asked=_ask_to_end(name, place=place))


def stop_all(*, place: Path) -> list[str]:
    """End everything that was started here, the last started first; the names of what still lived."""
    asked = {name: _ask_to_end(name, place=place) for name in reversed(names(place=place))}
    return [name for name, was_asked in asked.items() if _finish(name, place=place, asked=was_asked)]


def _ask_to_end(name: str, *, place: Path) -> bool:
    """Whether the process lived, and so was asked."""
    pid = running(name, place=place)
    if pid is not None:
        pids.send(pid, signal.SIGTERM)
    return pid is not None


def _finish(name: str, *, place: Path, asked: bool) -> bool:
    """See a process out, by force if it takes too long, and all its family; whether any of them lived."""
    path = _mark_path(name, place)
    mark = _read(path)
    if mark is None:
        return False
    if asked and not pids.await_end(mark.pid, seconds=STOP_SECONDS):
        pids.send(mark.pid, signal.SIGKILL, whole_group=True)
        pids.await_end(mark.pid, seconds=STOP_SECONDS)
    orphans = pids.carrying(f"{TOKEN_VARIABLE}={mark.token}")
    for orphan in orphans:
        pids.send(orphan, signal.SIGKILL)
    for orphan in orphans:  # until they are gone they hold the port that comes next
        pids.await_end(orphan, seconds=STOP_SECONDS)
    path.unlink(missing_ok=True)
    return asked or bool(orphans)


def await_ready(program: Program, *, place: Path, seconds: float) -> None:
    """Return when the program's URL answers with anything but a server error; raises ProcessFailed."""
    deadline = time.monotonic() + seconds
    while not _answers(program.ready):
        if running(program.name, place=place) is None:
            raise ProcessFailed(f"{program.name} ended:\n{last_words(program.name, place=place)}")
        if time.monotonic() > deadline:
            raise ProcessFailed(f"{program.name} is not ready:\n{last_words(program.name, place=place)}")
        time.sleep(pids.POLL_SECONDS)


def last_words(name: str, *, place: Path, lines: int = 20) -> str:
    """The end of the process's log, and where the rest is."""
    path = _log_path(name, place)
    text = path.read_text(errors="replace") if path.exists() else ""
    return "\n".join([*text.splitlines()[-lines:], f"({path})"])


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - http on loopback, from this room
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False


def _open_log(name: str, place: Path) -> pids.Log:
    path = _log_path(name, place)
    places.make_private(path.parent)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def _log_path(name: str, place: Path) -> Path:
    return place / "log" / f"{name}.log"


def _mark_path(name: str, place: Path) -> Path:
    return place / "run" / f"{name}.json"


def _write(path: Path, mark: Mark) -> None:
    places.make_private(path.parent)
    places.write_private(path, json.dumps(asdict(mark)))


def _read(path: Path) -> Mark | None:
    try:
        return Mark(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
