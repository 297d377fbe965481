from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from local import pids, processes

SLEEP = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)
# Longer than the grain in which the system keeps the moment a process began: 10 ms on Linux, a second elsewhere.
A_TICK = 0.05 if sys.platform == "linux" else 1.1
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SLEEP!r}])
print(child.pid, flush=True)
child.wait()
"""


def program(name: str, code: str, ready: str = "") -> processes.Program:
    return processes.Program(
        name=name, argv=(sys.executable, "-c", code), environment=dict(os.environ), cwd=Path("/"), ready=ready
    )


def first_line(name: str, place: Path) -> str:
    """What the process said first, once it has."""
    path = place / "log" / f"{name}.log"
    for _ in range(200):
        if path.exists() and "\n" in (text := path.read_text()):
            return text.split("\n", 1)[0]
        time.sleep(0.05)
    raise AssertionError(f"{name} said nothing")


def test_started_process_is_found_again_and_ended(place: Path):
    pid = processes.start(program("sleeper", SLEEP), place=place)

    assert processes.running("sleeper", place=place) == pid
    assert processes.start(program("sleeper", SLEEP), place=place) == pid
    assert processes.stop("sleeper", place=place) is True
    assert pids.started(pid) is None
    assert processes.stop("sleeper", place=place) is False


def test_stop_all_ends_what_was_started_here_and_nothing_else(place: Path):
    here, elsewhere = place / "here", place / "elsewhere"
    mine = [processes.start(program(name, SLEEP), place=here) for name in ("one", "two", "three")]
    other = processes.start(program("one", SLEEP), place=elsewhere)

    assert processes.stop_all(place=here) == ["three", "two", "one"]

    assert [pids.started(pid) for pid in mine] == [None, None, None]
    assert processes.running("one", place=elsewhere) == other
    processes.stop_all(place=elsewhere)


def test_recycled_pid_is_not_ended(place: Path):
    processes.start(program("sleeper", SLEEP), place=place)
    mark = place / "run" / "sleeper.json"
    written = json.loads(mark.read_text())
    processes.stop("sleeper", place=place)
    time.sleep(A_TICK)
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as stranger:
        mark.write_text(json.dumps(written | {"pid": stranger.pid}))

        assert processes.running("sleeper", place=place) is None
        assert processes.stop("sleeper", place=place) is False

        assert stranger.poll() is None
        stranger.kill()


def test_deaf_process_is_ended_by_force(place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.2)
    pid = processes.start(program("deaf", STUBBORN), place=place)
    assert first_line("deaf", place) == "deaf"

    assert processes.stop("deaf", place=place) is True

    assert pids.started(pid) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a process's surroundings")
def test_child_of_a_killed_process_is_ended_too(place: Path):
    pid = processes.start(program("parent", PARENT), place=place)
    child = int(first_line("parent", place))
    os.kill(pid, signal.SIGKILL)
    assert pids.await_end(pid, seconds=5)
    assert pids.started(child) is not None

    assert processes.stop("parent", place=place) is True

    assert pids.started(child) is None


def test_process_that_ends_before_it_is_ready_is_reported_with_its_last_words(place: Path):
    broken = program("broken", "raise SystemExit('no such database')", ready="http://127.0.0.1:9/")
    processes.start(broken, place=place)

    with pytest.raises(processes.ProcessFailed, match="broken ended:\nno such database"):
        processes.await_ready(broken, place=place, seconds=10)


def test_server_is_ready_once_it_answers(place: Path):
    port = processes.free_port()
    code = f"import http.server as h; h.HTTPServer(('127.0.0.1', {port}), h.SimpleHTTPRequestHandler).serve_forever()"
    server = program("server", code, ready=f"http://127.0.0.1:{port}/")
    processes.start(server, place=place)

    processes.await_ready(server, place=place, seconds=20)

    assert processes.is_free(port) is False
    processes.stop("server", place=place)
    assert processes.is_free(port) is True


SERVING = """
import http.server as h, socket, sys
server = h.HTTPServer(("127.0.0.1", 0), h.SimpleHTTPRequestHandler, bind_and_activate=False)
server.socket = socket.socket(fileno=int(sys.argv[1]))
server.serve_forever()
"""


def test_port_is_kept_from_others_from_when_it_is_chosen(place: Path):
    port = processes.free_port()
    with processes.Doors() as doors, processes.Doors() as others:
        assert doors.open(port)
        assert not others.open(port)
        assert not processes.is_free(port)
        door, server = doors.number(port), program("server", SERVING, ready=f"http://127.0.0.1:{port}/")
        server = replace(server, argv=(*server.argv, str(door)), door=door)
        processes.start(server, place=place)

    processes.await_ready(server, place=place, seconds=20)
    assert not processes.is_free(port)
    processes.stop("server", place=place)
    assert processes.is_free(port)
