"""The clauses that ``make conformance`` reports on: those of clauses.toml, and the searches of US Core's table."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from standards.fhir import types

HERE = Path(__file__).parent
TESTS = HERE.parent


@dataclass(frozen=True)
class Clause:
    """``tests`` are beginnings of test names below ``tests/``; without any, ``why`` says why it is not supported."""

    section: str
    id: str
    level: str
    text: str
    tests: tuple[str, ...] = ()
    why: str = ""

    def shown_by(self, name: str) -> bool:
        """Whether a test, ``fhirapi/test_x.py::test_y[case]``, is one that shows this clause."""
        return any(name == test or name.startswith((f"{test}::", f"{test}[")) for test in self.tests)


def every() -> list[Clause]:
    return [clause for title, clauses in sections() for clause in clauses]


def sections() -> list[tuple[str, list[Clause]]]:
    """(title, clauses) in order."""
    said = tomllib.loads((HERE / "clauses.toml").read_text())["section"]
    found = []
    for section in said:
        title = f"{section['number']}. {section['title']}"
        clauses = [
            Clause(
                title, one["id"], one["level"], one["text"], tuple(one.get("tests", ())), one.get("not_supported", "")
            )
            for one in section["clauses"]
        ]
        if section["number"] == "10":
            clauses += _searches(title)
        found.append((title, clauses))
    return found


def _searches(title: str) -> Iterator[Clause]:
    here = "conformance/test_searches.py::"
    for kind, searches in types.US_CORE_SEARCHES.items():
        for level, combinations in (("SHALL", searches.shall), ("SHOULD", searches.should)):
            for names in combinations:
                asked = "+".join(names)
                test = f"{here}test_search[{kind}-{asked}]"
                yield Clause(title, f"10.{kind}.{asked}", level, f"{kind} by {asked}", (test,))
        for code in searches.comparators:
            test = f"{here}test_comparators[{kind}-{code}]"
            yield Clause(title, f"10.{kind}.{code}.cmp", "SHALL", f"{kind} by {code} with gt, ge, lt, le", (test,))
        for code in searches.lists:
            test = f"{here}test_comma_lists[{kind}-{code}]"
            yield Clause(title, f"10.{kind}.{code}.or", "SHALL", f"{kind} by several {code}, comma-separated", (test,))
