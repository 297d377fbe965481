"""Every search of US Core's table, each type and combination, on all public sets: the same as a filter of the files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from urllib.parse import urlencode

import pytest

from consent.terms import Terms
from records.labels import LABELS
from standards.fhir import json, matching, search_parameters, types
from tests.fhirapi import people, spelling

DATA = Path(__file__).parents[3] / "shared" / "data"
SETS = (
    "fhir-uscore/uscore-ig-examples",
    "fhir-uscore/inferno-reference-data",
    "fhir-uscore/azure-uscore-testdata",
    "fhir-synthea/smart-bulk-2023",
    "fhir-synthea/smart-r4-2019",
    "fhir-synthea/smart-bulkserver-r4-2020",
    "fhir-synthea/pathling-r4-2021",
    "fhir-synthea/google-pipes-r4-2021",
    "fhir-synthea/stanford-spezi-r4-2023",
    "fhir-synthea/mitre-bundles-ndjson-2020",
)
EACH_SET = 25
"""Resources of a type taken from one set."""
VALUES_EACH = 5
ASKED_MAX = 16
ABOUT_OWNER = {"patient", "subject"}
OWNER = "the-owner"
WHOLE = Terms(labels=frozenset(LABELS))
"""Sensitive records too: a plain filter of the files withholds none."""

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.thorough,
    pytest.mark.skipif(not DATA.exists(), reason="the shared data sets are not beside this checkout"),
]

COMBINATIONS = [
    (kind, combination)
    for kind, searches in types.US_CORE_SEARCHES.items()
    for combination in (*searches.shall, *searches.should)
]


@cache
def pool() -> dict[str, list[dict]]:
    """Type to resources of every set, a few of each; ids are made unique, all about one person."""
    taken: dict[str, list[dict]] = defaultdict(list)
    for number, name in enumerate(SETS):
        seen: dict[str, int] = defaultdict(int)
        for resource in _resources(DATA / name):
            kind = resource["resourceType"]
            if kind in types.US_CORE_TYPES and seen[kind] < EACH_SET and resource.get("id"):
                seen[kind] += 1
                taken[kind].append({**resource, "id": f"s{number}-{seen[kind]}"})
    return taken


def _resources(folder: Path) -> Iterator[dict]:
    for path in sorted(folder.rglob("*json")):
        lines = path.read_bytes().splitlines() if path.suffix == ".ndjson" else [path.read_bytes()]
        for line in lines[:2000]:
            value = json.loads(line) if line.strip() else None
            if isinstance(value, dict) and value.get("resourceType") == "Bundle":
                yield from (entry["resource"] for entry in value.get("entry", []) if "resource" in entry)
            elif isinstance(value, dict) and "resourceType" in value:
                yield value


def _about(patient_id: str, resource: dict) -> dict:
    for name in ("subject", "patient", "beneficiary"):
        if isinstance(resource.get(name), dict):
            resource = {**resource, name: {"reference": f"Patient/{patient_id}"}}
    return resource


@pytest.mark.parametrize(
    ("kind", "combination"), COMBINATIONS, ids=[f"{kind}-{'+'.join(names)}" for kind, names in COMBINATIONS]
)
def test_search(kind, combination):
    person = people.sign_up()
    held = [_about(person.patient_id, one) for one in pool()[kind]]
    assert held, f"no {kind} in any set"
    for start in range(0, len(held), 200):
        people.store_records(person, held[start : start + 200])
    app = people.let_in(person, "patient/*.rs", terms=WHOLE)
    known = search_parameters.for_type(kind)
    missing = [code for code in combination if code not in known]
    assert missing == [], "parameters this server does not have"
    choices = [_choices(code, known, held, person.patient_id) for code in combination]
    found = 0

    for pairs in [*_of_one_resource(combination, known, held, person.patient_id), *_spread(product(*choices))]:
        expected = sorted(
            f"{kind}/{one['id']}"
            for one in held
            if all(
                code in ABOUT_OWNER or code == "_lastUpdated" or matching.matches(known[code], one, [value])
                for code, value in pairs
            )
        )
        got = app.ids(f"/{kind}?{urlencode(pairs)}&_count=1000")
        assert sorted(name for name in got if name != f"Patient/{person.patient_id}") == expected, pairs
        posted = app.post(f"/{kind}/_search", urlencode([*pairs, ("_count", "1000")])).json()
        assert sorted(people.matches(posted)) == sorted(got), pairs
        found += len(expected)

    assert found > 0 or not _held_at_all(combination, known, held)


def _of_one_resource(
    combination: tuple[str, ...], known: dict, held: list[dict], patient_id: str
) -> Iterator[list[tuple[str, str]]]:
    """For a few resources that have a value for each parameter: these values, so that something is found."""
    each = [[_first(code, known, one, patient_id) for code in combination] for one in held]
    whole = [pairs for pairs in each if all(pairs)]
    yield from whole[:: max(1, len(whole) // VALUES_EACH)]


def _first(code: str, known: dict, resource: dict, patient_id: str) -> tuple[str, str] | None:
    if code in ABOUT_OWNER or code == "_lastUpdated":
        return _choices(code, known, [], patient_id)[0]
    values = spelling.values(known[code], resource)
    return (code, values[0]) if values else None


def _spread(pairs: Iterable[tuple[tuple[str, str], ...]]) -> list[tuple[tuple[str, str], ...]]:
    every = list(pairs)
    return every[:: max(1, len(every) // ASKED_MAX)]


def _choices(code: str, known: dict, held: list[dict], patient_id: str) -> list[tuple[str, str]]:
    if code in ABOUT_OWNER:
        return [(code, patient_id), (code, f"Patient/{patient_id}")]
    if code == "_lastUpdated":
        return [(code, "ge2000")]
    return [(code, value) for value in spelling.spread(known[code], held, each=VALUES_EACH)]


def _held_at_all(combination: tuple[str, ...], known: dict, held: list[dict]) -> bool:
    """Whether any resource has a value for every parameter; where none has, there is nothing to find."""
    named = [code for code in combination if code not in ABOUT_OWNER and code != "_lastUpdated"]
    return any(all(spelling.values(known[code], one) for code in named) for one in held)


@pytest.mark.parametrize(
    ("kind", "code"),
    [(kind, code) for kind, searches in types.US_CORE_SEARCHES.items() for code in searches.comparators],
)
def test_comparators(kind, code):
    person = people.sign_up()
    held = [_about(person.patient_id, one) for one in pool()[kind]]
    people.store_records(person, held[:300])
    app = people.let_in(person, "patient/*.rs", terms=WHOLE)
    parameter = search_parameters.for_type(kind)[code]
    days = sorted({value for one in held for value in spelling.values(parameter, one) if value[:1].isdigit()})

    for day in days[:: max(1, len(days) // 4)]:
        for prefix in ("gt", "ge", "lt", "le"):
            expected = sorted(
                f"{kind}/{one['id']}" for one in held[:300] if matching.matches(parameter, one, [prefix + day])
            )
            assert sorted(app.ids(f"/{kind}?{code}={prefix}{day}&_count=1000")) == expected, prefix + day


@pytest.mark.parametrize(
    ("kind", "code"), [(kind, code) for kind, searches in types.US_CORE_SEARCHES.items() for code in searches.lists]
)
def test_comma_lists(kind, code):
    person = people.sign_up()
    held = [_about(person.patient_id, one) for one in pool()[kind]][:300]
    people.store_records(person, held)
    app = people.let_in(person, "patient/*.rs", terms=WHOLE)
    parameter = search_parameters.for_type(kind)[code]
    values = spelling.spread(parameter, held, each=4)

    expected = sorted(f"{kind}/{one['id']}" for one in held if matching.matches(parameter, one, values))

    assert sorted(app.ids(f"/{kind}?{urlencode([(code, ','.join(values))])}&_count=1000")) == expected
    assert expected
