"""A process told apart from any other that may carry its number later.

A pid alone proves nothing once its process has ended, because the system hands the number out again. So a server is
recognised by its pid *and* a word of its command line that no other process has (the path of its own socket), and
a supervised process by its pid and the moment it started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

POLL_SECONDS = 0.05
Log = IO[bytes]

# Children of this very process: they have to be reaped, or they stay behind as zombies that still answer to kill(0).
_children: set[int] = set()


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Log,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    user: int | None = None,
    group: int | None = None,
    doors: Sequence[int] = (),
) -> int:
    """Start ``argv`` in a session of its own, so that a Ctrl-C meant for the caller does not reach it; the new pid.

    ``doors``: open sockets that it inherits, under the same numbers.
    """
    process = subprocess.Popen(  # noqa: S603 - argv comes from this room
        [str(part) for part in argv],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=cwd,
        env=environment,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
        start_new_session=True,
        pass_fds=doors,
    )
    process.returncode = 0  # it may outlive us, which Popen would take for a mistake
    _children.add(process.pid)
    return process.pid


def started(pid: int) -> str | None:
    """When the process began, in whatever unit the system keeps; None when it has ended (a zombie has ended)."""
    if pid in _children and os.waitpid(pid, os.WNOHANG) != (0, 0):
        _children.remove(pid)
        return None
    return _started_in_proc(pid) if Path("/proc/self/stat").exists() else _ask_ps(pid, "lstart")


def command(pid: int) -> str:
    """The command line of a live process, its words joined by spaces; empty when it has ended."""
    if started(pid) is None:
        return ""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except FileNotFoundError:
        return _ask_ps(pid, "command") or ""
    except ProcessLookupError:
        return ""


def carrying(variable: str) -> list[int]:
    """Live processes with ``NAME=value`` in the environment they were started with.

    Only Linux shows it, and only of processes that we may inspect; elsewhere the list is empty.
    """
    wanted = variable.encode()
    return [pid for pid in _all() if wanted in _environment(pid).split(b"\0")]


def read(pid_file: Path) -> int | None:
    """The pid on the first line of a pid file; None when there is no such file or no number in it."""
    try:
        return int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def recognise(pid_file: Path, *, marker: str) -> int | None:
    """The pid in ``pid_file`` if that process lives and has ``marker`` in its command line."""
    pid = read(pid_file)
    return pid if pid is not None and marker in command(pid) else None


def await_end(pid: int, *, seconds: float) -> bool:
    """True as soon as the process has ended, False if it still lives after ``seconds``."""
    began = started(pid)
    deadline = time.monotonic() + seconds
    while began is not None and started(pid) == began:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def send(pid: int, number: signal.Signals, *, whole_group: bool = False) -> None:
    """Signal a process, or all of the group it leads; one that has just ended is no error."""
    try:
        (os.killpg if whole_group else os.kill)(pid, number)
    except ProcessLookupError:
        return


def end(pid: int, *, by: signal.Signals, or_by: signal.Signals, seconds: float) -> None:
    """Ask the process to end with one signal and, if it still lives after ``seconds``, make it with the other."""
    send(pid, by)
    if not await_end(pid, seconds=seconds):
        send(pid, or_by)
        await_end(pid, seconds=seconds)


def _all() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if path.name.isdigit()]


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # ended meanwhile, or another's
        return b""


def _started_in_proc(pid: int) -> str | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may itself hold spaces and brackets
    state, start_ticks = fields[0], fields[19]
    return None if state in {"Z", "X"} else start_ticks


def _ask_ps(pid: int, column: str) -> str | None:
    answer = subprocess.run(  # noqa: S603 - fixed words and a number
        ["ps", "-o", "stat=", "-o", f"{column}=", "-p", str(pid)],  # noqa: S607 - ps is where the system put it
        capture_output=True,
        text=True,
        check=False,
    )
    state, _, value = answer.stdout.strip().partition(" ")
    return value.strip() if state and not state.startswith("Z") else None
