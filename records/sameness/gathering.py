"""The facts of a kind, gathered from what a reader may read and from nothing else (DESIGN D6).

A RecordSet is what the gate let through. Clusters are formed of that alone, each time: for a reader from whom a record
is withheld they are exactly those of a record in which it never was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from records import reading
from records.query import Query
from records.sameness import clusters, conflicts, kinds, said, words
from records.sameness.clusters import Cluster
from records.sameness.conflicts import Conflict
from records.sameness.kinds import MAKES, Kind
from records.sameness.said import Ref, Said

MOST: Final = 2000
"""Of each type; older ones are not compared, and the page says so."""
_AROUND: Final = 500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATED: Final = {
    "Observation": "date",
    "DiagnosticReport": "date",
    "Immunization": "date",
    "Procedure": "date",
    "Encounter": "date",
}


class Readable(Protocol):
    """What facts are gathered from: the record as it is, or as it was known at a moment (records/asof.py)."""

    @property
    def owner_id(self) -> int: ...
    def first(self, query: Query, most: int) -> list[reading.Stored]: ...


@dataclass(frozen=True, slots=True)
class Gathered:
    """``stored``: what was opened, by its id. ``whole``: whether all that she may read was compared."""

    kind: Kind
    clusters: tuple[Cluster, ...]
    stored: Mapping[Ref, reading.Stored]
    whole: bool = True

    @property
    def conflicts(self) -> list[Conflict]:
        return conflicts.of_kind(self.kind, self.clusters)

    def conflicts_of(self, cluster: Cluster) -> list[Conflict]:
        return conflicts.of_cluster(self.kind, cluster)

    def holding(self, ref: Ref) -> Cluster | None:
        return next((each for each in self.clusters if any(member.ref == ref for member in each.members)), None)


def of_kind(records: Readable, kind: Kind, *, said_by_owner: clusters.Words | None = None) -> Gathered:
    """Every fact of a kind. ``said_by_owner``: her words where they are at hand.

    Of what her devices measure there is so much that nothing else would be left among the newest. It is not compared
    here: what two of them counted in the same time is told on the page of a day.
    """
    opened: list[reading.Stored] = []
    whole = True
    for resource_type in MAKES[kind].types:
        found = records.first(Query.of(resource_type).apart_from_devices(), MOST + 1)
        whole = whole and len(found) <= MOST
        opened += found[:MOST]
    medications = _medications(records) if kind is Kind.MEDICINES and _points(opened) else {}
    return _formed(records, kind, opened, whole, medications, said_by_owner)


def differing(records: reading.RecordSet, *, said_by_owner: clusters.Words) -> list[Gathered]:
    """The kinds of which sources can disagree (conflicts.KINDS), as far as two of them tell of it; of allergies one may
    contradict itself. Of the others nothing is opened.
    """
    spoken: dict[str, set[int]] = {}
    for count in records.counts():
        spoken.setdefault(count.resource_type, set()).add(count.source_id)
    told = {kind: set().union(*(spoken.get(each, ()) for each in make.types)) for kind, make in MAKES.items()}
    return [
        of_kind(records, kind, said_by_owner=said_by_owner)
        for kind in Kind
        if kind in conflicts.KINDS and (len(told[kind]) > 1 or (kind is Kind.ALLERGIES and told[kind]))
    ]


def around(records: reading.RecordSet, stored: reading.Stored) -> Gathered | None:
    """The facts among which a record's own is: of its day where its kind has days, else of its whole kind."""
    kind = kinds.of(stored.resource_type)
    if kind is None:
        return None
    parameter = _DATED.get(stored.resource_type)
    one = said.of(stored.resource, source_id=stored.source_id)
    if parameter is None or not MAKES[kind].once:
        return of_kind(records, kind)
    if one is None or one.low is None:
        return None
    query = (
        Query.of(stored.resource_type)
        .where(parameter, f"ge{_day(one.low, -1)}")
        .where(parameter, f"lt{_day(one.low, 2)}")
    )
    found = records.first(query, _AROUND)
    return _formed(records, kind, found, len(found) < _AROUND, {}, None)


def among(records: reading.RecordSet, kind: Kind, opened: Iterable[reading.Stored]) -> Gathered:
    """The facts that just these records tell: those of a page."""
    return _formed(records, kind, opened, True, {}, None)


def of_person(records: reading.RecordSet) -> list[Conflict]:
    """What her sources say differently of who she is."""
    found = records.every(Query.of("Patient"))
    return conflicts.of_person(
        (each.source_id, each.resource) for each in found if each.logical_id != records.patient_id
    )


def _formed(
    records: Readable,
    kind: Kind,
    opened: Iterable[reading.Stored],
    whole: bool,
    medications: Mapping[str, Mapping[str, Any]],
    said_by_owner: clusters.Words | None,
) -> Gathered:
    stored = {Ref(each.resource_type, each.logical_id): each for each in opened}
    every = [said.of(each.resource, source_id=each.source_id, medications=medications) for each in stored.values()]
    spoken = words.of(records.owner_id) if said_by_owner is None else said_by_owner
    named: list[Said] = [one for one in every if one is not None]
    return Gathered(kind, tuple(clusters.form(named, spoken)), stored, whole)


def _day(at: int, further: int) -> str:
    """The UTC day of a moment, so many days further."""
    return (_EPOCH + timedelta(microseconds=at, days=further)).date().isoformat()


def _points(opened: Iterable[reading.Stored]) -> bool:
    return any(b'"medicationReference"' in each.body for each in opened)


def _medications(records: Readable) -> dict[str, Mapping[str, Any]]:
    found = records.first(Query.of("Medication"), MOST)
    return {f"Medication/{each.logical_id}": each.resource for each in found}
