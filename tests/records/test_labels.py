"""What a source says of a record's sensitivity, wherever in it (multi-source/icanbwell-person, HL7's own systems)."""

from __future__ import annotations

from pathlib import Path

import pytest

from records import labels
from standards.fhir import json

TAGGED = Path(__file__).parents[3] / "shared" / "data" / "multi-source" / "icanbwell-person"
COMPOSITIONS = TAGGED / "patientScope" / "composition_sensitive_section_filter" / "Composition"
with_data = pytest.mark.skipif(not TAGGED.exists(), reason="the shared data sets are not beside this checkout")


def kinds(resource) -> set[str]:
    return set(labels.names(labels.of(resource) & labels.SENSITIVE))


def reasons(resource) -> set[tuple[str, str]]:
    return {(found.label, found.rule) for found in labels.findings(resource) if found.label != "UNC"}


@with_data
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NoSensitive", set()),
        ("TopLevelSensitive", {"SUD", "PSY", "SEX"}),
        ("NestedSensitive", {"SUD", "PSY", "SEX"}),
        ("DeepSensitive", {"SUD", "PSY"}),
        ("AllSensitive", {"SUD", "PSY"}),
    ],
)
def test_a_composition_is_as_sensitive_as_the_categories_of_its_sections_at_any_depth(name, expected):
    composition = json.loads((COMPOSITIONS / f"composition{name}.json").read_bytes())

    assert kinds(composition) == expected
    assert {label for label, rule in reasons(composition) if rule == "tag"} == expected


@with_data
def test_whose_a_record_is_and_who_sent_it_says_nothing_of_its_sensitivity():
    tagged = 0
    for path in TAGGED.rglob("*.json"):
        resource = json.loads(path.read_bytes())
        if isinstance(resource, dict) and isinstance(resource.get("meta"), dict) and resource["meta"].get("security"):
            systems = {tag["system"] for tag in resource["meta"]["security"]}
            assert all(system.startswith("https://www.icanbwell.com/") for system in systems), path
            assert labels.stated(resource) == 0, path
            tagged += 1

    assert tagged > 50


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        ("https://www.icanbwell.com/sensitivity-category", "SUBSTANCE_ABUSE", {"SUD"}),
        ("https://www.icanbwell.com/sensitivity-category", "something-new", {"OTHER"}),
        (labels.CONFIDENTIALITY, "V", {"R"}),
        (labels.CONFIDENTIALITY, "N", set()),
        (labels.ACT_CODE, "HIV", {"HIV"}),
        (labels.ACT_CODE, "AMB", set()),
        ("urn:laboratory:antibiotic-sensitivity", "S", set()),
    ],
)
def test_a_marking_counts_outside_of_meta_security_too(system, code, expected):
    document = {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "securityLabel": [{"coding": [{"system": system, "code": code}]}],
    }

    assert kinds({**document, "securityLabel": []}) == set()
    assert kinds(document) == expected
    assert reasons(document) == {(label, "tag") for label in expected}


def test_a_composition_says_how_confidential_it_is():
    composition = {"resourceType": "Composition", "id": "c", "status": "final", "title": "Visit"}

    assert kinds({**composition, "confidentiality": "N"}) == set()
    assert kinds({**composition, "confidentiality": "R"}) == {"R"}
