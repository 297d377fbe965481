"""What row-level security costs a request: the same server under the web role and under the tables' owner, in turns.

Counted is the time that processors spent, in the web workers and in PostgreSQL: it hardly depends on what else runs.
"""

from __future__ import annotations

import os
import random
import statistics
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from benchmarks import load
from benchmarks.owners import Owner
from benchmarks.report import Row
from benchmarks.sites import Sites

TURNS = 7
REQUESTS = 300
GOAL = 1.05
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def rows(sites: Sites, owner: Owner) -> list[Row]:
    draw = random.Random(7)
    reads = [owner.get(f"Observation/obs-1-{draw.randrange(owner.size)}") for _ in range(REQUESTS)]
    work: tuple[tuple[str, Sequence[bytes]], ...] = (
        ("read by id", reads),
        ("search 50 by category and date", [owner.search]),
        ("portal home", [owner.page("/")]),
    )
    return [_compare(sites, name, requests) for name, requests in work]


def _compare(sites: Sites, work: str, requests: Sequence[bytes]) -> Row:
    sides = ((sites.port, sites.web_pid), (sites.open_port, sites.open_pid))
    for port, _ in sides:  # every worker has planned its statements
        load.run(port, requests, connections=8, seconds=1)
    turns = [[_spent(sites, port, pid, requests) for port, pid in sides] for _ in range(TURNS)]
    held, free = (statistics.median(turn[side] for turn in turns) for side in (0, 1))
    ratio = statistics.median(a / b for a, b in turns)
    return Row(
        f"row-level security: {work}, processor time of web workers and PostgreSQL",
        f"{held:.3f} ms a request",
        f"without policies {free:.3f} ms",
        f"{(ratio - 1) * 100:+.1f} %",
        f"≤ {(GOAL - 1) * 100:.0f} %",
        ratio <= GOAL,
    )


def _spent(sites: Sites, port: int, web_pid: int, requests: Sequence[bytes]) -> float:
    """Milliseconds of processor time a request. The other side rests meanwhile: all of PostgreSQL's is this one's."""
    before = _ticks(sites, web_pid)
    result = load.run(port, iter(islice(cycle(requests), REQUESTS)), connections=1, seconds=60)
    if not result.worked:
        raise SystemExit(f"answers that are no success: {dict(result.statuses)}")
    return (_ticks(sites, web_pid) - before) / _TICKS_A_SECOND * 1000 / sum(result.statuses.values())


def _ticks(sites: Sites, web_pid: int) -> int:
    """Of the web workers, and of the database's processes: those that are gone count as its children's."""
    return sum(sum(_times(pid)[:2]) for pid in (*_children(web_pid), *_children(sites.database_pid))) + sum(
        _times(sites.database_pid)
    )


def _times(pid: int) -> list[int]:
    """utime, stime, cutime and cstime in ticks, none of a process that has just gone; see proc_pid_stat(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return [0, 0, 0, 0]
    return [int(field) for field in fields[11:15]]


def _children(pid: int) -> Iterator[int]:
    return (int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
