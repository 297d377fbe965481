"""``make sameness``: precision and recall where the truth is known, written to docs/sameness.md."""

from __future__ import annotations

from pathlib import Path

from records.sameness.kinds import Kind
from records.sameness.rules import SCORE
from tests.records.sameness import yardstick
from tests.records.sameness.yardstick import Persona, Score, Table

DOCS = Path(__file__).parents[3] / "docs" / "sameness.md"
HEAD = """# Sameness: how well it is found

Written by `make sameness`. A pair is a record of one system and a record of another in one cluster.
Precision: of the pairs found, how many are right. Recall: of the pairs there are, how many were found.
How it works: [ADR 25](adr/0025-sameness-is-found-not-kept.md).
"""
DEALT = """## One person dealt out to two EHRs

`multi-source/derived-two-ehrs`: {people} people, {records} records that can be compared. `truth.csv` says which records
are in both; every other pair counts as wrong. Not compared, because no kind of ours holds them: {unmatched}.
"""
RETOLD = """## Told again in other ways

The public Synthea records ({people} people, {records} records told). A second system tells every third record again:
as it was, with days instead of times, with names in capitals instead of codes, or with rounded numbers; with ids of its
own and no identifier in common. A pair is right when both come from one original; of problems, allergies, medicines,
clinicians and organizations, of which one thing may have many records, also when their originals have a code in common.
Compared at {rate} records a second of one core.
"""
RECONCILED = """## Two documents to reconcile

The pairs of ONC's certification for reconciling (`ccda/onc-cures-test-data`, CIRI), read as uploads are: {people}
pairs, {records} entries that can be compared. Here a pair is a line of the three lists that both documents tell of;
what both tell was labelled by reading them.
"""
PERSONAS = """## The same personas, exported by several systems

C-CDA documents of vendors and of ONC about one person by name and birth date. No truth comes with them: the last column
is for the eye. Lines are those of the three lists: problems, allergies, medicines.

| person | documents | entries | lines | told by more than one document |
|---|---:|---:|---:|---|
{rows}
"""
REST = """## What this does not show

In the first two sets what a second system tells is dealt out or derived, so how clinics differ in practice is only
imitated; the documents of the last two differ as real systems do, but they are few. A brand name and its ingredient
(Tylenol, acetaminophen), and two code systems without a common word, are not found to be the same: no terminology
server is asked. She can put such lines together herself.

## Rules

| rule | score |
|---|---:|
{rules}
"""


def main() -> None:
    dealt, retold, reconciled = yardstick.dealt(), yardstick.retold(), yardstick.reconciled()
    personas = yardstick.personas()
    parts = [
        HEAD,
        DEALT.format(people=dealt.people, records=dealt.records, unmatched=_unmatched(dealt)),
        _table(dealt),
        RETOLD.format(
            people=retold.people, records=f"{retold.records:,}", rate=f"{retold.records / retold.seconds:,.0f}"
        ),
        _table(retold),
        RECONCILED.format(people=reconciled.people, records=reconciled.records),
        _table(reconciled),
        PERSONAS.format(rows="\n".join(_persona(each) for each in personas)),
        REST.format(
            rules="\n".join(f"| {rule.value.replace('_', ' ')} | {score:.2f} |" for rule, score in SCORE.items())
        ),
    ]
    DOCS.write_text("\n".join(parts))
    print(f"{DOCS}: {dealt.total()} {retold.total()} {reconciled.total()}")


def _persona(one: Persona) -> str:
    told = ", ".join(one.together) or "–"
    return f"| {one.name} | {one.documents} | {one.entries} | {one.lines} | {told} |"


def _unmatched(table: Table) -> str:
    return ", ".join(f"{total} {name}" for name, total in sorted(table.unmatched.items())) or "none"


def _table(table: Table) -> str:
    rows = [(kind.value, table.scores[kind]) for kind in Kind if kind in table.scores]
    lines = [_row(name, score) for name, score in [*rows, ("**all**", table.total())]]
    return "\n".join(
        ["| kind | pairs there are | pairs found | precision | recall |", "|---|---:|---:|---:|---:|", *lines, ""]
    )


def _row(name: str, score: Score) -> str:
    precision = f"{score.precision:.1%}" if score.found else "–"
    recall = f"{score.recall:.1%}" if score.true else "–"
    return f"| {name} | {score.true:,} | {score.found:,} | {precision} | {recall} |"


if __name__ == "__main__":
    main()
