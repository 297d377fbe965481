"""Agreement of our validation with the recorded verdicts of HL7's validator: errors or none, case by case."""

from __future__ import annotations

import csv
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from standards.fhir import json, validation

DATA = Path(__file__).parents[3] / "shared" / "data" / "fhir-r4-spec"
CASES = DATA / "hl7-validator-cases"
FILES = DATA / "msft-fhir-server-testfiles"
DIFFERENCES = tomllib.loads((Path(__file__).parent / "differences.toml").read_text())


@dataclass(frozen=True)
class Verdict:
    """One case: whether either found an error."""

    case: str
    category: str
    ours: bool
    theirs: bool

    @property
    def agrees(self) -> bool:
        return self.ours == self.theirs


def verdicts() -> Iterator[Verdict]:
    with (CASES / "index.csv").open(encoding="utf-8") as index:
        for row in csv.DictReader(index):
            theirs = int(row["java_error_count"] or 0) > 0
            yield Verdict(row["case"], row["module"], has_error(CASES / row["file"]), theirs)


def refused_files() -> list[str]:
    """The files of Microsoft's server tests in which ours finds an error; they carry no recorded verdict."""
    return [path.name for path in sorted(FILES.glob("*.json")) if has_error(path)]


def has_error(path: Path) -> bool:
    try:
        return any(one.severity == "error" for one in validation.problems(json.loads(path.read_bytes())))
    except json.MalformedJSON:
        return True


def table() -> str:
    """docs/validation.md."""
    found = list(verdicts())
    agreeing = sum(one.agrees for one in found)
    lines = [
        "# Validation, compared with HL7's validator",
        "",
        "Written by `make conformance`. What is compared is whether a resource has an error at all. Ours checks"
        " structure, cardinality, datatypes, required codes and the types of references, all compiled from HL7's"
        " definitions, and what must be true of a Bundle as a whole; it does not look at profiles, terminologies"
        " beyond required bindings, or most invariants.",
        "",
        f"**{agreeing} of {len(found)} cases agree.** No resource that HL7's finds good is refused, apart from JSON"
        " with comments; every other difference is one that HL7's alone finds.",
        "",
        "| category | cases | both find errors | both find none | only HL7's | only ours |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for category in sorted({one.category for one in found}):
        tally = Counter((one.ours, one.theirs) for one in found if one.category == category)
        counts = [tally[True, True], tally[False, False], tally[False, True], tally[True, False]]
        lines.append(f"| {category} | {tally.total()} | " + " | ".join(map(str, counts)) + " |")
    lines += ["", "## Differences, all intended", ""]
    for kind, why in DIFFERENCES["kinds"].items():
        named = [one.case for one in found if not one.agrees and DIFFERENCES["cases"].get(one.case) == kind]
        if named:
            lines.append(f"- **{kind}** ({', '.join(named)}): {why}")
    refused = refused_files()
    total = len(list(FILES.glob("*.json")))
    lines += ["", "## Files of another FHIR server's tests", ""]
    lines.append(f"{total - len(refused)} of {total} are found good. They have no recorded verdict; those refused:")
    lines += ["", *(f"- `{name}`: {DIFFERENCES['files'].get(name, 'not explained')}" for name in refused), ""]
    return "\n".join(lines)
