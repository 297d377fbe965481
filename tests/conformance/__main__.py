"""``make conformance``: run the tests that show clauses, print the counts, write conformance.md and validation.md."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.conformance import clauses, validators
from tests.conformance.clauses import Clause

DOCS = Path(__file__).parents[2] / "docs"
FIGURES = Path(__file__).parents[2] / "var" / "searches"
PASS, FAIL, SKIPPED, NOT_SUPPORTED = "PASS", "FAIL", "NOT RUN", "NOT SUPPORTED"


class Recorder:
    """Keeps only the tests that show a clause, and what became of each."""

    def __init__(self, every: list[Clause]) -> None:
        self._every = every
        self.outcomes: dict[str, str] = {}
        self.marks: dict[str, tuple[str, ...]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            if mark := item.get_closest_marker("spec"):
                self.marks[_name(item.nodeid)] = tuple(str(one) for one in mark.args)
        items[:] = [
            item
            for item in items
            if _name(item.nodeid) in self.marks or any(clause.shown_by(_name(item.nodeid)) for clause in self._every)
        ]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = _name(report.nodeid)
        if report.failed:
            self.outcomes[name] = FAIL
        elif report.skipped:
            self.outcomes.setdefault(name, SKIPPED)
        elif report.when == "call":
            self.outcomes.setdefault(name, PASS)


def outcome_of(clause: Clause, outcomes: dict[str, str]) -> tuple[str, list[str]]:
    """What became of the clause, and the tests (or the reason) behind it. A test that is not there is a failure."""
    if not clause.tests:
        return NOT_SUPPORTED, [clause.why]
    shown = {name: became for name, became in outcomes.items() if clause.shown_by(name)}
    missing = [test for test in clause.tests if not any(_begins(name, test) for name in shown)]
    if missing or FAIL in shown.values():
        failed = [name for name, became in shown.items() if became == FAIL]
        return FAIL, [*missing, *failed]
    return (PASS if PASS in shown.values() else SKIPPED), list(clause.tests)


def _begins(name: str, test: str) -> bool:
    return name == test or name.startswith((f"{test}::", f"{test}["))


def _name(nodeid: str) -> str:
    return nodeid.removeprefix("tests/")


def document(recorder: Recorder) -> tuple[str, str]:
    """docs/conformance.md, and the line of counts."""
    rows: dict[str, list[str]] = defaultdict(list)
    counts: Counter[tuple[str, str]] = Counter()
    for title, some in clauses.sections():
        for clause in some:
            became, why = outcome_of(clause, recorder.outcomes)
            counts[clause.level, became] += 1
            shown = ", ".join(f"`{one}`" for one in why) if became != NOT_SUPPORTED else why[0]
            rows[title].append(f"| {clause.id} | {clause.level} | {clause.text} | {became} | {shown} |")
    levels = [level for level in ("SHALL", "SHOULD", "MAY") if any(one == level for one, _ in counts)]
    words = (PASS, FAIL, SKIPPED, NOT_SUPPORTED)
    lines = [
        "# Conformance",
        "",
        "Written by `make conformance` from the tests that ran. Clauses are in our own words and numbered by us;"
        " `tests/conformance/clauses.toml` lists them with their tests. The searches of US Core's table are compared"
        " with a brute-force filter of HL7's and Inferno's US Core examples and every Synthea generation. NOT RUN means"
        " that the data a test needs was not there.",
        "",
        "| level | " + " | ".join(words) + " |",
        "|---|" + "---:|" * len(words),
        *(f"| {level} | " + " | ".join(str(counts[level, word]) for word in words) + " |" for level in levels),
    ]
    for title, some in rows.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| clause | level | says | outcome | shown by, or why not |",
            "|---|---|---|---|---|",
        ]
        lines += some
    marked = [
        f"| {said[0]}, {said[1]} | {said[2]} | {recorder.outcomes.get(name, SKIPPED)} | `{name}` |"
        for name, said in sorted(recorder.marks.items(), key=lambda one: one[1])
    ]
    lines += [
        "",
        "## Clauses of other specifications, shown by marked tests",
        "",
        "| clause | says | outcome | shown by |",
    ]
    lines += [
        "|---|---|---|---|",
        *dict.fromkeys(row.partition("[")[0] + "` |" if "[" in row else row for row in marked),
        "",
    ]
    lines += sets_searched()
    total = Counter(word for _, word in counts.elements())
    return "\n".join(lines), ", ".join(f"{word} {total[word]}" for word in words)


def sets_searched() -> list[str]:
    """What was asked of each public set, as the tests of the run left it."""
    figures = [json.loads(path.read_bytes()) for path in sorted(FIGURES.glob("*.json"))]
    if not figures:
        return []
    total = {name: sum(one[name] for one in figures) for name in ("resources", "searches", "matches")}
    return [
        "## Public sets, each loaded whole",
        "",
        "Each SHALL search of US Core's table, with values of the set itself, compared with a filter that reads the"
        " JSON and knows neither the index nor the search definitions (`tests/conformance/plain.py`).",
        "",
        "| set | resources | searches | matches |",
        "|---|---:|---:|---:|",
        *(
            f"| {one['set']} | {one['resources']:,} | {one['searches']:,} | {one['matches']:,} |"
            for one in [*figures, {"set": "all", **total}]
        ),
        "",
    ]


def main() -> int:
    recorder = Recorder(clauses.every())
    shutil.rmtree(FIGURES, ignore_errors=True)
    status = pytest.main(
        ["-q", "--thorough", "--no-header", "-p", "no:cacheprovider", *sys.argv[1:], "tests"], [recorder]
    )
    text, counts = document(recorder)
    (DOCS / "conformance.md").write_text(text)
    for line in text.splitlines():
        if line.startswith("| ") and any(f"| {word} |" in line for word in (PASS, FAIL, SKIPPED, NOT_SUPPORTED)):
            cells = line.strip("| ").split(" | ")
            print(f"{cells[3] if len(cells) > 4 else cells[2]:14} {cells[0]}")
    print(f"\nclauses: {counts}")
    if validators.DATA.exists():
        (DOCS / "validation.md").write_text(validators.table())
        print("agreement with HL7's validator: docs/validation.md")
    else:
        print("agreement with HL7's validator: not measured, the shared data sets are not beside this checkout")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
