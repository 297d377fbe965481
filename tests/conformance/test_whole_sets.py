"""Each public set loaded whole, each SHALL search of US Core asked of it, and a plain filter of the same files.

What was asked is written to ``var/searches``, one line for a set.
"""

from __future__ import annotations

import json as plain_json
from itertools import product
from pathlib import Path
from urllib.parse import urlencode

import pytest

from consent.terms import Terms
from records import labels
from standards.fhir import json, types
from tests.conformance import plain
from tests.fhirapi import people

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
FIGURES = ROOT / "var" / "searches"
"""Where ``python -m tests.conformance`` reads them."""
SETS = [
    f"{one.parent.name}/{one.name}" for one in sorted(DATA.glob("fhir-uscore/*")) + sorted(DATA.glob("fhir-synthea/*"))
]
SETS = [name for name in SETS if (DATA / name).is_dir()]
VALUES_EACH = 5
ASKED_MAX = 12
AT_ONCE = 500
ABOUT_OWNER = {"patient", "subject"}

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.thorough,
    pytest.mark.skipif(not SETS, reason="the shared data sets are not beside this checkout"),
]


def resources(folder: Path) -> dict[tuple[str, str], dict]:
    """All of the set by type and id; the last one counts where a set says one twice."""
    found = {}
    for path in sorted(folder.rglob("*json")):
        if "invalid" in path.parts:  # documents that are broken on purpose
            continue
        lines = path.read_bytes().splitlines() if path.suffix == ".ndjson" else [path.read_bytes()]
        for value in (json.loads(line) for line in lines if line.strip()):
            entries = value.get("entry", []) if value.get("resourceType") == "Bundle" else [{"resource": value}]
            for one in (entry["resource"] for entry in entries if "resource" in entry):
                if one.get("id") and one.get("resourceType") in types.RESOURCE_TYPES:
                    found[one["resourceType"], one["id"]] = one
    return found


def load(person, found) -> None:
    about = {"reference": f"Patient/{person.patient_id}"}
    kept = [
        {**one, **{name: about for name in ("subject", "patient", "beneficiary") if isinstance(one.get(name), dict)}}
        for one in found.values()
    ]
    for start in range(0, len(kept), AT_ONCE):
        people.store_records(person, kept[start : start + AT_ONCE])


def asked_of(combination: tuple[str, ...], held: list[dict], patient_id: str) -> list[list[tuple[str, str]]]:
    """The values of a few resources that have one for each parameter, and others mixed."""
    each = [[_values(code, one, patient_id) for code in combination] for one in held]
    whole = [choices for choices in each if all(choices)]
    some = whole[:: max(1, len(whole) // VALUES_EACH)][:VALUES_EACH]
    pairs = [list(zip(combination, chosen, strict=True)) for choices in some for chosen in product(*choices)]
    mixed = [
        [(code, some[(place + number) % len(some)][place][0]) for place, code in enumerate(combination)]
        for number in range(len(some))
    ]
    chosen = [*pairs[:: max(1, len(pairs) // ASKED_MAX)][:ASKED_MAX], *mixed]
    return [one for one in chosen if not any(set(value) & set(",$\\") for _, value in one)]


def _values(code: str, resource: dict, patient_id: str) -> list[str]:
    return [patient_id] if code in ABOUT_OWNER else [one for one in plain.values(code, resource) if one][:3]


@pytest.mark.parametrize("name", SETS)
def test_every_search_of_a_whole_set_finds_what_a_plain_filter_finds(name):
    person, found = people.sign_up(), resources(DATA / name)
    load(person, found)
    app = people.let_in(person, "patient/*.rs", terms=Terms(labels=frozenset(labels.LABELS)))
    asked = matched = 0

    for kind, searches in types.US_CORE_SEARCHES.items():
        held = [one for (of, _), one in found.items() if of == kind]
        for combination in searches.shall:
            for pairs in asked_of(combination, held, person.patient_id):
                expected = {f"{kind}/{one['id']}" for one in held if all(plain.matches(*pair, one) for pair in pairs)}
                got = app.ids(f"/{kind}?{urlencode(pairs)}&_count=1000")
                assert len(got) == len(set(got))
                assert set(got) == expected, (kind, pairs)
                asked, matched = asked + 1, matched + len(expected)

    assert asked > 10
    assert matched > asked
    FIGURES.mkdir(parents=True, exist_ok=True)
    line = {"set": name, "resources": len(found), "searches": asked, "matches": matched}
    (FIGURES / f"{name.replace('/', '-')}.json").write_text(plain_json.dumps(line))
    print(line)
