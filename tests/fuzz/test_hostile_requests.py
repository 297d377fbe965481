"""Hostile requests against the live server: never a 5xx, always an answer in form, never without bounds."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fhirapi import people
from tests.fuzz import hostile, server
from tests.fuzz.hostile import Hostile

SECONDS_MAX = 15
"""For one request while others run; the machine may be busy."""
MEMORY_GROWTH_MAX = 350_000_000
CLIENTS = 3
CHUNK = 500
SUMMARY = Path(__file__).resolve().parents[2] / "var" / "fuzz.txt"


@dataclass
class Tally:
    statuses: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    slow_one: str = ""
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, request: Hostile, status: int, seconds: float, fault: str) -> None:
        with self.lock:
            self.statuses[str(status) if status else "hung up"] += 1
            self.kinds[request.kind] += 1
            if seconds > self.slowest:
                self.slowest, self.slow_one = seconds, f"{request.kind} {request.method} {request.target[:200]!r}"
            if fault and len(self.wrong) < 40:
                self.wrong.append(
                    f"{fault}: {request.method} {request.target[:300]!r} {request.headers} {request.body[:600]!r}"
                )


def send(port: int, token: str, request: Hostile) -> tuple[int, dict[str, str], bytes]:
    """Status (0 if the server hung up), headers in small letters, body."""
    received = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            # It may have heard enough before the end: what it answers can still be read.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(request.wire(f"127.0.0.1:{port}", token))
            while chunk := connection.recv(1 << 16):
                received += chunk
    except ConnectionResetError:
        pass
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/"):
        return 0, {}, b""
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split()[1]), headers, body


def fault_of(request: Hostile, status: int, headers: dict[str, str], body: bytes) -> str:
    """What is wrong with the answer; empty when nothing is."""
    if status >= 500:
        return f"{status}"
    if not status:
        return "" if not request.fits or len(request.body) > hostile.MEGABYTE else "hung up"
    if not request.fits or request.method == "HEAD" or status < 400 or (status == 405 and not body):
        return ""
    try:
        said = json.loads(body)
    except ValueError:
        return f"{status} that is no JSON ({headers.get('content-type')})"
    if request.target.startswith(hostile.FHIR):
        return "" if said.get("resourceType") == "OperationOutcome" else f"{status} without an OperationOutcome"
    return "" if "error" in said else f"{status} without an OAuth error"


def attack(number: int, log: Path, *, seed: int, summary: Path) -> None:
    person = people.with_record()
    app = people.let_in(person, "patient/*.cruds")
    ids = ["obs-1", "obs-2", person.patient_id, "con-1", "none"]
    tally = Tally()
    with server.running(log) as running:
        for path in ("/fhir/r4/metadata", "/fhir/r4/Observation?_count=1000", "/fhir/r4/Observation?code=718-7"):
            assert send(running.port, app.token, Hostile("warm", target=path))[0] == 200
        before = running.memory()

        def fire(request: Hostile) -> None:
            begun = time.monotonic()
            status, headers, body = send(running.port, app.token, request)
            tally.add(request, status, time.monotonic() - begun, fault_of(request, status, headers, body))

        began = time.monotonic()
        with ThreadPoolExecutor(CLIENTS) as pool:
            for start in range(0, number, CHUNK):
                some = [*hostile.requests(min(CHUNK, number - start), seed=seed + start, ids=ids)]
                large = hostile.LARGE if number <= CHUNK else [hostile.LARGE[start // CHUNK % len(hostile.LARGE)]]
                list(pool.map(fire, [*some, *(make() for make in large)]))
        took = time.monotonic() - began
        after = running.memory()
        lives = send(running.port, app.token, Hostile("after", target="/fhir/r4/metadata"))[0]
        report(tally, summary, took=took, before=before, after=after, peak=running.peak)

    assert tally.wrong == []
    assert lives == 200
    assert tally.slowest < SECONDS_MAX, tally.slow_one
    assert running.peak - before < MEMORY_GROWTH_MAX


def report(tally: Tally, summary: Path, *, took: float, before: int, after: int, peak: int) -> None:
    million = 1_000_000
    lines = [
        f"hostile requests: {tally.kinds.total()} in {took:.0f} s",
        "kinds: " + ", ".join(f"{kind} {count}" for kind, count in tally.kinds.most_common()),
        "answers: " + ", ".join(f"{status} {count}" for status, count in sorted(tally.statuses.items())),
        f"slowest: {tally.slowest:.2f} s ({tally.slow_one})",
        f"server memory: {before // million} MB before, {peak // million} MB at most, {after // million} MB after",
        f"wrong answers: {len(tally.wrong)}",
    ]
    summary.parent.mkdir(exist_ok=True)
    summary.write_text("\n".join([*lines, *tally.wrong, ""]))


@pytest.mark.django_db(transaction=True)
def test_a_few_hundred_hostile_requests_do_no_harm(tmp_path):
    attack(300, tmp_path / "server.log", seed=1, summary=tmp_path / "summary.txt")


@pytest.mark.thorough
@pytest.mark.django_db(transaction=True)
def test_twenty_thousand_hostile_requests_do_no_harm(tmp_path):
    attack(20_000, tmp_path / "server.log", seed=1000, summary=SUMMARY)
