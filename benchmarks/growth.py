"""How cost grows with the record: the same work for a small owner and a large one, in turns.

In turns, so that a busy moment of the machine falls on both.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from itertools import count

from benchmarks import filling, load, population
from benchmarks.owners import Owner
from benchmarks.report import Row

TURNS = 5
SECONDS = 0.5
INGESTED = 1_000
GOAL = 1.25
# Her own pages: a page that is added to the portal is measured by a line here.
PAGES = (
    ("portal home", "/"),
    ("portal, laboratory results newest first", "/records/laboratory/"),
    ("portal, pressure at home and in the clinic", "/readings/?months=24"),
)
# What a clinician sees of her in his EHR.
CHART = (("clinician's summary", ""), ("clinician's results, documents, team", "results/"))

_seeds = count(1000)


def rows(port: int, small: Owner, mixed: Owner, large: Owner) -> list[Row]:
    """What is asked of ``large`` against the same of ``small``; the search also against ``mixed``."""
    return [
        _asked(port, "search 50 by category and date", mixed, large, lambda owner: [owner.search]),
        *(_asked(port, work, small, large, requests) for work, requests in _work()),
        _ingested(small, large),
    ]


def _work() -> list[tuple[str, Callable[[Owner], Sequence[bytes]]]]:
    return [
        ("search 50 by category and date", lambda owner: [owner.search]),
        ("count of a type", lambda owner: [owner.get("Observation?_summary=count")]),
        ("read by id", _reads),
        ("history of one resource", lambda owner: [_history(owner)]),
        ("history of a type, 50", lambda owner: [owner.get("Observation/_history?_count=50")]),
        (
            "$everything, a page of 100",
            lambda owner: [owner.get(f"Patient/{owner.person.patient_id}/$everything?_count=100")],
        ),
        *((work, lambda owner, path=path: [owner.page(path)]) for work, path in PAGES),
        *((work, lambda owner, path=path: [owner.chart(path)]) for work, path in CHART),
    ]


def _reads(owner: Owner) -> list[bytes]:
    draw = random.Random(6)
    return [owner.get(f"Observation/obs-1-{draw.randrange(owner.size)}") for _ in range(500)]


def _history(owner: Owner) -> bytes:
    return owner.get(f"Observation/obs-1-{owner.size // 2}/_history")


def _asked(port: int, work: str, small: Owner, large: Owner, requests: Callable[[Owner], Sequence[bytes]]) -> Row:
    of_small, of_large = requests(small), requests(large)
    for asked in (of_small, of_large):
        result = load.run(port, asked, connections=1, seconds=SECONDS)
        if not result.worked:
            raise SystemExit(f"{work}: answers that are no success: {dict(result.statuses)}")
    turns = [
        tuple(load.run(port, asked, connections=1, seconds=SECONDS).p50 for asked in (of_small, of_large))
        for _ in range(TURNS)
    ]
    a, b = (statistics.median(turn[place] for turn in turns) for place in (0, 1))
    return _row(work, small, large, f"p50 {a:.2f} ms", f"p50 {b:.2f} ms", b / a)


def _ingested(small: Owner, large: Owner) -> Row:
    """Pages of 100 more for an owner who already has so many."""
    turns = [tuple(_added(owner) for owner in (small, large)) for _ in range(TURNS)]
    a, b = (statistics.median(turn[place] for turn in turns) for place in (0, 1))
    return _row("ingest of a page of 100", small, large, f"{a:.1f} ms a page", f"{b:.1f} ms a page", b / a)


def _added(owner: Owner) -> float:
    """Milliseconds a page."""
    resources = population.observations(owner.person.patient_id, INGESTED, seed=next(_seeds))
    filled = filling.fill(owner.person, population.pages(resources))
    return filled.seconds / (INGESTED / filling.PAGE) * 1000


def _row(work: str, small: Owner, large: Owner, before: str, after: str, ratio: float) -> Row:
    return Row(
        f"{work}: {large.size:,} against {small.size:,} records",
        after,
        before,
        f"{ratio:.2f}×",
        f"≤ {GOAL}×",
        ratio <= GOAL,
    )
