"""``make bench-runs``: many connections pulled at once by real workers; writes its part of docs/benchmarks.md.

Connections are made and rung for while no worker is there; then workers and beat start, and the time counts until the
last run has ended. A sampler reads how much memory each process has to itself (Pss).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import report
from local import broker, options, places, postgres, processes

SMALL, LARGE = 100, 1_000
OBSERVATIONS: Final = 100
HOSPITALS: Final = 25
WORKERS: Final = 2
CHILDREN: Final = 2
SLOW_VENDOR: Final = "meditech"
SAMPLE_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 1_800
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Outcome:
    """One round: seconds from the workers' start to the last run's end, processor seconds of the workers' children, the
    most memory all of them had at once and one of them ever had (MB), and what the hospitals saw."""

    connections: int
    resources: int
    seconds: float
    processor: float
    memory: float
    largest: float
    ended: dict[str, int]
    most_of_one: int
    busiest: dict[str, int]

    @property
    def rate(self) -> float:
        return self.resources / self.processor


class Sampler(threading.Thread):
    """Reads the processes of the workers again and again."""

    def __init__(self, roots: list[int]) -> None:
        super().__init__(daemon=True)
        self._roots = roots
        self._ended = threading.Event()
        self.memory = self.largest = 0.0
        self.processor: dict[int, float] = {}

    def run(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            sizes = {pid: _pss(pid) for root in self._roots for pid in (root, *_children(root))}
            self.memory = max(self.memory, sum(sizes.values()))
            self.largest = max(self.largest, *sizes.values())
            self.processor |= {pid: _processor(pid) for pid in sizes}

    def end(self) -> None:
        self._ended.set()
        self.join()


def main() -> int:
    place = options.var_dir() / "bench-runs"
    _stop(place)
    shutil.rmtree(place, ignore_errors=True)
    places.make_private(place)
    try:
        server, queue = postgres.ensure(place / "postgres"), broker.ensure(place / "broker")
        outcomes = []
        for number in (SMALL, LARGE):
            port = processes.free_port()
            environment = _environment(place, postgres.create_database(server, f"runs_{number}"), queue)
            outcomes.append(_round(place, environment, port, number))
            processes.stop_all(place=place)
        _write(outcomes)
    finally:
        _stop(place)
    return 0


def _stop(place: Path) -> None:
    processes.stop_all(place=place)
    postgres.stop(place / "postgres")
    broker.stop(place / "broker")


def _environment(place: Path, database: str, queue: broker.Server) -> dict[str, str]:
    inherited = {
        name: value for name, value in options.surroundings().items() if not name.startswith(("DJANGO_", "ENV_FILE"))
    }
    return inherited | {
        "ENV_FILE": "/dev/null",
        "VAR_DIR": str(place),
        "SECRET_KEY": "measured, then thrown away",
        "DATABASE_URL": database,
        "BROKER_URL": queue.broker_url,
        "CACHE_URL": queue.cache_url,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SANDBOX": "yes",
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(options.ROOT),
    }


def _round(place: Path, environment: dict[str, str], port: int, number: int) -> Outcome:
    python = (sys.executable, "-W", "ignore")
    for words in (("manage.py", "migrate", "-v0"), ("-m", "benchmarks.connecting", str(number), str(port))):
        subprocess.run([*python, *words], env=environment, cwd=options.ROOT, check=True)
    _start(place, environment, f"hospitals-{number}", "benchmarks.hospitals", str(port), str(OBSERVATIONS))
    celery = ("celery", "-A", "config")
    began = time.monotonic()
    roots = [
        _start(
            place, environment, f"worker-{number}-{each}", *celery, "worker", "-c", str(CHILDREN), "-n", f"w{each}@%h"
        )
        for each in range(WORKERS)
    ]
    schedule = str(place / f"beat-{number}")
    _start(place, environment, f"beat-{number}", *celery, "beat", "-s", schedule)
    sampler = Sampler(roots)
    sampler.start()
    words = [*python, "-m", "benchmarks.connecting", "--await", str(PATIENCE_SECONDS), str(port)]
    said = subprocess.run(words, env=environment, cwd=options.ROOT, check=True, capture_output=True, text=True)
    seconds = time.monotonic() - began
    sampler.end()
    told: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    processor = sum(seconds for pid, seconds in sampler.processor.items() if pid not in roots)
    return Outcome(number, told.pop("resources"), seconds, processor, sampler.memory, sampler.largest, **told)


def _start(place: Path, environment: dict[str, str], name: str, module: str, *words: str) -> int:
    program = processes.Program(
        name=name,
        argv=(sys.executable, "-m", module, *words),
        environment=processes.FRUGAL | environment,
        cwd=options.ROOT,
    )
    return processes.start(program, place=place)


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _pss(pid: int) -> float:
    """Megabytes: what a process has to itself, and its share of what it has in common with others."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def _processor(pid: int) -> float:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / _TICKS


def _write(outcomes: list[Outcome]) -> None:
    report.write_part(report.RUNS, text(*outcomes))


def text(small: Outcome, large: Outcome) -> str:
    rows = [
        ("resources pulled", f"{small.resources:,}", f"{large.resources:,}", ""),
        ("seconds until the last run had ended", f"{small.seconds:.0f}", f"{large.seconds:.0f}", ""),
        ("resources a second, all together", *(f"{o.resources / o.seconds:,.0f}" for o in (small, large)), ""),
        (
            "resources a second of a worker's processor time",
            f"{small.rate:,.0f}",
            f"{large.rate:,.0f}",
            f"{large.rate / small.rate:.2f}×",
        ),
        (
            "peak memory of all worker processes",
            f"{small.memory:.0f} MB",
            f"{large.memory:.0f} MB",
            f"{large.memory / small.memory:.2f}×",
        ),
        (
            "peak memory of one process",
            f"{small.largest:.0f} MB",
            f"{large.largest:.0f} MB",
            f"{large.largest / small.largest:.2f}×",
        ),
        ("runs by how they ended", *(_counted(o.ended) for o in (small, large)), ""),
        ("most requests of one connection at once", str(small.most_of_one), str(large.most_of_one), ""),
        *(
            (f"most requests in a minute to one hospital, {name}", str(count), str(large.busiest[name]), "")
            for name, count in small.busiest.items()
        ),
    ]
    return "\n".join(
        [
            f"{LARGE:,} connections at once, against {SMALL}: {HOSPITALS} hospitals, {OBSERVATIONS} Observations each,",
            f"20 ms from here; {WORKERS} workers of {CHILDREN} processes; all servers share the cores with them.",
            "Everything of a pull is in it: HTTP, reading, mapping, sealing, ledger and access log. Memory is Pss.",
            "",
            f"| | {small.connections} | {large.connections:,} | growth |",
            "|---|---|---|---|",
            *(f"| {' | '.join(row)} |" for row in rows),
        ]
    )


def _counted(ended: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {state}" for state, count in sorted(ended.items()))


if __name__ == "__main__":
    sys.exit(main())
