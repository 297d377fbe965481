"""How well sameness is found where the truth is known: pairs of records, one of each of two systems."""

from __future__ import annotations

import copy
import csv
import json
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from local import seeding
from records.sameness import clusters, kinds, said
from records.sameness.kinds import MAKES, Kind
from records.sameness.said import Said
from sync.sources.ccda import mapping
from sync.sources.upload.readings import Refused

DATA = seeding.SHARED_DATA
DEALT = DATA / "multi-source" / "derived-two-ehrs"
SYNTHEA = DATA / "fhir-synthea"
FIRST, SECOND = 1, 2
Pair = tuple[str, str]
"""Logical ids at the first and the second system."""


@dataclass
class Score:
    """Pairs across the two systems: ``true`` there are, ``found`` by us, ``right`` of those found, ``met`` of those
    true."""

    true: int = 0
    found: int = 0
    right: int = 0
    met: int = 0

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.met / self.true if self.true else 1.0


@dataclass
class Table:
    people: int = 0
    records: int = 0
    seconds: float = 0.0
    scores: dict[Kind, Score] = field(default_factory=lambda: defaultdict(Score))
    unmatched: Counter[str] = field(default_factory=Counter)

    def total(self) -> Score:
        parts = self.scores.values()
        return Score(*(sum(getattr(one, name) for one in parts) for name in ("true", "found", "right", "met")))


def dealt() -> Table:
    """One person dealt out to two EHRs; ``truth.csv`` says which records are in both. Every other pair is wrong."""
    table = Table()
    for folder in sorted(path for path in DEALT.iterdir() if path.is_dir()):
        ours, theirs = (_entries(folder / f"ehr-{side}.json") for side in "ab")
        truth: dict[str, set[Pair]] = defaultdict(set)
        with (folder / "truth.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                if row["side"] == "AB":
                    truth[row["resourceType"]].add((row["id_in_ehr_a_or_source"], row["id_in_ehr_b"]))
        _enter(table, ours, theirs, truth)
    return table


def retold() -> Table:
    """Whole records, of which a second system tells every third anew in its own way.

    Dates without time, names in capitals or without a code, numbers rounded, ids and identifiers of its own.
    """
    table = Table()
    for path in sorted(SYNTHEA.rglob("*.json")):
        ours = _entries(path)
        told = [resource for resource in ours if kinds.of(resource["resourceType"]) and _draw(resource["id"], 3) == 0]
        theirs = [_retell(resource) for resource in told]
        truth: dict[str, set[Pair]] = defaultdict(set)
        for resource, again in zip(told, theirs, strict=True):
            truth[resource["resourceType"]].add((resource["id"], again["id"]))
        if told:
            _enter(table, ours, theirs, truth)
    return table


def _enter(table: Table, ours: list[dict[str, Any]], theirs: list[dict[str, Any]], truth: dict[str, set[Pair]]) -> None:
    began = time.process_time()
    every = [*_read(ours, FIRST), *_read(theirs, SECOND)]
    formed = clusters.form(every, {})
    table.seconds += time.process_time() - began
    table.people += 1
    table.records += len(every)
    codes = {one.ref.logical_id: one.codes for one in every}
    of_second = {again: first for pairs in truth.values() for first, again in pairs}
    for kind, one, other in _pairs(formed):
        score = table.scores[kind]
        score.found += 1
        origin = of_second.get(other, other)
        # Two prescriptions of one medicine are two records and one line: right where it is the same by its code.
        alike = not MAKES[kind].once and bool(codes.get(one, set()) & codes.get(origin, set()))
        score.right += origin == one or alike
        score.met += origin == one
    for resource_type, pairs in truth.items():
        kind_of = kinds.of(resource_type)
        if kind_of is None:
            table.unmatched[resource_type] += len(pairs)
        else:
            table.scores[kind_of].true += len(pairs)


def _pairs(formed: list[clusters.Cluster]) -> Iterator[tuple[Kind, str, str]]:
    for cluster in formed:
        for one in cluster.members:
            for other in cluster.members:
                if (one.source_id, other.source_id) == (FIRST, SECOND):
                    yield one.kind, one.ref.logical_id, other.ref.logical_id


def _read(resources: list[dict[str, Any]], source: int) -> Iterator[Said]:
    medications = {f"Medication/{one['id']}": one for one in resources if one["resourceType"] == "Medication"}
    found = (said.of(resource, source_id=source, medications=medications) for resource in resources)
    return (one for one in found if one is not None)


def _entries(path: Path) -> list[dict[str, Any]]:
    bundle = json.loads(path.read_bytes())
    entries = bundle.get("entry", []) if isinstance(bundle, dict) else []
    return [entry["resource"] for entry in entries if isinstance(entry.get("resource", {}).get("id"), str)]


def _draw(text: str, of: int) -> int:
    """The same for the same text, on every machine."""
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest()) % of


def _retell(resource: dict[str, Any]) -> dict[str, Any]:
    again: dict[str, Any] = _in_its_way(copy.deepcopy(resource), _draw(resource["id"] + "way", 4))
    again["id"] = str(uuid.uuid5(uuid.NAMESPACE_URL, resource["id"]))
    again["identifier"] = [{"system": "https://second.example/ids", "value": again["id"]}]
    return again


def _in_its_way(node: Any, way: int, key: str = "") -> Any:
    """``way``: 0 as it was, 1 days without times, 2 words instead of codes, in capitals, 3 numbers rounded."""
    if isinstance(node, list):
        return [_in_its_way(one, way, key) for one in node]
    if isinstance(node, dict):
        if way == 2 and "coding" in node and key != "class" and not key.endswith("Status") and _words(node):
            return {"text": f"{_words(node)} (as told)".upper()}
        return {name: _in_its_way(value, way, name) for name, value in node.items()}
    if way == 1 and isinstance(node, str) and len(node) > 18 and node[4:5] == "-" and node[10:11] == "T":
        return node[:10]
    if way == 3 and isinstance(node, float) and key == "value":
        return round(node, 1)
    return node


def _words(concept: dict[str, Any]) -> str:
    coding = concept["coding"][0] if concept["coding"] else {}
    return str(coding.get("display") or concept.get("text") or "")


CDA = DATA / "ccda"
_CIRI = CDA / "onc-cures-test-data" / "Cures_Update_Receiver_SUT_Test_Data" / "170.315_b2_CIRI_Amb"
LISTS = (Kind.PROBLEMS, Kind.ALLERGIES, Kind.MEDICINES)
# Two documents of one patient to reconcile, and what both of them tell of: labelled by reading them.
_BOTH_R21 = {Kind.PROBLEMS: {"fever"}, Kind.ALLERGIES: {"penicillin g benzathine"}, Kind.MEDICINES: {"tylenol"}}
RECONCILED: dict[tuple[str, str], dict[Kind, set[str]]] = {
    ("170.315_b2_ciri__r11_sample1_v10.xml", "170.315_b2_ciri__r11_sample1_recon_v10.xml"): {
        Kind.PROBLEMS: {"pneumonia"},
        Kind.MEDICINES: {"albuterol"},
    },
    ("170.315_b2_ciri__r21_sample1_ccd_v12.xml", "170.315_b2_ciri__r21_sample1_ccd_recon_v12.xml"): _BOTH_R21,
    ("170.315_b2_ciri__r21_sample1_rn_v12.xml", "170.315_b2_ciri__r21_sample1_rn_recon_v12.xml"): _BOTH_R21,
}


def reconciled() -> Table:
    """The reconciliation pairs of ONC. A pair here is a line of a list that both documents tell of."""
    table = Table()
    for names, both in RECONCILED.items():
        every = [one for source, name in enumerate(names, 1) for one in _document(_CIRI / name, source)[1]]
        table.people += 1
        table.records += len(every)
        shared = {
            kind: [cluster for cluster in clusters.form(every, {}) if _is_shared(cluster, kind)] for kind in LISTS
        }
        for kind, found in shared.items():
            told = {name for cluster in found for each in cluster.members for name in each.names}
            right = sum(any(each.names & both.get(kind, set()) for each in cluster.members) for cluster in found)
            score = table.scores[kind]
            score.true += len(both.get(kind, ()))
            score.found += len(found)
            score.right += right
            score.met += len(both.get(kind, set()) & told)
    return table


@dataclass(frozen=True)
class Persona:
    """Somebody whom several systems exported: entries of the three lists, the lines they become, and the lines that
    more than one document tells, by name."""

    name: str
    documents: int
    entries: int
    lines: int
    together: tuple[str, ...]


def personas() -> list[Persona]:
    """The people of the vendors' C-CDA documents whom more than one document is about."""
    told: dict[tuple[str, str], list[Path]] = defaultdict(list)
    folders = (CDA / "vendor-samples", CDA / "onc-cures-test-data")
    for path in sorted(path for folder in folders for path in folder.rglob("*.xml") if "Negative" not in str(path)):
        try:
            who, _ = _document(path, 0)
        except Refused:
            continue
        if who[0] and who[1]:
            told[who].append(path)
    return [_persona(name, paths) for (name, _), paths in sorted(told.items()) if len(paths) > 1]


def _persona(name: str, paths: list[Path]) -> Persona:
    every = [one for source, path in enumerate(paths) for one in _document(path, source)[1] if one.kind in LISTS]
    formed = clusters.form(every, {})
    together = sorted(_called(cluster) for cluster in formed if len(cluster.sources) > 1)
    return Persona(name, len(paths), len(every), len(formed), tuple(together))


def _called(cluster: clusters.Cluster) -> str:
    return min((name for each in cluster.members for name in each.names), key=len, default="without a name")


def _is_shared(cluster: clusters.Cluster, kind: Kind) -> bool:
    return cluster.members[0].kind is kind and len(cluster.sources) > 1


def _document(path: Path, source: int) -> tuple[tuple[str, str], list[Said]]:
    """Whom a C-CDA document is about (name, birth date), and what it says. Raises Refused."""
    reading = mapping.read(path.read_bytes(), title=path.name, received="2026-01-01")
    mine = [{**one, "id": f"{source}-{one['id']}"} for one in reading.resources]
    person = next(iter(reading.patients().values()), {})
    name = next(iter(person.get("name", [])), {})
    called = " ".join([*name.get("given", [])[:1], name.get("family", "")]).strip().title()
    return (called, person.get("birthDate", "")), list(_read(mine, source))
