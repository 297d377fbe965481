"""Every SHALL search of US Core against a brute-force filter of the same files: the index may not differ from it."""

from __future__ import annotations

from collections import defaultdict
from itertools import product
from pathlib import Path
from urllib.parse import urlencode

import pytest

from standards.fhir import extraction, matching, search_parameters, types
from standards.fhir import json as fhir_json
from tests.fhirapi import people, population

pytestmark = pytest.mark.django_db

FIRST_TYPES = people.FIRST_TYPES
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "fhir-synthea" / "smart-bulk-2023"
VALUES_EACH = 6
ABOUT_OWNER = {"patient", "subject"}


def combinations(resource_type):
    searches = types.US_CORE_SEARCHES[resource_type]
    return [*searches.shall, *searches.should]


def values_of(parameter, resources):
    """Values that find something, of every spelling the parameter takes, and one that finds nothing."""
    found = {}
    for resource in resources:
        for value in _spellings(parameter, resource):
            found.setdefault(value, None)
    nothing = {"date": "1900-01-01", "number": "0"}.get(parameter.type, "nothing-has-this")
    spread = list(found)[:: max(1, len(found) // VALUES_EACH)][:VALUES_EACH]
    return [*spread, nothing]


def _spellings(parameter, resource):
    if parameter.code == "_id":
        return [resource["id"]]
    return _SPELLINGS[parameter.type](parameter, resource)


def _plain(text):
    """No character of it means anything in a search value."""
    return not set(text) & set(",|$\\")


def _tokens(parameter, resource):
    coded = [one for one in extraction.tokens(parameter, resource) if one.code and _plain(one.code)]
    return [text for one in coded for text in (one.code, *([f"{one.system}|{one.code}"] if one.system else []))]


def _dates(parameter, resource):
    held = [resource.get(path.steps[0]) for path in parameter.paths if path.steps]
    texts = [one.get("start") if isinstance(one, dict) else one for one in held]
    cut = [text[:length] for text in texts if isinstance(text, str) for length in (4, 10)]
    return [f"{prefix}{text}" for text in cut for prefix in ("", "ge", "lt", "le", "gt")]


def _strings(parameter, resource):
    return [text[:4] for text in extraction.strings(parameter, resource) if _plain(text)]


_SPELLINGS = {"token": _tokens, "date": _dates, "string": _strings, "reference": extraction.references}


def brute_force(resource_type, pairs, resources, patient_id):
    known = search_parameters.for_type(resource_type)
    return sorted(
        f"{resource_type}/{resource['id']}"
        for resource in resources
        if all(
            code in ABOUT_OWNER or code == "_lastUpdated" or matching.matches(known[code], resource, [value])
            for code, value in pairs
        )
    )


def check_all(app, resources, patient_id, types_asked):
    by_type = defaultdict(list)
    for resource in resources:
        by_type[resource["resourceType"]].append(resource)
    asked = 0
    for resource_type in types_asked:
        known = search_parameters.for_type(resource_type)
        held = by_type[resource_type]
        for combination in combinations(resource_type):
            choices = [
                [(code, patient_id)]
                if code in ABOUT_OWNER
                else [(code, "ge2000")]
                if code == "_lastUpdated"
                else [(code, value) for value in values_of(known[code], held)]
                for code in combination
            ]
            for pairs in list(product(*choices))[:60]:
                got = sorted(app.ids(f"/{resource_type}?{urlencode(pairs)}&_count=1000"))
                assert got == brute_force(resource_type, pairs, held, patient_id), (resource_type, pairs)
                asked += 1
    return asked


@pytest.mark.spec("US Core 6.1.0", "CapabilityStatement", "the searches of the first ten types")
def test_every_us_core_search_finds_exactly_what_a_filter_finds():
    person = people.sign_up()
    resources = population.resources(person.patient_id)
    people.store_records(person, resources)

    assert check_all(people.let_in(person, "patient/*.rs"), resources, person.patient_id, FIRST_TYPES) > 200


def read_folder(folder):
    for path in sorted(folder.glob("*.ndjson")):
        for line in path.read_bytes().splitlines():
            if line.strip():
                yield fhir_json.loads(line)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
def test_every_us_core_search_of_a_synthea_person_finds_exactly_what_a_filter_finds():
    folder = min(
        (f for f in SHARED.iterdir() if f.name != "shared"), key=lambda f: sum(p.stat().st_size for p in f.iterdir())
    )
    person = people.sign_up()
    resources = [one for one in read_folder(folder) if one["resourceType"] in FIRST_TYPES]
    patient = next(one for one in resources if one["resourceType"] == "Patient")
    text = fhir_json.dumps(resources).replace(patient["id"].encode(), person.patient_id.encode())
    resources = fhir_json.loads(text)
    for start in range(0, len(resources), 500):
        people.store_records(person, resources[start : start + 500])

    assert check_all(people.let_in(person, "patient/*.rs"), resources, person.patient_id, FIRST_TYPES) > 100
