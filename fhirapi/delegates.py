"""Who let the app in, among the RelatedPersons of the record: only for an app of hers, and only by its address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from consent import delegations, gate, related
from records import past, sources
from records.reading import RecordSet, Stored
from records.searching import microseconds
from standards.fhir import json


def among(records: RecordSet, reader: gate.DelegateApp, *, interaction: str) -> RecordSet:
    """The same records, and the RelatedPerson that ``fhirUser`` named to this app."""
    if not gate.tells_who_acts(reader, interaction):
        return records
    return WithDelegate(records.owner_id, records.patient_id, records.rules, reader.delegation)


@dataclass(frozen=True, slots=True)
class WithDelegate(RecordSet):
    """A RecordSet in which one more RelatedPerson can be read, the holder of this ``delegation``."""

    delegation: str = ""

    def read(self, resource_type: str, logical_id: str) -> Stored | None:
        if (resource_type, logical_id) != (gate.RELATED_PERSON, self.delegation):
            return RecordSet.read(self, resource_type, logical_id)
        delegation = delegations.known(self.delegation, owner_id=self.owner_id)
        body = json.dumps(related.person(delegation, patient_id=self.patient_id))
        begun = related.begun(delegation)
        at = microseconds(begun)
        own = sources.own().pk
        return Stored(resource_type, logical_id, related.VERSION, begun, False, own, at, at + 1, body, [])

    def _versions(self, current: Stored, *, since: datetime | None, below: int | None) -> Iterator[Stored]:
        if current.logical_id != self.delegation:
            return RecordSet._versions(self, current, since=since, below=below)
        return past.within([current], since=since, below=below)
