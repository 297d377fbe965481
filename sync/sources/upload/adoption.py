"""From a document's resources to hers: ids, references, whom they are about, and where they came from. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from records import tagging
from sync.sources.fhir_rest import mapping
from sync.sources.fhir_rest.mapping import Frame
from sync.sources.upload.accounts import Fate, Reason
from sync.sources.upload.readings import Reading

TARGETS_MAX: Final = 500
_PARTICIPANT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def adopt(reading: Reading, frame: Frame) -> list[dict[str, Any]]:
    """The resources as they will be stored; those about somebody else are left out and accounted for.

    Our own labels, in a copy of her record that comes back, are taken for nobody's word.
    """
    kept = []
    for resource in reading.resources:
        if mapping.is_about_another(resource, frame):
            reading.account.add(Fate.MAPPED, Reason.KEPT, resource["resourceType"], -1)
            reading.account.drop(Reason.ANOTHER_PERSON, resource["resourceType"])
        else:
            kept.append(mapping.translate(tagging.untagged(resource), frame, set()))
    return kept


def provenance(resources: Sequence[dict[str, Any]], frame: Frame, *, recorded: str, maker: str) -> Iterator[Any]:
    """That she brought them, and who made them (R4 provenance.html); a long list is told in several.

    ``recorded`` is when she gave us the file, so that the same file says the same again.
    """
    named = [f"{each['resourceType']}/{each['id']}" for each in resources if each["resourceType"] != "Provenance"]
    for first in range(0, len(named), TARGETS_MAX):
        targets = named[first : first + TARGETS_MAX]
        yield {
            "resourceType": "Provenance",
            "id": frame.logical_id("Provenance", f"upload {targets[0]}"),
            "target": [{"reference": target} for target in targets],
            "recorded": recorded,
            "agent": [
                agent("enterer", {"reference": f"Patient/{frame.patient_id}"}),
                *([agent("author", {"display": maker})] if maker else []),
            ],
        }


def agent(code: str, who: dict[str, str]) -> dict[str, Any]:
    """One of Provenance.agent; ``code`` is of the participant types."""
    return {"type": {"coding": [{"system": _PARTICIPANT, "code": code}]}, "who": who}
