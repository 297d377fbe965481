"""The table of ratios: printed, and written to docs/benchmarks.md in words that name no machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PLACE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
RUNS = "## Many connections at once"
PACKAGES = ("Django", "djangorestframework", "django-oauth-toolkit", "psycopg", "gunicorn", "zstandard", "cryptography")


@dataclass(frozen=True)
class Row:
    """One line: what was done, ours and the yardstick as text, the figure that counts, its goal."""

    work: str
    ours: str
    yardstick: str
    figure: str
    goal: str
    met: bool | None


def text(
    rows: Sequence[Row], grown: Sequence[Row], *, sizes: Sequence[int], crowd: int, postgres: str, notes: Sequence[str]
) -> str:
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; compare the ratios, not the absolutes. Both sides of a row ran on the same machine",
        "in the same minute, with the same server (gunicorn gthread, 2 workers of 4 threads), the same PostgreSQL with",
        "every commit on the disk, and a load generator of one thread that shares the cores. Token, gate, consent and",
        "audit are on in all of ours. Medians of three.",
        "",
        f"Machine: {os.cpu_count()} cores, {_memory()} GB, {platform.system()} {platform.machine()}."
        f" Python {platform.python_version()}, PostgreSQL {postgres},"
        f" {', '.join(f'{name} {importlib.metadata.version(name)}' for name in PACKAGES)}."
        f" {datetime.now(UTC):%Y-%m-%d}.",
        "",
        f"Owners of the searches: {', '.join(f'{size:,}' for size in sizes)} Observations, and 10,000 mixed resources;"
        f" {crowd:,} more people have a small record each.",
        "",
        *_table("yardstick", rows),
        "",
        "## How cost grows with the record",
        "",
        "The same work for a large owner and a small one, one client, in turns; medians of five.",
        "",
        *_table("small", grown),
        "",
        *(f"- {note}" for note in notes),
        "",
    ]
    return "\n".join(lines)


def _table(against: str, rows: Sequence[Row]) -> list[str]:
    return [
        f"| work | ours | {against} | figure | goal | met |",
        "|---|---|---|---|---|---|",
        *(f"| {r.work} | {r.ours} | {r.yardstick} | {r.figure} | {r.goal} | {_met(r.met)} |" for r in rows),
    ]


def write(document: str) -> None:
    """Everything but the parts that other targets write, which stay as they are."""
    PLACE.parent.mkdir(exist_ok=True)
    _, found, kept = (PLACE.read_text() if PLACE.exists() else "").partition(RUNS)
    PLACE.write_text(document + (f"\n{found}{kept}" if found else ""))


def write_part(title: str, part: str) -> None:
    """A part of its own, at the end."""
    before = (PLACE.read_text() if PLACE.exists() else "").partition(title)[0].rstrip()
    made = f"Written by `make bench-runs`, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores,"
    made += f" load average {os.getloadavg()[1]:.0f} at its end."
    PLACE.write_text(f"{before}\n\n{title}\n\n{made}\n{part}\n")


def _met(met: bool | None) -> str:
    return "" if met is None else "yes" if met else "**no**"


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
