"""Whole public people through the operations: nothing missing, nothing twice, and summaries that hold to the rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent.terms import Terms
from records import labels
from records.models import Record
from records.numbering import TYPE_NAME
from standards.fhir import json, references, validation
from tests.fhirapi import people
from tests.standards import ips_rules

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
MANY = 1_500
"""Resources of one person that are enough here."""
WHOLE = Terms(labels=frozenset(labels.LABELS))


def bundles():
    """One file with one person each, of every kind of public data there is."""
    found = [
        *sorted((SHARED / "fhir-synthea").glob("*r4*/*.json")),
        *sorted((SHARED / "fhir-uscore" / "inferno-reference-data").glob("uscore_bundle*.json")),
        *sorted((SHARED / "fhir-uscore" / "kill-the-clipboard-uscore" / "uscore").glob("*.json")),
        *sorted((SHARED / "fhir-ips" / "ips-connectathon").glob("*.json")),
    ]
    return [path for path in found if path.stat().st_size < 4_000_000]


def of(path, patient_id):
    """The resources of a Bundle as sync would hand them on: about the owner, under ids and relative references."""
    content = json.loads(path.read_bytes())
    entries = content.get("entry", []) if isinstance(content, dict) else []
    known = {one.get("fullUrl"): one["resource"] for one in entries if one.get("resource", {}).get("id")}
    names = {url: f"{one['resourceType']}/{one['id']}" for url, one in known.items()}
    patients = {name for name in names.values() if name.startswith("Patient/")}
    resources = []
    for resource in known.values():
        if resource["resourceType"] in ("Composition", "Bundle") or validation.problems(resource):
            continue
        references.rewrite(resource, lambda text: _rewritten(text, names, patients, patient_id))
        if resource["resourceType"] == "Patient":
            resource["id"] = patient_id
        resources.append(resource)
    unique = {f"{one['resourceType']}/{one['id']}": one for one in resources}
    return list(unique.values())[:MANY]


def _rewritten(text, names, patients, patient_id):
    name = names.get(text, text)
    return f"Patient/{patient_id}" if name in patients else name


@pytest.mark.skipif(not bundles(), reason="the shared data is not here")
@pytest.mark.parametrize("path", bundles(), ids=lambda path: f"{path.parent.name}-{path.stem[:24]}")
def test_everything_and_the_summary_of_a_public_person(path):
    person = people.sign_up()
    resources = of(path, person.patient_id)
    if not any(one["resourceType"] == "Patient" for one in resources):
        pytest.skip("no person in it that is valid by itself")
    for start in range(0, len(resources), 500):
        people.store_records(person, resources[start : start + 500])
    stored = {f"{one['resourceType']}/{one['id']}" for one in resources}
    sensitive = _sensitive(person)

    for terms, given in ((WHOLE, stored), (Terms(), stored - sensitive)):
        app = people.let_in(person, "patient/*.rs", terms=terms)
        found = _everything(app, person)
        apart = {name for name in found if name.startswith("Binary/")}  # large attachments move out of line
        assert len(found) == len(set(found))
        assert set(found) - apart == given - apart

        summary = json.loads(app.get(f"/Patient/{person.patient_id}/$summary").content)
        assert ips_rules.broken(summary) == []
        assert [one for one in validation.problems(summary) if one.severity == "error"] == []
        assert {name for name in _names(summary) if name in found}
        assert not {name for name in _names(summary) if name in stored - given}


def _sensitive(person):
    """Her records of a kind that an app is given only if she chose it."""
    records = Record.unguarded.filter(owner=person).values_list("resource_type", "logical_id", "labels")
    return {f"{TYPE_NAME[number]}/{logical_id}" for number, logical_id, bits in records if bits & labels.SENSITIVE}


def _everything(app, person):
    bundle = app.bundle(f"/Patient/{person.patient_id}/$everything?_count=400")
    found = _names(bundle)
    while url := people.link(bundle, "next"):
        bundle = app.bundle(url.partition(people.BASE)[2])
        found += _names(bundle)
    return found


def _names(bundle):
    return [f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in bundle.get("entry", [])]
