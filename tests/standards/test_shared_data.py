"""Real-looking data from many senders: nothing fails on any of it, and what is known to be good is found good."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from standards.fhir import extraction, json, references, search_parameters, validation

DATA = Path(__file__).parents[3] / "shared" / "data"
READERS = (extraction.tokens, extraction.texts, extraction.references, extraction.dates, extraction.strings,
           extraction.quantities, extraction.uris)  # fmt: skip

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the shared data sets are not beside this checkout")


def texts(folder: str) -> Iterator[tuple[str, bytes]]:
    """(name, JSON) of every file under the folder, of NDJSON every line."""
    for path in sorted((DATA / folder).rglob("*json")):
        lines = path.read_bytes().splitlines() if path.suffix == ".ndjson" else [path.read_bytes()]
        yield from (
            (f"{path.relative_to(DATA)}:{number}", line) for number, line in enumerate(lines, 1) if line.strip()
        )


def resources(folder: str) -> Iterator[tuple[str, dict]]:
    for name, text in texts(folder):
        value = json.loads(text)
        if isinstance(value, dict) and "resourceType" in value:
            yield name, value


def with_entries(resource: dict) -> list[dict]:
    entries = resource.get("entry")
    inside = (
        [entry.get("resource") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    )
    return [each for each in (resource, *inside) if isinstance(each, dict)]


@pytest.mark.parametrize(
    "folder",
    ["fhir-synthea/smart-bulk-2023", "fhir-synthea/smart-r4-2019", "fhir-synthea/smart-bulkserver-r4-2020",
     "fhir-synthea/pathling-r4-2021", "fhir-synthea/google-pipes-r4-2021", "fhir-synthea/stanford-spezi-r4-2023",
     "fhir-synthea/mitre-bundles-ndjson-2020", "multi-source/derived-two-ehrs", "fhir-uscore/uscore-ig-examples",
     "fhir-uscore/azure-uscore-testdata", "fhir-uscore/inferno-reference-data"],
)  # fmt: skip
def test_good_resources_are_found_good(folder):
    checked, wrong = 0, []
    for name, resource in resources(folder):
        checked += 1
        wrong += [(name, problem) for problem in validation.problems(resource)]

    assert checked > 0
    assert wrong == []


def test_examples_of_the_specification_are_found_good_but_for_five_that_are_not():
    wrong = {Path(name).stem for name, r in resources("fhir-r4-spec/hl7-r4-examples") if validation.problems(r)}

    # Items without linkId; targets the StructureDefinitions do not allow; addresses with other ids than the resources.
    assert wrong == {
        "Bundle-lri-example",
        "DeviceMetric-example",
        "DeviceUseStatement-example",
        "Observation-clinical-gender",
        "Questionnaire-qs1",
    }


@pytest.mark.parametrize("folder", ["fhir-claims", "fhir-ips", "fhir-uscore", "fhir-r4-spec", "multi-source"])
def test_nothing_fails_on_anything_sent(folder):
    for _, text in texts(folder):
        try:
            value, _ = json.loads_lenient(text)
        except json.MalformedJSON:
            continue
        validation.problems(value)
        references.rewrite(value, lambda _: None)
        for resource in with_entries(value) if isinstance(value, dict) else ():
            extraction.occurred(resource)
            for parameter in search_parameters.for_type(str(resource.get("resourceType"))).values():
                for read in READERS:
                    read(parameter, resource)


def test_good_data_is_written_as_it_was_read_byte_for_byte():
    lines = [text for _, text in texts("fhir-synthea/smart-bulk-2023") if b'"resourceType"' in text]

    assert len(lines) > 5000
    assert [json.dumps(json.loads(line)) for line in lines] == lines


def test_agreement_with_the_recorded_verdicts_of_hl7s_validator():
    """Errors or none, case by case; what only HL7's finds needs profiles, terminologies or other invariants."""
    folder = DATA / "fhir-r4-spec" / "hl7-validator-cases"
    verdicts: Counter[tuple[bool, bool]] = Counter()
    ours_alone = set()
    with (folder / "index.csv").open(encoding="utf-8") as index:
        for row in csv.DictReader(index):
            ours, theirs = has_error(folder / row["file"]), int(row["java_error_count"] or 0) > 0
            verdicts[ours, theirs] += 1
            if ours and not theirs:
                ours_alone.add(row["case"])

    assert ours_alone == {"json-comments-1-yes", "json-comments-2-yes"}  # comments: JSON5, which FHIR does not allow
    assert verdicts[True, True] + verdicts[False, False] >= 40
    assert sum(verdicts.values()) == 62


def has_error(path: Path) -> bool:
    try:
        return any(p.severity == "error" for p in validation.problems(json.loads(path.read_bytes())))
    except json.MalformedJSON:
        return True
